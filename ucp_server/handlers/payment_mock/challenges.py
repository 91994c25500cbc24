"""The questions of the mock's bank: which payment each is about, and where its buyer goes afterwards.

What was decided stands in the books alone.
"""

import hashlib
from pathlib import Path

import msgspec

from ucp_server.handlers.payment_mock.files import place_of, read_if_there, write_whole
from ucp_server.ports import Attempt


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """``return_url`` is empty where no page waits for the buyer."""

    psp_key: str
    amount_minor: int
    currency: str
    return_url: str


class Challenges:
    """Blocking: call it from a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ask(self, attempt: Attempt) -> None:
        """Keep what the page of `challenge_id` has to know."""
        challenge = Challenge(
            psp_key=attempt.psp_key,
            amount_minor=attempt.amount.minor,
            currency=attempt.amount.currency,
            return_url=attempt.return_url,
        )
        write_whole(place_of(self._folder, challenge_id(attempt.psp_key)), msgspec.json.encode(challenge))

    def find(self, asked_id: str) -> Challenge | None:
        content = read_if_there(place_of(self._folder, asked_id))
        return None if content is None else msgspec.json.decode(content, type=Challenge)


def challenge_id(psp_key: str) -> str:
    """Always the same for one payment, and not to be guessed by who does not know its key."""
    return hashlib.sha256(f"challenge/{psp_key}".encode()).hexdigest()[:40]
