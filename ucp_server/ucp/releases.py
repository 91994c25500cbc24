"""The releases of UCP, one row each: what a release has, and what it did differently.

Code asks a row for a fact and never for its date. Serving one release more is a row here, a module
of steps, a folder of schemas, and its name in `SERVED`.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec

from ucp_server.domain.errors import AttemptInFlight, NotReady
from ucp_server.domain.problems import DESTINATION_UNKNOWN, FULFILLMENT_MISSING
from ucp_server.ucp.steps import Step, apply, to_2026_01_11, to_2026_01_23, to_2026_04_08

Wire = dict[str, Any]
ErrorForm = Literal["messages", "transport"]
InstrumentsTold = Literal["by_expression", "by_brand", "not"]
# Where the result of a tool has the document: as its structured content, or as the result itself.
ToolsTell = Literal["structured", "result"]
EventSignature = Literal["detached_jws", "http_message"]

CHECKOUT: Final = "dev.ucp.shopping.checkout"
CART: Final = "dev.ucp.shopping.cart"
CATALOG_SEARCH: Final = "dev.ucp.shopping.catalog.search"
CATALOG_LOOKUP: Final = "dev.ucp.shopping.catalog.lookup"
ORDER: Final = "dev.ucp.shopping.order"
FULFILLMENT: Final = "dev.ucp.shopping.fulfillment"
DISCOUNT: Final = "dev.ucp.shopping.discount"
BUYER_CONSENT: Final = "dev.ucp.shopping.buyer_consent"
SHOPPING: Final = "dev.ucp.shopping"


class Versions(msgspec.Struct, frozen=True):
    """A range of versions, both ends included; without ``last`` it has no end.

    An extension of a vendor states it as dates (S/ucp.json#/$defs/version_constraint), so dates are
    put in order here; none of our own releases is told by it.
    """

    first: str
    last: str | None = None

    def admits(self, version: str) -> bool:
        return self.first <= version and (self.last is None or version <= self.last)


class Requires(msgspec.Struct, frozen=True, kw_only=True):
    """What an extension cannot work without (S/ucp.json#/$defs/requires)."""

    protocol: Versions | None = None
    capabilities: Mapping[str, Versions] = MappingProxyType({})


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """A capability or extension as a release publishes it; ``extends`` names its possible parents.

    Without a ``version`` it has that of its release, as all of ``dev.ucp`` have.
    """

    name: str
    spec: str
    schema: str
    extends: tuple[str, ...] = ()
    version: str = ""
    requires: Requires | None = None


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """How a release lets a platform frame the pages of a checkout (T3:D/embedded-checkout).

    ``delegations`` are what the platform's page can take over from ours, ``schemes`` the colours that
    it can ask for. ``told_in_checkouts``: a checkout's replies say so too, and not the profile alone.
    ``answers_hold_status``: what failed on the other side is a result with a status, no error of
    JSON-RPC. ``errors_at`` are the members of ``ec.error`` that hold the error, "" for the message's
    own; a release without them has no such message.
    """

    schema: str
    delegations: tuple[str, ...]
    schemes: tuple[str, ...] = ("light", "dark")
    told_in_checkouts: bool = True
    tells_totals: bool = True
    answers_hold_status: bool = True
    errors_at: tuple[Literal["", "error"], ...] = ()


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One dated release.

    ``requests`` lead from it to the next newer release, ``checkouts``, ``carts`` and ``orders`` from
    there to it. ``request_members`` are what a create or update can have without an extension,
    ``complete_members`` all that a complete can have.
    ``refusing_problems`` are, by operation, the problem codes that it answers as a refusal;
    ``refusals_shown`` the codes of refusals that it answers with the checkout as it stands, and with
    what refused the request among its messages.
    """

    version: str
    capabilities: tuple[Capability, ...]
    service_spec: str
    rest_schema: str
    mcp_schema: str
    embedding: Embedding
    request_members: frozenset[str]
    complete_members: frozenset[str]
    requests: tuple[Step, ...] = ()
    checkouts: tuple[Step, ...] = ()
    carts: tuple[Step, ...] = ()
    orders: tuple[Step, ...] = ()
    catalogs: tuple[Step, ...] = ()
    refusing_problems: Mapping[str, frozenset[str]] = MappingProxyType({})
    refusals_shown: Mapping[str, frozenset[str]] = MappingProxyType({})
    # profile and envelope
    capabilities_are_a_list: bool = False
    services_hold_one_object: bool = False
    handlers_are_in_payment: bool = False
    keys_member: Literal["keys", "signing_keys"] = "keys"
    lists_supported_versions: bool = True
    envelope_has_status: bool = True
    envelope_orders_maps: bool = True
    # tools
    tools_tell: ToolsTell = "structured"
    # behaviour
    serves_older_platforms: bool = False
    matches_capability_versions: bool = True
    pays_with_exactly_one: bool = True
    instruments_told: InstrumentsTold = "by_expression"
    refuses_empty: bool = True
    # a complete may bring the buyer's answers, and they outlive a PUT that does not mention them
    consents_are_advertised: bool = True
    nulls_are_absent: bool = False
    errors: ErrorForm = "transport"
    events_name_themselves: bool = False
    events_are_signed_by: EventSignature = "http_message"
    signs_replies: bool = True
    serves_orders: bool = True

    def version_of(self, capability: Capability) -> str:
        return capability.version or self.version


def _capabilities(
    site: str, roots: tuple[str, ...], extensions: Mapping[str, tuple[str, ...]], shelf: str = ""
) -> tuple[Capability, ...]:
    """What we offer, under the addresses that releases publish their documents at.

    ``extensions`` have their possible parents; ``shelf`` leads the pages of what is none.
    """

    def offer(name: str, shelf: str, parents: tuple[str, ...]) -> Capability:
        own = name.removeprefix(f"{SHOPPING}.")
        page = own.replace("_", "-").replace(".", "/")
        return Capability(
            name=name,
            spec=f"{site}/specification/{shelf}{page}",
            schema=f"{site}/schemas/shopping/{own.replace('.', '_')}.json",
            extends=parents,
        )

    return (
        *(offer(root, shelf, ()) for root in roots),
        *(offer(extension, "", parents) for extension, parents in extensions.items()),
    )


_ROOTS_01: Final = (CHECKOUT, ORDER)
_EXTENSIONS_01: Final = MappingProxyType(
    {FULFILLMENT: (CHECKOUT,), DISCOUNT: (CHECKOUT,), BUYER_CONSENT: (CHECKOUT,)}
)
_ROOTS_LATER: Final = (CHECKOUT, ORDER, CART, CATALOG_SEARCH, CATALOG_LOOKUP)
# A basket has its discounts before it is paid (T3:D/discount), and since 2026-08-25 its buyer's
# answers (M:D/buyer-consent), and goods their ways to a buyer (M:D/fulfillment).
_EXTENSIONS_04_08: Final = _EXTENSIONS_01 | {DISCOUNT: (CHECKOUT, CART)}
_EXTENSIONS_08_25: Final = _EXTENSIONS_04_08 | {
    FULFILLMENT: (CHECKOUT, CATALOG_SEARCH, CATALOG_LOOKUP),
    BUYER_CONSENT: (CHECKOUT, CART),
}

_MEMBERS_01_11: Final = frozenset({"id", "line_items", "buyer", "payment", "currency"})
_MEMBERS_01_23: Final = frozenset({"id", "line_items", "buyer", "payment", "context"})
_SIGNALS: Final = frozenset({"signals"})
_MEMBERS_LATER: Final = _SIGNALS | {"line_items", "buyer", "payment", "context", "attribution"}
_PAYMENT: Final = frozenset({"payment"})

# 01-xx answers these as errors (digest 6.6); later releases show them in the checkout.
ITEM_UNAVAILABLE: Final = "item_unavailable"
_UNSELLABLE: Final = frozenset({"out_of_stock", ITEM_UNAVAILABLE})
TOLD_BY_STATUS: Final = _UNSELLABLE | {FULFILLMENT_MISSING, "payment_failed"}
_REFUSING_01: Final = MappingProxyType(
    {
        "create_checkout": _UNSELLABLE,
        "update_checkout": _UNSELLABLE,
        "complete_checkout": TOLD_BY_STATUS,
    }
)

# From 2026-04-08 on, what stands in the way of a complete is an outcome (T3:D/checkout-rest, "Business
# Outcomes"). 2026-08-25 leaves a checkout as it is whose update cannot be followed: while a complete
# is being carried out (M:D/checkout#Accepted completion), or with a destination that cannot be used
# (M:D/fulfillment#Selection and Location Identity), or in a unit that things are not sold in, as a
# cart is (M:D/checkout#Quantity and sale basis).
OUTCOMES: Final = MappingProxyType({"complete_checkout": frozenset({NotReady.code})})
_UNIT_MISMATCH: Final = "quantity_unit_mismatch"
_SHOWN_08_25: Final = MappingProxyType(
    {
        "complete_checkout": frozenset({NotReady.code, "payment_failed"}),
        "update_checkout": frozenset({AttemptInFlight.code, DESTINATION_UNKNOWN, _UNIT_MISMATCH}),
        "update_cart": frozenset({_UNIT_MISMATCH}),
    }
)

PAYMENT_INSTRUMENTS: Final = "payment.instruments_change"
PAYMENT_CREDENTIAL: Final = "payment.credential"
ADDRESS: Final = "fulfillment.address_change"
WINDOW: Final = "window.open"
_EMBEDDING_01_11: Final = Embedding(
    schema="https://ucp.dev/services/shopping/embedded.openrpc.json",
    delegations=(PAYMENT_INSTRUMENTS, PAYMENT_CREDENTIAL, ADDRESS),
    schemes=(),
    told_in_checkouts=False,
    tells_totals=False,
    answers_hold_status=False,
)
# The page of 2026-04-08 and its OpenRPC document disagree where `ec.error` has the error: told at both.
_EMBEDDING_04_08: Final = Embedding(
    schema="https://ucp.dev/2026-04-08/services/shopping/embedded.openrpc.json",
    delegations=(*_EMBEDDING_01_11.delegations, WINDOW),
    errors_at=("", "error"),
)

R_2026_01_11: Final = Release(
    version="2026-01-11",
    capabilities=_capabilities("https://ucp.dev", _ROOTS_01, _EXTENSIONS_01),
    service_spec="https://ucp.dev/specification/overview",
    rest_schema="https://ucp.dev/services/shopping/rest.openapi.json",
    mcp_schema="https://ucp.dev/services/shopping/mcp.openrpc.json",
    embedding=_EMBEDDING_01_11,
    request_members=_MEMBERS_01_11,
    complete_members=frozenset({"payment_data"}),
    requests=to_2026_01_11.REQUESTS,
    checkouts=to_2026_01_11.CHECKOUTS,
    orders=to_2026_01_11.ORDERS,
    refusing_problems=_REFUSING_01,
    capabilities_are_a_list=True,
    services_hold_one_object=True,
    handlers_are_in_payment=True,
    keys_member="signing_keys",
    lists_supported_versions=False,
    envelope_has_status=False,
    serves_older_platforms=True,
    envelope_orders_maps=False,
    matches_capability_versions=False,
    pays_with_exactly_one=False,
    instruments_told="not",
    consents_are_advertised=False,
    refuses_empty=False,
    nulls_are_absent=True,
    tools_tell="result",
    errors="messages",
    events_name_themselves=True,
    events_are_signed_by="detached_jws",
    signs_replies=False,
    serves_orders=False,
)
R_2026_01_23: Final = Release(
    version="2026-01-23",
    capabilities=_capabilities("https://ucp.dev", _ROOTS_01, _EXTENSIONS_01),
    service_spec="https://ucp.dev/specification/overview",
    rest_schema="https://ucp.dev/services/shopping/rest.openapi.json",
    mcp_schema="https://ucp.dev/services/shopping/mcp.openrpc.json",
    embedding=msgspec.structs.replace(_EMBEDDING_01_11, told_in_checkouts=True),
    request_members=_MEMBERS_01_23,
    complete_members=_PAYMENT,
    requests=to_2026_01_23.REQUESTS,
    checkouts=to_2026_01_23.CHECKOUTS,
    orders=to_2026_01_23.ORDERS,
    refusing_problems=_REFUSING_01,
    keys_member="signing_keys",
    lists_supported_versions=False,
    envelope_has_status=False,
    serves_older_platforms=True,
    envelope_orders_maps=False,
    matches_capability_versions=False,
    pays_with_exactly_one=False,
    instruments_told="not",
    consents_are_advertised=False,
    refuses_empty=False,
    nulls_are_absent=True,
    tools_tell="result",
    errors="messages",
    events_name_themselves=True,
    events_are_signed_by="detached_jws",
    signs_replies=False,
    serves_orders=False,
)
R_2026_04_08: Final = Release(
    version="2026-04-08",
    capabilities=_capabilities("https://ucp.dev/2026-04-08", _ROOTS_LATER, _EXTENSIONS_04_08),
    service_spec="https://ucp.dev/2026-04-08/specification/overview",
    rest_schema="https://ucp.dev/2026-04-08/services/shopping/rest.openapi.json",
    mcp_schema="https://ucp.dev/2026-04-08/services/shopping/mcp.openrpc.json",
    embedding=_EMBEDDING_04_08,
    request_members=_MEMBERS_LATER,
    complete_members=_PAYMENT | _SIGNALS,
    requests=to_2026_04_08.REQUESTS,
    checkouts=to_2026_04_08.CHECKOUTS,
    carts=to_2026_04_08.CARTS,
    orders=to_2026_04_08.ORDERS,
    catalogs=to_2026_04_08.CATALOGS,
    refusals_shown=OUTCOMES,
    keys_member="signing_keys",
    envelope_orders_maps=False,
    pays_with_exactly_one=False,
    instruments_told="by_brand",
    consents_are_advertised=False,
)
R_2026_08_25: Final = Release(
    version="2026-08-25",
    capabilities=_capabilities("https://ucp.dev/2026-08-25", _ROOTS_LATER, _EXTENSIONS_08_25, "shopping/"),
    service_spec="https://ucp.dev/2026-08-25/specification/overview",
    rest_schema="https://ucp.dev/2026-08-25/services/shopping/rest.openapi.json",
    mcp_schema="https://ucp.dev/2026-08-25/services/shopping/mcp.openrpc.json",
    embedding=Embedding(
        schema="https://ucp.dev/2026-08-25/services/shopping/embedded.openrpc.json",
        delegations=_EMBEDDING_04_08.delegations,
        errors_at=("error",),
    ),
    request_members=_MEMBERS_LATER,
    complete_members=_PAYMENT | _SIGNALS,
    refusing_problems=MappingProxyType({"update_checkout": frozenset({DESTINATION_UNKNOWN})}),
    refusals_shown=_SHOWN_08_25,
)

Chain = tuple[Release, ...]

# Oldest first: the order of the chain of steps.
RELEASES: Final[Chain] = (R_2026_01_11, R_2026_01_23, R_2026_04_08, R_2026_08_25)
ROWS: Final = MappingProxyType({row.version: row for row in RELEASES})
# What we answer to; the others are rows of the chain until their turn comes.
SERVED: Final = ("2026-01-11", "2026-01-23", "2026-04-08", "2026-08-25")


# The folders of schemas that are read, also of a release not served: an older one builds upon it.
WITH_SCHEMAS: Final = tuple(row.version for row in RELEASES)


def served(version: str) -> Release | None:
    """The release of exactly this name, if we serve it."""
    return ROWS[version] if version in SERVED else None


def oldest_served() -> Release:
    return next(row for row in RELEASES if row.version in SERVED)


def newest_served() -> Release:
    return next(row for row in reversed(RELEASES) if row.version in SERVED)


def is_older(version: str, release: Release) -> bool:
    """Whether a platform's version is a date from before ``release``.

    The one place where dates of releases are put in order: those of January ask to serve whoever is
    older (T1:D/overview#Version Negotiation), and what has no row has no place in a table.
    """
    try:
        asked, ours = date.fromisoformat(version), date.fromisoformat(release.version)
    except ValueError:
        return False
    # Only the long form of ISO 8601 is a version; week dates and the like are not.
    return asked.isoformat() == version and asked < ours


def upgrade_request(release: Release, document: Wire, chain: Chain = RELEASES) -> None:
    """Bring an accepted request of ``release`` to the newest form, in place."""
    for row in _onwards(release, chain):
        apply(row.requests, document)


def downgrade_checkout(release: Release, document: Wire, chain: Chain = RELEASES) -> None:
    """Bring a checkout in the newest form to that of ``release``, in place."""
    for row in reversed(_onwards(release, chain)):
        apply(row.checkouts, document)


def downgrade_cart(release: Release, document: Wire, chain: Chain = RELEASES) -> None:
    """Bring a cart in the newest form to that of ``release``, in place."""
    for row in reversed(_onwards(release, chain)):
        apply(row.carts, document)


def downgrade_order(release: Release, document: Wire, chain: Chain = RELEASES) -> None:
    """Bring an order in the newest form to that of ``release``, in place."""
    for row in reversed(_onwards(release, chain)):
        apply(row.orders, document)


def downgrade_catalog(release: Release, document: Wire, chain: Chain = RELEASES) -> None:
    """Bring what a catalog found, in the newest form, to that of ``release``, in place."""
    for row in reversed(_onwards(release, chain)):
        apply(row.catalogs, document)


def _onwards(release: Release, chain: Chain) -> Chain:
    """``release`` and those that came after it, oldest first."""
    return chain[[row.version for row in chain].index(release.version) :]
