"""What each test token makes a payment provider do, in whatever form the provider comes.

One table for the mock that decides by itself and for the PSP simulator of the tests, so that a
token tried in the demo shop means the same in the fault tests.
"""

import re
from typing import Literal

import msgspec

from ucp_server.ports import Credential

Verdict = Literal["approved", "declined", "action_needed", "pending"]
Trouble = Literal["none", "lost_before", "lost_after", "error_before", "error_after", "garbage"]

# A token may ask for at most this much waiting: longer than any deadline of ours, shorter than a
# forgotten test run.
DELAY_MAX_S = 120.0


class Behaviour(msgspec.Struct, frozen=True):
    """verdict: what is recorded. trouble: what the caller sees instead of the answer.

    `lost_*` cuts the line, `error_*` answers 500, `garbage` answers no JSON; `*_before` means
    that nothing was recorded. delay_s: seconds before the verdict (for `pending`: until it turns
    into an approval, 0 for never). amount_off_minor: added to the approved amount.
    """

    verdict: Verdict
    delay_s: float = 0.0
    trouble: Trouble = "none"
    amount_off_minor: int = 0

    def without_trouble(self) -> "Behaviour":
        return msgspec.structs.replace(self, trouble="none")


TOKENS: dict[str, Behaviour] = {
    "success_token": Behaviour("approved"),
    "fail_token": Behaviour("declined"),
    "step_up_token": Behaviour("action_needed"),
    "pending_token": Behaviour("pending"),
    "unknown_token": Behaviour("approved", trouble="lost_after"),
    "lost_before": Behaviour("approved", trouble="lost_before"),
    "http500_before": Behaviour("approved", trouble="error_before"),
    "http500_after": Behaviour("approved", trouble="error_after"),
    "garbage_token": Behaviour("approved", trouble="garbage"),
    "amount_off_token": Behaviour("approved", amount_off_minor=1),
}
# Card numbers that everybody knows for test ones, as in the official suite.
TEST_CARDS: dict[object, str] = {
    "4242424242424242": "success_token",
    "4000000000000002": "fail_token",
    "4000000000003155": "step_up_token",
    "4000000000000069": "fail_token",
}
# Not even kept: its expiry date is over.
REFUSED_BY_VAULT = frozenset({"4000000000000069"})
_TIMED = re.compile(r"(slow|pending)_([0-9]{1,3}(?:\.[0-9]{1,3})?)", re.ASCII)


def behaviour_of(token: str, *, stranger: Verdict = "declined") -> Behaviour:
    """Look the token up; `slow_<seconds>` approves late, `pending_<seconds>` settles late.

    A token that is not in the table gets the verdict `stranger`.
    """
    timed = _TIMED.fullmatch(token)
    if timed is None:
        return TOKENS.get(token, Behaviour(stranger))
    delay_s = min(float(timed[2]), DELAY_MAX_S)
    return Behaviour("approved" if timed[1] == "slow" else "pending", delay_s=delay_s)


def token_of(credential: Credential) -> str:
    """The token of a credential, or the one that a test card's number stands for; "" for neither."""
    token = credential.members.get("token")
    if isinstance(token, str):
        return token
    return TEST_CARDS.get(credential.members.get("number"), "")
