"""What can be asked of the engine, and how its answer is written down.

A binding decodes its protocol into one of these commands and hands in a `Call`. The engine does
not look inside a `Rendering` or a reply: both are the binding's bytes, kept and given back.
"""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from ucp_server.domain.attribution import Attribution
from ucp_server.domain.cart import PricedCart
from ucp_server.domain.checkout import Buyer, Checkout, Instrument, Subscriber
from ucp_server.domain.errors import Refusal
from ucp_server.domain.fulfillment import Address, WantedMethod
from ucp_server.domain.lines import WantedLine
from ucp_server.ports import Credential


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The whole content of a checkout as a caller wants it.

    On an update ``keep`` names the members whose absence means "as before" (``"lines"``, ``"buyer"``,
    ``"methods"``, ``"discount_codes"``, ``"ship_to"``; with ``"buyer_members"`` so do the members of
    a buyer that is given, with ``"consents"`` the answers that a buyer has given); for all others
    absence removes. ``claims`` as in `Basket`. ``ship_to`` is where everything goes in the cheapest
    way, where there are no ``methods``. ``agrees_to_terms`` is said by our own page alone, where the
    buyer agrees in person.
    """

    lines: tuple[WantedLine, ...]
    currency: str | None = None  # what the caller believes; ours holds
    buyer: Buyer | None = None
    methods: tuple[WantedMethod, ...] | None = None
    discount_codes: tuple[str, ...] | None = None
    claims: tuple[str, ...] = ()
    instruments: tuple[Instrument, ...] = ()
    context: dict[str, Any] | None = None
    attribution: dict[str, str] | None = None
    ship_to: Address | None = None
    agrees_to_terms: bool = False
    keep: frozenset[str] = frozenset()


class CreateCheckout(msgspec.Struct, frozen=True, kw_only=True):
    """``ttl_s``: how many seconds it stays open, where the protocol says so instead of the merchant.

    ``attribution`` is for `engine/attribution.py` alone: never what a caller said. With ``cart_id`` the
    cart's lines, buyer, context and discount codes hold instead of those that are ``wanted``, and the
    answer is the checkout that was made of the cart before, as long as that one is not over.
    """

    wanted: Wanted
    subscriber: Subscriber | None = None
    ttl_s: int | None = None
    attribution: Attribution | None = None
    cart_id: str | None = None


class UpdateCheckout(msgspec.Struct, frozen=True, kw_only=True):
    checkout_id: str
    wanted: Wanted
    subscriber: Subscriber | None = None


class CancelCheckout(msgspec.Struct, frozen=True, kw_only=True):
    checkout_id: str


class CompleteCheckout(msgspec.Struct, frozen=True, kw_only=True):
    """Pay and place the order.

    ``by_buyer`` is set by our own page: the buyer acts in person, so what needs the buyer's review
    no longer stands in the way. ``buyer`` is what is told of the buyer beside the payment: it is added
    to what is known. ``signals`` are what the platform observed of it, by name: for the payment handler,
    and kept nowhere. ``expected_total_minor`` is the total that the payer saw, where
    the protocol carries it; another one is a problem, never a charge. ``expected_revision`` is that of the
    checkout that the payer saw: another one is a `RevisionConflict`. ``after_challenge`` goes on with the
    payment whose buyer was asked by the provider, and begins no other: the instrument is that one's, and
    the credential counts for nothing.
    """

    checkout_id: str
    instrument: Instrument
    credential: Credential
    buyer: Buyer | None = None
    signals: dict[str, Any] = {}
    by_buyer: bool = False
    after_challenge: bool = False
    expected_total_minor: int | None = None
    expected_revision: int | None = None


class CreateCart(msgspec.Struct, frozen=True, kw_only=True):
    """Of ``wanted`` methods and instruments do not count.

    Its ``ship_to`` is where the goods may go, as far as it is known (a country may be all): taxes are
    estimated for there, and nothing is delivered.
    """

    wanted: Wanted
    subscriber: Subscriber | None = None


class UpdateCart(msgspec.Struct, frozen=True, kw_only=True):
    """Replaces all of the cart, but what ``wanted.keep`` names."""

    cart_id: str
    wanted: Wanted
    subscriber: Subscriber | None = None


class CancelCart(msgspec.Struct, frozen=True, kw_only=True):
    cart_id: str


CartCommand = CreateCart | UpdateCart | CancelCart

Command = CreateCheckout | UpdateCheckout | CancelCheckout | CompleteCheckout


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks whom. Every statement names both; a foreign id is an unknown one."""

    merchant_id: str
    platform_id: str


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An idempotency key: unique per (merchant, platform, operation, key).

    ``fingerprint`` is HMAC(server secret, SHA-256 of the raw body, operation, target, query).
    """

    operation: str
    key: str
    fingerprint: bytes


class Rendering(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer is written when its request is gone: the binding's name and its own note."""

    binding: str
    terms: bytes


class Renderer(Protocol):
    """A binding's hand for answers whose request is gone; ``terms`` are those of its `Rendering`."""

    def render(self, terms: bytes, checkout: Checkout) -> bytes: ...

    def render_refusal(self, terms: bytes, refusal: Refusal) -> bytes: ...


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request around a command.

    ``render`` and ``render_refusal`` are pure and quick; they give the reply's bytes as they will
    be kept and replayed; ``render_known``, if there is one, those of a checkout that was made of the
    cart before. ``refusing_problems`` are the problem codes that this caller's release
    answers as a refusal; for a create ``render`` may raise one itself, then nothing is written.
    ``arrived_s`` is the event loop's time (``loop.time()``) at which the request came in: a caller's
    patience counts from there. Without it, from the call of ``run``. ``page_url`` gives the page on which
    a buyer goes on who was sent to the payment provider.
    """

    scope: Scope
    render: Callable[[Checkout], bytes]
    render_refusal: Callable[[Refusal], bytes]
    rendering: Rendering
    key: Key | None = None
    render_known: Callable[[Checkout], bytes] | None = None
    refusing_problems: frozenset[str] = frozenset()
    arrived_s: float | None = None
    page_url: Callable[[Checkout], str] | None = None


class CartCall(msgspec.Struct, frozen=True, kw_only=True):
    """One request around a cart's command; ``render`` as in `Call`."""

    scope: Scope
    render: Callable[[PricedCart], bytes]
    key: Key | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The reply's bytes; ``replayed`` when they were kept from an earlier request.

    ``checkout_id`` is the cart's id where a cart was asked for.
    """

    reply: bytes
    replayed: bool = False
    checkout_id: str | None = None
