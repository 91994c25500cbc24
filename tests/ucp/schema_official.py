"""The published schemas as plain schemas, one per release, direction, operation and extensions.

They lie outside the repository; OFFICIAL_SCHEMAS names their folder. Releases up to 2026-01-23
publish one generated document per use; the later ones annotate one document, and the annotations
are resolved here, independent of how our own are.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

Schema = Any  # a JSON Schema: an object or a boolean

SHOPPING = "dev.ucp.shopping."
EXTENSION_FILES = {
    f"{SHOPPING}fulfillment": "fulfillment",
    f"{SHOPPING}discount": "discount",
    f"{SHOPPING}buyer_consent": "buyer_consent",
}
CART = f"{SHOPPING}cart"  # no extension by its name, but it brings a member to checkouts
SEARCH, LOOKUP = f"{SHOPPING}catalog.search", f"{SHOPPING}catalog.lookup"
CATALOG_OPERATIONS = {  # operation -> capability, what its shapes are called
    "search_catalog": (SEARCH, "search"),
    "lookup_catalog": (LOOKUP, "lookup"),
    "get_product": (LOOKUP, "get_product"),
}
SUBSCHEMAS = {"items", "additionalProperties", "propertyNames", "contains", "if", "then", "else"}
LISTS = {"allOf", "anyOf", "oneOf"}
MAPS = {"properties", "$defs"}


class Official:
    """One release's published documents; `alone` names those that are a body by themselves."""

    def __init__(self, folder: Path, alone: Mapping[tuple[str, str], str]) -> None:
        self.folder = folder
        self.alone = alone
        self._read: dict[Path, Any] = {}

    def document(self, path: Path) -> Any:
        if path not in self._read:
            self._read[path] = json.loads(path.read_text("utf-8"))
        return self._read[path]

    def inline(self, reference: str, direction: str = "response", operation: str = "read") -> Schema:
        """What `reference` (path below the folder, with an optional pointer) says, refs inlined.

        What holds itself is written out twice, then it is `{"recursive": true}`.
        """
        name, _, pointer = reference.partition("#")
        target = (self.folder / name).resolve(), pointer
        return _Inliner(self, direction, operation).follow(*target)

    def all_of(self, references: list[str], direction: str, operation: str) -> Schema:
        return {"allOf": [self.inline(each, direction, operation) for each in references]}


class _Inliner:
    def __init__(self, official: Official, direction: str, operation: str) -> None:
        self.official = official
        self.annotation = f"ucp_{direction}"
        self.operation = operation
        self.open: list[tuple[Path, str]] = []

    def follow(self, path: Path, pointer: str) -> Schema:
        if self.open.count((path, pointer)) == 2:
            return {"recursive": True}
        node = self.official.document(path)
        for step in pointer.split("/")[1:]:
            node = node[step]
        self.open.append((path, pointer))
        written = self.write(node, path)
        self.open.pop()
        return written

    def write(self, node: Schema, path: Path) -> Schema:
        if not isinstance(node, dict):
            return node
        out: dict[str, Any] = {}
        for keyword, value in node.items():
            if keyword == "properties":
                out[keyword] = {
                    name: self.write(part, path)
                    for name, part in value.items()
                    if self.word(part) != "omit"
                }
            elif keyword in LISTS:
                out[keyword] = [self.write(part, path) for part in value]
            elif keyword in SUBSCHEMAS or keyword == "not":
                out[keyword] = self.write(value, path)
            elif keyword not in {"$defs", "$ref"}:
                out[keyword] = value
        self.settle_required(node, out)
        if "$ref" not in node:
            return out
        name, _, pointer = node["$ref"].partition("#")
        target = (path.parent / name).resolve() if name else path
        return {"allOf": [self.follow(target, pointer), out]}

    def settle_required(self, node: dict[str, Any], out: dict[str, Any]) -> None:
        words = {name: self.word(part) for name, part in node.get("properties", {}).items()}
        kept = [name for name in node.get("required", ()) if words.get(name) in {None, "required"}]
        added = [name for name, word in words.items() if word == "required" and name not in kept]
        out.pop("required", None)
        if kept or added:
            out["required"] = kept + added

    def word(self, part: Schema) -> str | None:
        annotation = part.get(self.annotation) if isinstance(part, dict) else None
        return annotation.get(self.operation) if isinstance(annotation, dict) else annotation


def generated(official: Official, direction: str, operation: str, active: frozenset[str]) -> Schema:
    """A body of a release of January, from its generated documents under `spec/`, one per use."""
    suffix = f".{operation.removesuffix('_checkout')}_req" if direction == "request" else "_resp"
    parts = [official.alone.get((direction, operation), f"schemas/shopping/checkout{suffix}.json")]
    for name, stem in EXTENSION_FILES.items():
        if name in active and (direction, operation) not in official.alone:
            parts.append(f"schemas/shopping/{stem}{suffix}.json#/$defs/checkout")
    schema = official.all_of(parts, direction, operation)
    return {"allOf": [schema, *_beside(official, direction, operation)]}


def _beside(official: Official, direction: str, operation: str) -> list[Schema]:
    """What the description of the REST calls adds to a document."""
    api = official.document(official.folder / "services/shopping/rest.openapi.json")
    if (direction, operation) == ("request", "complete_checkout"):
        call = api["paths"]["/checkout-sessions/{id}/complete"]["post"]
    elif operation == "order_event":
        call = api["webhooks"]["orderEvent"]["post"]
    else:
        return []
    added: list[Schema] = call["requestBody"]["content"]["application/json"]["schema"]["allOf"][1:]
    return added


def annotated(official: Official, direction: str, operation: str, active: frozenset[str]) -> Schema:
    """A body of a release that publishes annotated documents under `source/`."""
    if (direction, operation) in official.alone:
        return official.inline(official.alone[direction, operation], direction)
    if operation in CATALOG_OPERATIONS:
        capability, stem = CATALOG_OPERATIONS[operation]
        shape = f"{stem}_{direction}"
        root = f"schemas/shopping/catalog_{capability.rpartition('.')[2]}.json#/$defs/{shape}"
        return official.all_of(
            [root, *_added(official, active, capability, "$defs", shape)], direction, "read"
        )
    verb, _, kind = operation.partition("_")
    parts = [f"schemas/shopping/{kind}.json", *_added(official, active, f"{SHOPPING}{kind}")]
    if kind == "checkout" and CART in active:
        parts.append("schemas/shopping/cart.json#/$defs/checkout")
    return official.all_of(parts, direction, verb)


def _added(official: Official, active: frozenset[str], *steps: str) -> list[str]:
    """What each active extension says at `#/$defs/<steps>`, where it says anything."""
    added = []
    for name, stem in EXTENSION_FILES.items():
        node = official.document(official.folder / f"schemas/shopping/{stem}.json")["$defs"]
        for step in steps:
            node = node.get(step, {})
        if name in active and node:
            added.append(f"schemas/shopping/{stem}.json#/$defs/{'/'.join(steps)}")
    return added


class Published(NamedTuple):
    """Where a release's documents lie, how a body is put together from them, and which is one alone."""

    folder: str
    body: Callable[[Official, str, str, frozenset[str]], Schema]
    alone: Mapping[tuple[str, str], str]


ORDER = "schemas/shopping/order.json"
ORDERS = {("response", "order_event"): ORDER, ("response", "get_order"): ORDER}


def _profiles(platform: str, business: str) -> dict[tuple[str, str], str]:
    return {("request", "profile"): platform, ("response", "profile"): business}


_PROFILE = "discovery/profile_schema.json"
_SIDES = _profiles(f"{_PROFILE}#/$defs/platform_profile", f"{_PROFILE}#/$defs/business_profile")

PUBLISHED = {
    "2026-01-11": Published(
        "2026-01-11/spec",
        generated,
        {
            **ORDERS,
            **_profiles(_PROFILE, _PROFILE),
            ("request", "complete_checkout"): "schemas/shopping/payment_data.json",
        },
    ),
    "2026-01-23": Published("2026-01-23/spec", generated, {**ORDERS, **_SIDES}),
    "2026-04-08": Published(
        "2026-04-08/source",
        annotated,
        {**ORDERS, **_SIDES, ("response", "error"): "schemas/shopping/types/error_response.json"},
    ),
    # the release itself is not published as a folder; this is what it was cut from
    "2026-08-25": Published(
        "2026-08-22-main/source",
        annotated,
        {
            **ORDERS,
            **_profiles(
                "schemas/profile.json#/$defs/platform_schema",
                "schemas/profile.json#/$defs/business_schema",
            ),
            ("response", "error"): "schemas/common/types/error_response.json",
        },
    ),
}
