"""The operations of a release as tools: what each is for, and the forms of what it takes and tells.

D/checkout-mcp, "Tools", and the pages of carts, catalogs and orders likewise (V/mcp.openrpc.json).
"""

from types import MappingProxyType
from typing import Any, Final

from ucp_server.asgi.mcp import Listing
from ucp_server.ucp.keys import KEY_LENGTH_MAX
from ucp_server.ucp.operation_table import Family, Operation, operations_of
from ucp_server.ucp.platforms import URL_LENGTH_MAX
from ucp_server.ucp.releases import Release
from ucp_server.ucp.schema import Direction, Schemas

Wire = dict[str, Any]

# The argument that holds the body of an operation (M:D/checkout-mcp#Identifier Pattern).
PAYLOADS: Final = MappingProxyType(
    {Family.CHECKOUT: "checkout", Family.CART: "cart", Family.CATALOG: "catalog"}
)
# Those that have to be safe to repeat (M:D/checkout-mcp, "Input Schema"; T3:D/cart-mcp likewise).
NEED_KEYS: Final = frozenset({"complete_checkout", "cancel_checkout", "cancel_cart"})

_TEXTS: Final = MappingProxyType(
    {
        "create_checkout": ("Create checkout", "Open a checkout of items, or of a cart, with their price."),
        "get_checkout": ("Get checkout", "A checkout as it stands: lines, totals, and what is missing."),
        "update_checkout": (
            "Update checkout",
            "Replace what a checkout holds: send all of it, with buyer, address, delivery and codes.",
        ),
        "complete_checkout": ("Complete checkout", "Pay a checkout that is ready, which places the order."),
        "cancel_checkout": ("Cancel checkout", "End a checkout of which nothing was bought."),
        "search_catalog": ("Search catalog", "Find products by words, categories and prices."),
        "lookup_catalog": ("Look up products", "The products and variants of which the ids are known."),
        "get_product": ("Get product", "One product with its options, and what can be had of them."),
        "create_cart": ("Create cart", "Open a cart of items, to see what they come to."),
        "get_cart": ("Get cart", "A cart as it stands, at today's prices."),
        "update_cart": ("Update cart", "Replace what a cart holds: send all of it."),
        "cancel_cart": ("Cancel cart", "End a cart."),
        "get_order": ("Get order", "An order: what was bought, where it is, and what was given back."),
    }
)

_AGENT: Final[Wire] = {
    "type": "object",
    "description": "Who calls.",
    "properties": {
        "profile": {
            "type": "string",
            "format": "uri",
            "maxLength": URL_LENGTH_MAX,
            "description": "The address of the calling platform's UCP profile.",
        }
    },
    "required": ["profile"],
}
_KEY: Final[Wire] = {
    "type": "string",
    "minLength": 1,
    "maxLength": KEY_LENGTH_MAX,
    "description": "A fresh UUID for each change; the same one only to repeat the same call.",
}


def tools_of(release: Release, schemas: Schemas) -> tuple[Listing, ...]:
    """The tools of ``release``, with all extensions that it has."""
    return tuple(_tool(release, operation, schemas) for operation in operations_of(release))


def _tool(release: Release, operation: Operation, schemas: Schemas) -> Listing:
    title, description = _TEXTS[operation.name]
    return Listing(
        name=operation.name,
        title=title,
        description=description,
        input_schema=_takes(release, operation, schemas),
        output_schema=_tells(release, operation, schemas),
        only_reads=not operation.writes,
        repeatable=True if operation.writes else None,
    )


def _takes(release: Release, operation: Operation, schemas: Schemas) -> Wire:
    properties: Wire = {"meta": _meta(operation)}
    if "{id}" in operation.path:
        properties["id"] = {"type": "string", "description": "What this is about."}
    definitions: Wire = {}
    if ("request", operation.name) in schemas.bodies(release.version):
        payload = _form(release, "request", operation.name, schemas)
        definitions = payload.pop("$defs", {})
        is_named = "id" in properties
        properties[PAYLOADS[operation.family]] = _without_id(payload) if is_named else payload
    form: Wire = {"type": "object", "properties": properties, "required": list(properties)}
    return form | ({"$defs": definitions} if definitions else {})


def _meta(operation: Operation) -> Wire:
    properties: Wire = {"ucp-agent": _AGENT}
    required = ["ucp-agent"]
    if operation.writes:
        properties["idempotency-key"] = _KEY
    if operation.name in NEED_KEYS:
        required.append("idempotency-key")
    return {"type": "object", "properties": properties, "required": required}


def _without_id(payload: Wire) -> Wire:
    """What is changed is named beside the payload, and never in it."""
    properties = {name: form for name, form in payload.get("properties", {}).items() if name != "id"}
    required = [name for name in payload.get("required", ()) if name != "id"]
    return payload | {"properties": properties, "required": required}


def _tells(release: Release, operation: Operation, schemas: Schemas) -> Wire | None:
    """The document, or why there is none."""
    if release.tools_tell != "structured":
        return None
    forms = [_form(release, "response", name, schemas) for name in (operation.name, "error")]
    definitions: Wire = {}
    for form in forms:
        definitions |= form.pop("$defs", {})
    told: Wire = {"type": "object", "anyOf": forms}
    return told | ({"$defs": definitions} if definitions else {})


def _form(release: Release, direction: Direction, operation: str, schemas: Schemas) -> Wire:
    active = frozenset(capability.name for capability in release.capabilities)
    form = schemas.inline(release.version, direction, operation, active)
    return {keyword: value for keyword, value in form.items() if keyword != "$schema"}
