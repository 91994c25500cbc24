"""A checkout: what was asked for (basket), what it costs (quote), where it stands (state)."""

import re
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from ucp_server.domain.attribution import Attribution
from ucp_server.domain.fulfillment import Address, Method
from ucp_server.domain.lifecycle import Standing, State, standing_of
from ucp_server.domain.problems import Problem
from ucp_server.domain.quote import Quote
from ucp_server.domain.tools import SoldAs

# A language tag (RFC 5646, 2.1) in its usual parts; callers may send any text.
_LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,6}", re.ASCII)


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``quantity`` pieces of one item; ``id`` is ours, unique in the checkout, kept over updates."""

    id: str
    item_id: str
    quantity: int
    parent_id: str | None = None
    sold_as: SoldAs | None = None


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What the buyer agreed to: ``purpose`` is a reverse-domain name (buyer consent extension)."""

    purpose: str
    granted: bool
    source: Literal["business", "platform"] = "platform"


class Buyer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The person who pays, as far as the platform told; all texts as given."""

    email: str | None = None
    phone_number: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    consents: tuple[Consent, ...] = ()

    def with_answers(self, told: tuple[Consent, ...]) -> "Buyer":
        """The same buyer with the answers ``told`` now; those to other purposes stay as they were."""
        answers = {consent.purpose: consent for consent in (*self.consents, *told)}
        return msgspec.structs.replace(self, consents=tuple(answers.values()))

    def with_members(self, told: "Buyer") -> "Buyer":
        """The same buyer with every member that ``told`` has, its answers among those of before."""
        members = {name: value for name in told.__struct_fields__ if (value := getattr(told, name))}
        members["consents"] = self.with_answers(told.consents).consents
        return msgspec.structs.replace(self, **members)


class Instrument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A way to pay as it may be shown and kept. A credential is never part of it.

    ``display`` holds allow-listed facts only: brand, last_digits, expiry_month, expiry_year,
    description, card_art.
    """

    id: str
    handler_id: str
    type: str
    selected: bool = False
    display: dict[str, str | int] = {}
    billing_address: Address | None = None


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """Who hears of the order: the binding that renders for it, its terms, where it listens.

    ``terms`` is the binding's own note to itself (the release, say); nobody else reads it.
    """

    binding: str
    terms: str
    url: str


class Basket(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that was asked for, free of prices. A PUT replaces it whole.

    ``lines_made`` counts the line ids ever given, so that none comes twice. ``methods`` hold the
    destinations that the caller sent; a buyer's stored ones are added with each quote. ``claims`` are
    what the buyer claims to be entitled to (reverse-domain names), each once. ``ship_to`` is for
    protocols that have an address and no methods: all goods go there, in the cheapest way.
    ``terms_agreed_at`` is when the buyer agreed to the terms in person; nobody replaces that.
    """

    lines: tuple[Line, ...]
    buyer: Buyer | None = None
    methods: tuple[Method, ...] | None = None
    discount_codes: tuple[str, ...] | None = None
    claims: tuple[str, ...] = ()
    instruments: tuple[Instrument, ...] = ()
    context: dict[str, Any] | None = None
    attribution: dict[str, str] | None = None
    lines_made: int = 0
    ship_to: Address | None = None
    terms_agreed_at: datetime | None = None

    @property
    def language(self) -> str:
        """The language tag that the buyer is known to want; empty where it is none, or nobody said."""
        told = (self.context or {}).get("language")
        return told if isinstance(told, str) and _LANGUAGE_TAG.fullmatch(told) else ""


class PlacedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The order that a completed checkout became."""

    id: str
    permalink_token: str


class Checkout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One checkout of one merchant with one platform. Stored whole, written by revision.

    ``id`` is a UUIDv7 as text; ``link_token`` opens the hand-off page (128 random bits) and is not
    the id. ``quote`` is what the last write computed; its problems decide the standing.
    """

    id: str
    merchant_id: str
    platform_id: str
    revision: int
    state: State
    currency: str
    basket: Basket
    quote: Quote
    link_token: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    subscriber: Subscriber | None = None
    order: PlacedOrder | None = None
    # Problems of the last attempt to pay; the next change of the basket clears them.
    payment_problems: tuple[Problem, ...] = ()
    # Where the buyer passes the challenge that such a problem tells of, if the provider has a page.
    challenge_url: str | None = None
    # How many payments were declined, and what that led to: no change of the basket clears it.
    declines: int = 0
    lasting_problems: tuple[Problem, ...] = ()
    # The recommendation that it comes from: written at its creation, by us alone, and never again.
    # What a caller says of the sort lies in the basket.
    attribution: Attribution | None = None
    # The cart that it was made of.
    cart_id: str | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.quote.problems + self.payment_problems + self.lasting_problems

    @property
    def standing(self) -> Standing:
        return standing_of(self.state, self.problems)
