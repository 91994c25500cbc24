"""`ports.Payment`, `ports.Vault` and `hosted.Hosted` that decide by the token or card they are given.

There are books, and no provider behind them.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ucp_server.domain.checkout import Instrument
from ucp_server.domain.money import Money
from ucp_server.handlers.payment_mock.books import Books, Record
from ucp_server.handlers.payment_mock.cards import Cards
from ucp_server.handlers.payment_mock.challenges import Challenges, challenge_id
from ucp_server.handlers.payment_mock.decisions import (
    Refused,
    opened,
    outcome_of,
    reference_of,
    settled,
)
from ucp_server.handlers.payment_mock.hosted import Bank, application
from ucp_server.handlers.payment_mock.sessions import Sessions
from ucp_server.handlers.payment_mock.tokens import Verdict, behaviour_of, token_of
from ucp_server.hosted import HostedApp, Site
from ucp_server.ports import (
    ActionNeeded,
    Approved,
    Attempt,
    Clock,
    Credential,
    Declined,
    HandlerListing,
    NotSent,
    OnPage,
    Outcome,
    Settlement,
    Unknown,
    Vaulted,
)

# What the vault writes down for a card that is no test card.
_TOKENS: dict[Verdict, str] = {
    "approved": "success_token",
    "declined": "fail_token",
    "action_needed": "step_up_token",
    "pending": "pending_token",
}


class MockPayment:
    """folder: where its books are. stranger: what a token that it does not know gets.

    Demo and suite shops approve strangers, since real wallets bring tokens of their own. Until it is
    ``hosted`` it has no pages: then a buyer's agreement pays, and a challenge has no address.
    """

    def __init__(
        self, listing: HandlerListing, folder: Path, clock: Clock, *, stranger: Verdict = "declined"
    ) -> None:
        self._listing = listing
        self._books = Books(folder)
        self._cards = Cards(folder / "cards", stranger=_TOKENS[stranger])
        self._clock = clock
        self._stranger = stranger
        self._sessions = Sessions(folder / "sessions")
        self._challenges = Challenges(folder / "challenges")
        self._site: Site | None = None

    def hosted(self, site: Site) -> HostedApp:
        """The fields of a card, and its bank's question."""
        self._site = site
        return application(
            site,
            Bank(
                books=self._books,
                cards=self._cards,
                sessions=self._sessions,
                challenges=self._challenges,
                clock=self._clock,
            ),
        )

    def describe(self, merchant_id: str, total: Money, item_ids: Sequence[str]) -> HandlerListing | None:
        """Listed for every cart."""
        del merchant_id, total, item_ids
        return self._listing

    async def authorise(self, attempt: Attempt, instrument: Instrument, credential: Credential) -> Outcome:
        """Decide by the token, once per key; trouble strikes the first time."""
        del instrument
        token, stranger = await self._token_of(credential)
        behaviour = behaviour_of(token, stranger=stranger)
        if behaviour.delay_s and behaviour.verdict != "pending":
            await self._be_slow(attempt, behaviour.delay_s)
        if behaviour.verdict == "action_needed":
            await asyncio.to_thread(self._challenges.ask, attempt)
        now_s = self._now_s()
        first_time = False

        def decide(before: Record | None) -> Record:
            nonlocal first_time
            first_time = before is None
            calm = behaviour if before is None else behaviour.without_trouble()
            if before is not None and before.status != "none":
                return before
            return opened(attempt.psp_key, attempt.amount, calm, now_s)

        record = await asyncio.to_thread(self._books.change, attempt.psp_key, decide)
        if first_time and behaviour.trouble != "none":
            return Unknown("The line to the provider was lost.")
        if record.status != "voided" and record.asked_minor != attempt.amount.minor:
            return Unknown("The provider knows this key with another amount.")
        outcome = outcome_of(record, now_s)
        if isinstance(outcome, Declined):
            await self._forget_entered(credential)
        return self._told(attempt, outcome)

    async def look_up(self, attempt: Attempt) -> Outcome:
        record = await asyncio.to_thread(self._books.find, attempt.psp_key)
        if record is None:
            return NotSent("The provider does not know this payment.")
        return self._told(attempt, outcome_of(record, self._now_s()))

    async def settle(self, attempt: Attempt, action: Settlement, amount: Money, action_key: str) -> Outcome:
        """Voiding a key that never came bars it, so that a late authorisation is declined."""
        now_s = self._now_s()

        def decide(before: Record | None) -> Record:
            if before is None:
                if action is not Settlement.VOID:
                    raise Refused("there is nothing to settle")
                before = _bar(attempt)
            elif isinstance(outcome_of(before, now_s), Approved):
                before = before.decided()
            return settled(before, action, amount.minor, action_key)

        try:
            record = await asyncio.to_thread(self._books.change, attempt.psp_key, decide)
        except Refused as refused:
            return Declined(f"Refused: {refused}.", code="settlement_refused")
        return Approved(record.reference, amount, captured=record.captured_minor > 0)

    async def vault(self, merchant_id: str, card: Credential, key: str) -> Vaulted | Declined:
        """Test cards do what their numbers say; any other card is a stranger's token."""
        return await asyncio.to_thread(self._cards.keep, card, f"{merchant_id}/{key}")

    async def forget(self, merchant_id: str, reference: str) -> None:
        del merchant_id
        await asyncio.to_thread(self._cards.forget, reference)

    async def on_page(self, merchant_id: str, total: Money, session: str) -> OnPage | None:
        """A card in fields of its own; without them the agreement pays, as with an account on file."""
        del merchant_id, total
        if self._site is None or not session:
            return self._on_file()
        card = await asyncio.to_thread(self._sessions.open, session, self._now_s())
        fields_url = f"{self._site.url}/fields/{session}"
        if card is None:
            return OnPage(fields_url=fields_url)
        instrument = Instrument(
            id="entered-card",
            handler_id=self._listing.id,
            type="card",
            selected=True,
            display=card.display,
        )
        credential = Credential(type="token", members={"token": card.token, "session": session})
        return OnPage(instrument=instrument, credential=credential, fields_url=fields_url)

    async def _forget_entered(self, credential: Credential) -> None:
        """Whoever was declined sees empty fields again."""
        session = credential.members.get("session")
        if isinstance(session, str):
            await asyncio.to_thread(self._sessions.forget, session)

    def _on_file(self) -> OnPage:
        instrument = Instrument(
            id="account-on-file",
            handler_id=self._listing.id,
            type="account",
            selected=True,
            display={"description": "Demo account"},
        )
        return OnPage(
            instrument=instrument, credential=Credential(type="token", members={"token": "success_token"})
        )

    def _told(self, attempt: Attempt, outcome: Outcome) -> Outcome:
        """With the address where the buyer answers the bank's question."""
        if self._site is None or not isinstance(outcome, ActionNeeded):
            return outcome
        return msgspec.structs.replace(
            outcome, url=f"{self._site.url}/challenge/{challenge_id(attempt.psp_key)}"
        )

    async def _token_of(self, credential: Credential) -> tuple[str, Verdict]:
        """The token, and what becomes of one that is not known: a card that is not kept pays nothing."""
        reference = credential.members.get("reference")
        if credential.type != "vault_reference" or not isinstance(reference, str):
            return token_of(credential), self._stranger
        return await asyncio.to_thread(self._cards.token_of, reference), "declined"

    async def _be_slow(self, attempt: Attempt, delay_s: float) -> None:
        """As slow as the token says, unless the answer is known already."""
        if await asyncio.to_thread(self._books.find, attempt.psp_key) is None:
            await asyncio.sleep(delay_s)

    def _now_s(self) -> float:
        return self._clock.now().timestamp()


def _bar(attempt: Attempt) -> Record:
    return Record(
        reference=reference_of(attempt.psp_key),
        status="none",
        amount_minor=0,
        asked_minor=0,
        currency=attempt.amount.currency,
    )
