"""A small shop with real parts: prices in a table of its own, a PSP whose books are a file.

The books survive a kill -9, so the same PSP serves tests in one process and in several.
"""

import asyncio
import fcntl
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.simulators.ledger import Authorisation, Ledger, RefusedError
from ucp_server.domain import problems
from ucp_server.domain.checkout import Basket, Buyer, Checkout, Instrument, Line, Subscriber
from ucp_server.domain.errors import Refusal
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.money import Money
from ucp_server.domain.problems import Problem
from ucp_server.domain.quote import Quote, QuotedLine, Total
from ucp_server.domain.tools import SoldAs
from ucp_server.engine.commands import (
    Call,
    CancelCheckout,
    CompleteCheckout,
    CreateCheckout,
    Key,
    Rendering,
    Scope,
    UpdateCheckout,
    Wanted,
    WantedLine,
)
from ucp_server.engine.setup import Setup, Timings
from ucp_server.engine.submissions import BINDING as SUBMISSIONS
from ucp_server.engine.submissions import NewCard, StoredMethodRef, SubmissionRenderer, SubmitCheckout
from ucp_server.ports import (
    ActionNeeded,
    Approved,
    Attempt,
    Credential,
    Declined,
    HandlerListing,
    InstrumentOffer,
    NotSent,
    OnPage,
    Outcome,
    Settlement,
    Unknown,
    Vaulted,
)
from ucp_server.store.database import Pool

SHOP = Merchant(
    id="shop", title="Test shop", currency="EUR", home_country="DE", mail_sender="shop@example.com"
)
SCOPE = Scope(merchant_id="shop", platform_id="https://platform.example/profile")
# Leases are long, so that a starved test machine does not lose them; tests lapse them by hand.
QUICK = Timings(
    answer_within_s=30.0,
    lease_s=30.0,
    renew_every_s=0.1,
    authorise_within_s=10.0,
    ask_within_s=2.0,
    twin_poll_s=0.02,
    twin_wait_s=1.0,
    certainty_within_s=3.0,
)
PRICES = {"rose": 1200, "tulip": 500, "vase": 3000}
SECRET = b"the secret of the test shop"
# What the provider does with each card that it keeps.
CARDS = {
    "4242424242424242": "success_token",
    "4000000000000002": "fail_token",
    "4000000000003155": "challenge_token",
    "4000000000009995": "lost_after_token",
    "4000000000009987": "lost_before_token",
    "4000000000009979": "not_sent_token",
}
GOOD_CARD, BAD_CARD, CHALLENGED_CARD = list(CARDS)[:3]
LOST_AFTER_CARD, LOST_BEFORE_CARD, NOT_SENT_CARD = list(CARDS)[3:]
REFUSED_CARD = "4000000000000069"


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class SetClock:
    """Stands still until a test sets it."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.at


@dataclass
class PriceList:
    """Prices a basket line by line; ``extra`` problems come with every quote."""

    prices: dict[str, int] = field(default_factory=lambda: dict(PRICES))
    extra: tuple[Problem, ...] = ()
    hold: asyncio.Event | None = None

    async def quote(
        self, scope: Scope, merchant: Merchant, basket: Basket, *, wanted: Wanted | None, at: datetime
    ) -> tuple[Basket, Quote]:
        if self.hold is not None:
            await self.hold.wait()
        if wanted is not None:
            lines = tuple(
                Line(id=f"li_{n}", item_id=line.item_id, quantity=line.quantity, sold_as=line.sold_as)
                for n, line in enumerate(wanted.lines, 1)
            )
            basket = Basket(lines=lines, buyer=wanted.buyer, instruments=wanted.instruments)
        return basket, self._quote(merchant, basket)

    def _quote(self, merchant: Merchant, basket: Basket) -> Quote:
        found = list(self.extra)
        lines = []
        for index, line in enumerate(basket.lines):
            price = self.prices.get(line.item_id)
            if price is None:
                found.append(problems.item_unavailable(line.item_id, f"lines[{index}]"))
            amount = (price or 0) * line.quantity
            lines.append(
                QuotedLine(
                    line_id=line.id,
                    item_id=line.item_id,
                    title=line.item_id.title(),
                    unit_price_minor=price or 0,
                    quantity=line.quantity,
                    totals=(
                        Total(type="subtotal", amount_minor=amount),
                        Total(type="total", amount_minor=amount),
                    ),
                )
            )
        total = sum(row.amount_minor for line in lines for row in line.totals if row.type == "total")
        return Quote(
            currency=merchant.currency,
            lines=tuple(lines),
            totals=(
                Total(type="subtotal", amount_minor=total),
                Total(type="total", amount_minor=total),
            ),
            problems=tuple(found),
        )


class FilePsp:
    """A payment handler whose provider is a file of books; the token says how it behaves.

    ``hold`` keeps authorisations waiting after they are in the books; ``deaf`` makes look-ups and
    settlements unknown; ``settling`` makes a missing key unknown instead of never sent.
    Its vault is a folder with a file for each card, in which stands what it will do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cards = path.with_suffix(".cards")
        self.hold: asyncio.Event | None = None
        self.takes_s = 0.0
        self.arrived = asyncio.Event()
        self.is_deaf = False
        self.is_settling = False
        self.instruments: tuple[InstrumentOffer, ...] = ()
        self.declines_settlements = False
        self.return_urls: list[str] = []

    @contextmanager
    def books(self) -> Iterator[Ledger]:
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Ledger(self.path)

    def describe(self, merchant_id: str, total: Money, item_ids: Sequence[str]) -> HandlerListing | None:
        return HandlerListing(
            id="psp",
            name="test.psp",
            version="1",
            spec="https://psp.test",
            config_schema="https://psp.test",
            instruments=self.instruments,
        )

    async def authorise(self, attempt: Attempt, instrument: Instrument, credential: Credential) -> Outcome:
        token = self._token_of(credential)
        self.return_urls.append(attempt.return_url)
        if token == "not_sent_token":
            return NotSent("connection refused")
        if token == "lost_before_token":
            return Unknown("cut before it arrived")
        with self.books() as books:
            known = books.find(attempt.psp_key)
            if known is None:
                known = books.open(
                    attempt.psp_key, attempt.amount.minor, attempt.amount.currency, attempt.merchant_id
                )
                event = {"fail_token": "declined", "challenge_token": "challenged"}.get(token, "authorised")
                off = 1 if token == "off_by_one_token" else 0
                books.write(known, event, attempt.amount.minor + off)
        self.arrived.set()
        await asyncio.sleep(self.takes_s)
        if self.hold is not None:
            await self.hold.wait()
        if token == "lost_after_token":
            return Unknown("cut after it arrived")
        if token == "raise_token":
            raise RuntimeError("4242424242424242")
        return self._outcome(known)

    def _outcome(self, known: Authorisation) -> Outcome:
        match known.status:
            case "approved":
                return Approved(known.reference, Money(known.held_minor, known.currency))
            case "declined":
                return Declined("Your card was declined.")
            case "action_needed":
                return ActionNeeded("Please confirm with your bank.", "https://bank.test/challenge")
            case "voided":
                return Declined("This payment was taken back.")
            case _:
                return Unknown("pending")

    async def on_page(self, merchant_id: str, total: Money, session: str) -> OnPage | None:
        credential = Credential(type="token", members={"token": "success_token"})
        instrument = Instrument(id="account", handler_id="psp", type="account")
        return OnPage(instrument=instrument, credential=credential)

    async def look_up(self, attempt: Attempt) -> Outcome:
        if self.is_deaf:
            raise ConnectionResetError
        with self.books() as books:
            known = books.find(attempt.psp_key)
        if known is None:
            return Unknown("settling") if self.is_settling else NotSent("never seen")
        return self._outcome(known)

    async def settle(self, attempt: Attempt, action: Settlement, amount: Money, action_key: str) -> Outcome:
        if self.is_deaf:
            raise ConnectionResetError
        if self.declines_settlements:
            return Declined("The bank said no.")
        with self.books() as books:
            known = books.find(attempt.psp_key) or books.open(
                attempt.psp_key, 0, amount.currency, attempt.merchant_id
            )
            try:
                books.settle(known, action.value, amount.minor, action_key)
            except RefusedError as refused:
                return Declined(str(refused))
        return Approved(known.reference, amount)

    async def vault(self, merchant_id: str, card: Credential, key: str) -> Vaulted | Declined | Unknown:
        if self.is_deaf:
            raise ConnectionResetError(card.members["number"])
        number = str(card.members["number"])
        token = CARDS.get(number)
        if token is None:
            return Declined("This card is not taken.", code="card_declined")
        reference = f"card_{hashlib.sha256(key.encode()).hexdigest()[:20]}"
        self.cards.mkdir(exist_ok=True)
        (self.cards / reference).write_text(token)
        display: dict[str, str | int] = {"brand": "visa", "last_digits": number[-4:], "secret": number}
        return Vaulted(reference, display)

    async def forget(self, merchant_id: str, reference: str) -> None:
        if self.is_deaf:
            raise ConnectionResetError
        (self.cards / reference).unlink(missing_ok=True)

    @property
    def kept(self) -> list[str]:
        """The references of all cards in the vault."""
        return sorted(file.name for file in self.cards.glob("*"))

    def _token_of(self, credential: Credential) -> str:
        if credential.type != "vault_reference":
            return str(credential.members["token"])
        card = self.cards / str(credential.members["reference"])
        return card.read_text() if card.exists() else "fail_token"

    def pass_challenge(self, psp_key: str, *, passed: bool = True) -> None:
        with self.books() as books:
            known = books.authorisations[psp_key]
            books.write(known, "authorised" if passed else "declined", known.asked_minor)


class PlainRenderer:
    """Answers in a few facts. Both functions are pure, so that live and resumed replies are equal."""

    def render(self, terms: bytes, checkout: Checkout) -> bytes:
        return msgspec.json.encode(
            {
                "terms": terms.decode(),
                "id": checkout.id,
                "standing": checkout.standing,
                "revision": checkout.revision,
                "total": checkout.quote.total_minor,
                "problems": [problem.code for problem in checkout.problems],
                "order": checkout.order.id if checkout.order else None,
            }
        )

    def render_refusal(self, terms: bytes, refusal: Refusal) -> bytes:
        return msgspec.json.encode({"terms": terms.decode(), "refused": refusal.code})


def make_setup(pool: Pool, books: Path, **overrides: object) -> Setup:
    psp = FilePsp(books)
    given: Mapping[str, object] = {
        "pool": pool,
        "merchants": {"shop": SHOP},
        "quoting": PriceList(),
        "payments": {"shop": {"psp": psp}},
        "clock": SystemClock(),
        "renderers": {"plain": PlainRenderer(), SUBMISSIONS: SubmissionRenderer()},
        "vaults": {"shop": ("psp", psp)},
        "timings": QUICK,
        **overrides,
    }
    return Setup(**given)


def psp_of(setup: Setup) -> FilePsp:
    psp = setup.payments["shop"]["psp"]
    assert isinstance(psp, FilePsp)
    return psp


def prices_of(setup: Setup) -> PriceList:
    assert isinstance(setup.quoting, PriceList)
    return setup.quoting


def call(
    key: str | None = None,
    *,
    operation: str = "complete",
    fingerprint: bytes = b"same",
    scope: Scope = SCOPE,
    refusing: Sequence[str] = (),
    arrived_s: float | None = None,
) -> Call:
    renderer = PlainRenderer()
    return Call(
        scope=scope,
        render=lambda checkout: renderer.render(b"terms", checkout),
        render_refusal=lambda refusal: renderer.render_refusal(b"terms", refusal),
        rendering=Rendering(binding="plain", terms=b"terms"),
        key=Key(operation=operation, key=key, fingerprint=fingerprint) if key else None,
        refusing_problems=frozenset(refusing),
        arrived_s=arrived_s,
    )


BUYER = Buyer(email="buyer@example.com", full_name="Ada Buyer")
SUBSCRIBER = Subscriber(binding="plain", terms="1", url="https://platform.example/events")


def wanted(**quantities: int) -> Wanted:
    lines = tuple(WantedLine(item_id=item, quantity=n) for item, n in quantities.items())
    return Wanted(lines=lines or (WantedLine(item_id="rose", quantity=1),), buyer=BUYER)


def create(**quantities: int) -> CreateCheckout:
    return CreateCheckout(wanted=wanted(**quantities), subscriber=SUBSCRIBER)


def create_served(*tools: str) -> CreateCheckout:
    """A rose that ``tools`` fulfil."""
    sold_as = SoldAs(product_id="p1", sku="R-1", tools=tools or ("polish",))
    line = WantedLine(item_id="rose", quantity=1, sold_as=sold_as)
    return CreateCheckout(wanted=Wanted(lines=(line,), buyer=BUYER), subscriber=SUBSCRIBER)


def update(checkout_id: str, **quantities: int) -> UpdateCheckout:
    return UpdateCheckout(checkout_id=checkout_id, wanted=wanted(**quantities))


def cancel(checkout_id: str) -> CancelCheckout:
    return CancelCheckout(checkout_id=checkout_id)


def complete(checkout_id: str, token: str = "success_token", **more: object) -> CompleteCheckout:
    return CompleteCheckout(
        checkout_id=checkout_id,
        instrument=Instrument(id="instr_1", handler_id="psp", type="card"),
        credential=Credential(type="token", members={"token": token}),
        **more,
    )


def card(number: str = GOOD_CARD) -> Credential:
    members = {"number": number, "cvc": "123", "expiry_month": 7, "expiry_year": 2031}
    return Credential(type="card", members=members)


def order(
    tracking: str,
    pays: str | StoredMethodRef = GOOD_CARD,
    *,
    keep: bool = False,
    **more: object,
) -> SubmitCheckout:
    """One rose; ``pays`` is a card's number, or a stored method."""
    pay_with = NewCard(card=card(pays), keep=keep, alias="mine") if isinstance(pays, str) else pays
    given: dict[str, object] = {
        "owner": "ada",
        "wanted": wanted(),
        "pay_with": pay_with,
        "fingerprint": b"same",
        "tracking": tracking,
        "subscriber": SUBSCRIBER,
        **more,
    }
    return SubmitCheckout(**given)


async def put_stock(pool: Pool, **pieces: int) -> None:
    async with pool.connection() as connection:
        await connection.executemany(
            "insert into inventory (merchant_id, item_id, on_hand) values ('shop', $1, $2)",
            list(pieces.items()),
        )


async def put_tools(pool: Pool, *tools: str) -> None:
    async with pool.connection() as connection:
        await connection.executemany(
            "insert into tools (merchant_id, id, url, timeout_s) values ('shop', $1, $2, 2)",
            [(tool, f"https://tools.test/{tool}") for tool in tools],
        )


def seen(answer_reply: bytes) -> dict[str, object]:
    decoded: dict[str, object] = msgspec.json.decode(answer_reply)
    return decoded
