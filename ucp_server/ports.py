"""Where outsiders plug in: one small Protocol each, values in and values out, no state kept for us.

A plug-in never sees a database, a header or a protocol. It may be slow or wrong: every call has a
deadline, runs with nothing open, and its answer is checked by the caller.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol

import msgspec

from ucp_server.domain.attribution import Offer, OfferQuery
from ucp_server.domain.catalog import Item, Market, Named, Product, Search
from ucp_server.domain.checkout import Buyer, Instrument
from ucp_server.domain.discounts import DiscountRule
from ucp_server.domain.fulfillment import Address, Destination, Option
from ucp_server.domain.money import Money
from ucp_server.domain.quote import PricedLine
from ucp_server.domain.taxes import TaxRule

# --- time ---


class Clock(Protocol):
    """The time, always aware and in UTC. Leases and expiry use the database's clock instead."""

    def now(self) -> datetime: ...


# --- catalog, stock ---


class Catalog(Protocol):
    async def items(self, merchant_id: str, item_ids: Sequence[str]) -> Mapping[str, Item]:
        """The items that exist, by id; one that is missing is not for sale."""
        ...

    async def search(self, merchant_id: str, search: Search, limit: int) -> Sequence[str]:
        """Ids of products that fit, best first, each once, at most ``limit``.

        Prices and stock are looked at as they are at this moment. Delivery (``methods``,
        ``fulfills_to``) is not the catalog's matter: those filters are applied by the caller.
        """
        ...

    async def resolve(self, merchant_id: str, ids: Sequence[str]) -> Mapping[str, Sequence[Named]]:
        """What ids of products or variants, SKUs, barcodes and handles stand for.

        An unknown one is missing; one of several products or variants has them all.
        """
        ...

    async def products(
        self, merchant_id: str, product_ids: Sequence[str], market: Market
    ) -> Mapping[str, Product]:
        """The products that exist, whole and with today's prices, by id."""
        ...


class Stock(Protocol):
    """How many there are. A merchant who keeps its own stock elsewhere plugs that in here.

    Our own stock (``store/stock.py``) is reserved by the statement that opens the attempt, so its
    ``reserve`` is never called; for all others it is called before the payment. ``hold_id`` is the
    idempotency key: a new one each time that a payment begins, the same in every repeat.
    """

    async def available(self, merchant_id: str, item_ids: Sequence[str]) -> Mapping[str, int]:
        """Pieces that can be sold now, by id; one that is missing is not limited."""
        ...

    async def reserve(self, merchant_id: str, hold_id: str, wanted: Mapping[str, int]) -> bool:
        """Hold all pieces or none; False when there are too few. Safe to repeat."""
        ...

    async def release(self, merchant_id: str, hold_id: str) -> None:
        """Give back what is held under ``hold_id``, if anything. Safe to repeat."""
        ...

    async def confirm(self, merchant_id: str, hold_id: str) -> None:
        """The held pieces are sold. Safe to repeat."""
        ...


# --- offers ---


class Offers(Protocol):
    """What may be recommended, of all merchants. An offer's id is its own among all of them."""

    async def search(self, query: OfferQuery) -> Sequence[Offer]:
        """Active offers that fit, cheapest first, at most ``query.limit``."""
        ...

    async def find(self, offer_id: str) -> Offer | None:
        """Also one that is not active."""
        ...


# --- customers ---


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """What the shop knows of a buyer: ``known`` when registered, and addresses, oldest first."""

    known: bool
    addresses: tuple[Destination, ...] = ()


class Customers(Protocol):
    async def find(self, merchant_id: str, email: str) -> Customer:
        """What is known of the owner of an e-mail address, in any letter case."""
        ...


class Eligibility(Protocol):
    """Who is entitled to what the shop grants to members, students and the like."""

    async def verified(
        self, merchant_id: str, claims: Sequence[str], buyer: Buyer | None, instrument: Instrument
    ) -> Collection[str]:
        """Those of ``claims`` (reverse-domain names) that hold for who orders and how it is paid.

        Asked when an order is to be placed, with claims alone that brought a benefit.
        """
        ...


# --- all of these in one question ---


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """What a quote has to know at this moment: see `Catalog`, `Stock` and `Customers`."""

    items: Mapping[str, Item]
    available: Mapping[str, int]
    customer: Customer | None = None


class Shop(Protocol):
    """Catalog, stock and customers together, for those who can answer in one round trip.

    Our own is one SQL statement; three plug-ins become one by ``engine/shelves.py``.
    """

    async def look(self, merchant_id: str, item_ids: Sequence[str], email: str | None) -> Shelf:
        """The customer is None when there is no ``email``."""
        ...


# --- prices, taxes, discounts ---


class Pricing(Protocol):
    """The rules of the shop's prices; the arithmetic is ours, so that every sum holds."""

    async def discounts(
        self, merchant_id: str, lines: Sequence[PricedLine], codes: Sequence[str]
    ) -> Sequence[DiscountRule]:
        """All automatic rules, and those named by ``codes`` in any letter case."""
        ...

    async def taxes(self, merchant_id: str, at: Address) -> Sequence[TaxRule]:
        """The rules that hold at an address, most specific first."""
        ...


# --- delivery ---


class Rates(Protocol):
    async def options(self, merchant_id: str, to: Address, lines: Sequence[PricedLine]) -> Sequence[Option]:
        """Ways to ship ``lines`` to an address, cheapest first; empty when it is undeliverable."""
        ...

    async def locations(
        self, merchant_id: str, lines: Sequence[PricedLine]
    ) -> Sequence[tuple[Destination, Option]]:
        """Places where the buyer can collect ``lines``, each with its pickup option."""
        ...


# --- payment ---


class InstrumentOffer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A kind of instrument that can be paid with, such as ``card``.

    ``constraints`` say what has to hold of it: ``{"properties": {"brand": {"enum": ["visa"]}}}``, and
    whatever else the grammar has (ucp/constraints.py).
    """

    type: str
    constraints: dict[str, Any] = {}


class HandlerListing(msgspec.Struct, frozen=True, kw_only=True):
    """How a payment handler is advertised. ``config`` is public; urls are absolute.

    ``id`` is the name instruments refer to, ``name`` the reverse-domain name of the handler;
    ``instruments`` what it takes for this cart, the preferred first: all that it knows where it says
    nothing.
    """

    id: str
    name: str
    version: str
    spec: str
    config_schema: str
    instrument_schemas: tuple[str, ...] = ()
    config: dict[str, object] = {}
    instruments: tuple[InstrumentOffer, ...] = ()


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """Something single-use that pays. It lives in memory for one call and is printed as dots."""

    type: str
    members: dict[str, object]

    def __repr__(self) -> str:
        return "Credential(••••)"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try to move money. ``psp_key`` is the idempotency key for the provider, ours alone.

    ``signals`` are what a platform observed of its buyer (``dev.ucp.buyer_ip``), there for `authorise`
    alone: personal, and never stored or printed. ``return_url`` is there for `authorise`, too: where the
    buyer goes after whatever the provider asks of them; empty where no page of ours waits for them. It
    opens their checkout, so that only the buyer may be shown it.
    """

    id: str
    merchant_id: str
    checkout_id: str
    psp_key: str
    handler_id: str
    amount: Money
    signals: dict[str, object] = {}
    return_url: str = ""

    def __repr__(self) -> str:
        return f"Attempt({self.id})"


class Approved(msgspec.Struct, frozen=True, tag=True):
    """The provider holds (or took) ``amount``. ``captured`` when no capture has to follow."""

    reference: str
    amount: Money
    captured: bool = False


class Declined(msgspec.Struct, frozen=True, tag=True):
    """An explicit no. ``text`` may be shown to the buyer."""

    text: str
    code: str = "payment_failed"


class ActionNeeded(msgspec.Struct, frozen=True, tag=True):
    """The buyer has to do something first, at ``url`` where there is one."""

    text: str
    url: str | None = None


class Unknown(msgspec.Struct, frozen=True, tag=True):
    """Anything that is not an explicit answer. Pending until a look-up says otherwise."""

    text: str


class NotSent(msgspec.Struct, frozen=True, tag=True):
    """The provider certainly never saw it.

    Connection refused, no such host; or a look-up of a key that the provider does not know after
    its settle time.
    """

    text: str


Outcome = Approved | Declined | ActionNeeded | Unknown | NotSent


class Settlement(StrEnum):
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class OnPage(msgspec.Struct, frozen=True, kw_only=True):
    """What pays where the buyer agrees on our own page.

    ``fields_url`` is a page of the provider's at another origin, which ours frames: there the buyer
    enters a card that never reaches us. To the URL we add ``lang`` (BCP 47) and ``origin``, our page's own,
    and ``another`` where a card is there already. Until one is entered there is neither instrument nor
    credential. Without a URL the buyer's agreement alone pays (an account on file, an invoice).

    The framed page needs no script. With one it says ``{"type": "ready"}`` to its parent, and on
    ``{"type": "submit"}`` takes what was entered: it then says ``{"type": "entered"}``, or
    ``{"type": "failed"}`` where something is wrong, which it shows itself.
    """

    instrument: Instrument | None = None
    credential: Credential | None = None
    fields_url: str = ""


class Payment(Protocol):
    """A payment handler. Deadlines are the caller's; a raised exception counts as `Unknown`."""

    def describe(self, merchant_id: str, total: Money, item_ids: Sequence[str]) -> HandlerListing | None:
        """How it is listed for this cart; None when it cannot be used for it."""
        ...

    async def authorise(self, attempt: Attempt, instrument: Instrument, credential: Credential) -> Outcome:
        """Ask the provider to hold the amount, idempotent by ``attempt.psp_key``."""
        ...

    async def look_up(self, attempt: Attempt) -> Outcome:
        """What became of ``attempt.psp_key``; never moves money."""
        ...

    async def settle(self, attempt: Attempt, action: Settlement, amount: Money, action_key: str) -> Outcome:
        """Capture, void or refund, idempotent by ``action_key``. `Approved` means done."""
        ...

    async def on_page(self, merchant_id: str, total: Money, session: str) -> OnPage | None:
        """What the buyer can pay with on our own page; None where nothing.

        ``session`` names this checkout's page, always the same and not to be guessed. It is empty where
        there is no page to enter a card on: then the answer is what an agreement alone pays with, if
        anything, else whether there would be fields.
        """
        ...


class Vaulted(msgspec.Struct, frozen=True, tag=True):
    """The provider keeps the card. ``display`` may be shown, as in `Instrument`; the reference pays."""

    reference: str
    display: dict[str, str | int]

    def __repr__(self) -> str:
        return "Vaulted(••••)"


class Vault(Protocol):
    """What a payment handler may offer beside `Payment`: it keeps cards for later payments.

    Its ``authorise`` is then given ``Credential(type="vault_reference", members={"reference": ...})``.
    """

    async def vault(self, merchant_id: str, card: Credential, key: str) -> Vaulted | Declined | Unknown:
        """Have the provider, and nobody else, keep ``card``.

        The same ``key`` is the same reference, another key another one, also for a known card.
        Its members: ``number`` (digits), ``expiry_month`` (1 to 12), ``expiry_year`` (four digits),
        ``cvc`` and ``name`` where they are known. `Declined` has the code ``invalid_card`` for what is
        no card, ``card_declined`` for one that the provider does not take.
        """
        ...

    async def forget(self, merchant_id: str, reference: str) -> None:
        """Drop the card, if it is there. Safe to repeat; raises where the provider does not confirm."""
        ...


# --- mail ---


class MailMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One mail. ``message_id`` stays the same over all tries; ``language`` is a BCP 47 tag, or empty."""

    sender: str
    recipient: str
    subject: str
    text: str
    message_id: str
    html: str | None = None
    language: str = ""


class MailUndelivered(Exception):
    """``permanent`` when trying again is pointless (the mailbox does not exist)."""

    def __init__(self, text: str, *, permanent: bool) -> None:
        super().__init__(text)
        self.text = text
        self.permanent = permanent


class Mail(Protocol):
    async def send(self, message: MailMessage) -> None:
        """Hand it over for delivery; raises `MailUndelivered`."""
        ...


# --- outbound HTTP ---


class Fetched(msgspec.Struct, frozen=True):
    """Any complete answer, whatever its status."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


FetchCode = Literal["forbidden_url", "unreachable", "too_large", "timeout", "redirected", "tls"]


class FetchRefused(Exception):
    """No usable answer. ``code`` says why; ``text`` holds no secret and no address inside us."""

    def __init__(self, code: FetchCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Fetch(Protocol):
    """The one way out. Never follows redirects, never reaches an address that is not public."""

    async def get(self, url: str, *, accept: str, max_bytes: int, timeout_s: float) -> Fetched: ...

    async def post(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        max_bytes: int,
        timeout_s: float,
    ) -> Fetched: ...


# --- tools ---


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool is to do, and for which line of which order.

    ``id`` stays the same over all tries: whoever got it before does nothing twice. ``url`` is where
    the merchant said that the tool is, ``timeout_s`` how long it may take.
    """

    id: str
    tool_id: str
    url: str
    timeout_s: float
    merchant_id: str
    order_id: str
    product_id: str
    sku: str
    item_id: str
    title: str
    quantity: int
    buyer_email: str | None = None


class Ran(msgspec.Struct, frozen=True, tag=True):
    """It did its work; ``output`` is shown to whoever ordered."""

    output: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """An explicit no: trying again is pointless."""

    output: str


class Unreached(msgspec.Struct, frozen=True, tag=True):
    """No usable answer this time."""

    output: str


ToolAnswer = Ran | Failed | Unreached


class Tools(Protocol):
    """How the merchant's tools are asked. A raised exception counts as `Unreached`."""

    async def run(self, call: ToolCall) -> ToolAnswer:
        """Have one tool do its work, within ``call.timeout_s``."""
        ...
