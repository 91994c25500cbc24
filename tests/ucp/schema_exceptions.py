"""Where our schemas differ from the published ones on purpose, each place with its reason.

An exception is a change: made to the published schema, it yields ours, exactly. One that is no
longer needed fails the agreement test.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.ucp.schema_normal import Node, normal

Change = Callable[[Node], None]

STRING = {"type": "string"}
INTEGER_MAX = 9007199254740991


class Listed(NamedTuple):
    releases: str
    direction: str
    operations: str
    path: str
    change: Change
    reason: str


def optional(*names: str) -> Change:
    def change(node: Node) -> None:
        required = node.pop("required")
        assert set(names) <= set(required), f"{names} are not all required"
        if left := [name for name in required if name not in names]:
            node["required"] = left

    return change


def member(name: str, part: Node) -> Change:
    def change(node: Node) -> None:
        assert name not in node["properties"], f"{name} is there"
        node["properties"][name] = part

    return change


def any_of(node: Node) -> None:
    node["anyOf"] = node.pop("oneOf")


def said_twice(node: Node) -> None:
    """Forms that do no more than name the words of one enumeration, one each."""
    words = [form["properties"]["transport"]["const"] for forms in node.pop("anyOf") for form in forms]
    assert words == node["properties"]["transport"]["enum"]


def condition(**parts: Any) -> Change:
    """Forms told apart by one member become one condition upon it."""

    def change(node: Node) -> None:
        del node["anyOf"]
        node["conditions"] = normal(parts)["conditions"]

    return change


def cap_integers(node: Node) -> int:
    """Bounds every integer to what a JSON reader keeps exactly; says how many were not."""
    changed = 0
    if node.get("type") == "integer":
        changed += "maximum" not in node and "exclusiveMaximum" not in node
        node.setdefault("maximum", INTEGER_MAX)
        node.setdefault("minimum", -INTEGER_MAX)
    return changed + sum(cap_integers(part) for part in _parts(node))


def _parts(node: Node) -> Iterator[Node]:
    yield from node.get("properties", {}).values()
    yield from (node[keyword] for keyword in ("items", "additionalProperties") if keyword in node)
    for keyword in ("oneOf", "anyOf"):
        yield from (form for forms in node.get(keyword, ()) for form in forms)


def at(node: Node, path: str) -> Node | None:
    """The part of a normal form at `$.a[].b.*`, or None."""
    steps = path.replace("[]", ".[]").split(".")[1:]
    found: Node | None = node
    for step in steps:
        inner = {"[]": "items", "*": "additionalProperties"}.get(step)
        found = found.get(inner) if inner else found.get("properties", {}).get(step)
        if found is None:
            return None
    return found


REPLIES = "create_checkout get_checkout update_checkout complete_checkout cancel_checkout"
EMBEDDED = {"properties": {"transport": {"const": "embedded"}}, "required": ["transport"]}
CHOICE = {"name": STRING, "id": STRING, "label": STRING}
CHOICES = {
    "type": "array",
    "items": {"type": "object", "properties": CHOICE, "required": ["label", "name"]},
}
DELEGATE = {"type": "array", "items": STRING}
SCHEMES = {"type": "array", "items": {"type": "string", "enum": ["light", "dark"]}}
DELEGATING = {"type": "object", "properties": {"delegate": DELEGATE}}
EMBEDDED_CONFIG = {"type": "object", "properties": {"delegate": DELEGATE, "color_scheme": SCHEMES}}

PAGE = "The release's published page creates and updates with neither, and we know both ourselves."
CARD = "A card fits the form of a token as well, so as published no card would ever be accepted."
STORE = "A store fits the form of an address as well, so as published none would ever be accepted."
UPDATE = (
    "What is published asks an update for a method's type, its own text for an id instead; the "
    "official suite sends the type alone. Either tells us the method."
)
LINES = "The releases' published pages ship to an address by naming the method's type alone."
WORDS = "A transport is one of four words as it is; nothing more is asked of any of them."
OURS = "The set of filters is open, and these are ours: what is not understood is not passed over."
TARGET = "The id is told beside the body, and 2026-08-25 has none in it."
SAME = "The same cases as a condition, so that a fault names the member that is missing."

JANUARY = "2026-01-11 2026-01-23"
UNTYPED_PLACES = f"{JANUARY} 2026-04-08"
SINCE_APRIL = "2026-04-08 2026-08-25"
CATALOGS = "search_catalog lookup_catalog get_product"
SERVICES = "$.ucp.services.*[]"
DESTINATIONS = "$.fulfillment.methods[].destinations[]"

EXCEPTIONS = (
    Listed("2026-01-11", "request", "create_checkout update_checkout", "$",
           optional("currency", "payment"), PAGE),
    Listed("2026-01-11", "request", "complete_checkout", "$.payment_data",
           optional("brand", "last_digits"), "Agents complete with a token and nothing to show."),
    Listed("2026-01-11", "request", "complete_checkout", "$.payment_data.credential", any_of, CARD),
    Listed("2026-01-11", "request", "create_checkout update_checkout",
           "$.payment.instruments[].credential", any_of, CARD),
    Listed("2026-01-11", "response", REPLIES, "$.payment.instruments[].credential", any_of, CARD),
    Listed("2026-01-11", "request", "profile", "$.ucp", optional("services"),
           "A platform that only calls has no service to name; the official suite's names none."),
    Listed(JANUARY, "request", "update_checkout", "$.fulfillment.methods[]", optional("type"), UPDATE),
    Listed(JANUARY, "request", "update_checkout", "$.fulfillment.methods[]",
           member("id", STRING), UPDATE),
    Listed(JANUARY, "request", "update_checkout", "$.fulfillment.methods[].groups[]",
           member("id", STRING), UPDATE),
    Listed(SINCE_APRIL, "request", "update_checkout", "$.fulfillment.methods[]",
           optional("line_item_ids"), LINES),
    Listed(UNTYPED_PLACES, "request", "create_checkout update_checkout", DESTINATIONS, any_of, STORE),
    Listed(UNTYPED_PLACES, "response", REPLIES, DESTINATIONS, any_of, STORE),
    Listed("2026-04-08", "request", "update_cart", "$", optional("id"), TARGET),
    Listed(SINCE_APRIL, "request", CATALOGS, "$.filters",
           member("available", {"type": "boolean"}), OURS),
    Listed(SINCE_APRIL, "request", CATALOGS, "$.filters", member("options", CHOICES), OURS),
    Listed("2026-01-23", "request", "profile", SERVICES, said_twice, WORDS),
    Listed("2026-01-23", "response", f"{REPLIES} profile", SERVICES,
           condition(**{"if": EMBEDDED, "then": {"properties": {"config": DELEGATING}}}), SAME),
    Listed(SINCE_APRIL, "response", REPLIES, SERVICES,
           condition(**{"if": EMBEDDED, "then": {"properties": {"config": EMBEDDED_CONFIG}}}), SAME),
    Listed(SINCE_APRIL, "response", "profile", SERVICES,
           condition(**{"if": EMBEDDED, "then": {"properties": {"config": EMBEDDED_CONFIG}},
                        "else": {"required": ["endpoint"]}}), SAME),
    Listed(SINCE_APRIL, "request", "profile", SERVICES,
           condition(**{"if": {"properties": {"transport": {"enum": ["rest", "mcp", "embedded"]}},
                               "required": ["transport"]},
                        "then": {"required": ["schema"]}}), SAME),
)  # fmt: skip
