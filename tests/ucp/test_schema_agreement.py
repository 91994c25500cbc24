"""Our schema documents say what the published ones say, but for the exceptions listed.

The published documents lie beside the repository or where OFFICIAL_SCHEMAS says; without them
these tests are skipped, and REQUIRE_OFFICIAL_SCHEMAS=1 refuses the skip. Both sides are resolved,
brought into one form and compared whole. Then each keyword of the published side is violated,
and both sides must refuse.
"""

import json
import os
from functools import cache
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.ucp.schema_damage import Label, damaged, examples, forms_of, labels
from tests.ucp.schema_exceptions import (
    DESTINATIONS,
    EXCEPTIONS,
    JANUARY,
    SINCE_APRIL,
    UNTYPED_PLACES,
    Listed,
    at,
    cap_integers,
    member,
)
from tests.ucp.schema_layout import RELEASES, SCHEMAS
from tests.ucp.schema_normal import Node, differences, normal
from tests.ucp.schema_official import CART, EXTENSION_FILES, PUBLISHED, SHOPPING, Official
from ucp_server.asgi.checker import Checker
from ucp_server.ucp.schema import BODIES, Direction, Schemas

BESIDE = Path(__file__).parents[3] / "shared" / "official-schemas"
FOLDER = Path(os.environ.get("OFFICIAL_SCHEMAS", BESIDE)) / "ucp"
GOLDEN = Path(__file__).parents[1] / "golden"
ALL = frozenset(EXTENSION_FILES)

# Told by prose alone; test_schema_bodies.py holds ours to it.
UNPUBLISHED = {(release, "response", "error") for release in ("2026-01-11", "2026-01-23")}
# Without either member, a constraint on a value is an empty expression, which is allowed.
UNBREAKABLE = ("anyOf", ".constraints.properties.*|oneOf0.0")

# What may change a body of this document.
ADDING = {
    "checkout": {*EXTENSION_FILES, CART},
    "cart": {f"{SHOPPING}discount", f"{SHOPPING}buyer_consent"},
    "catalog_search": {f"{SHOPPING}fulfillment"},
    "catalog_lookup": {f"{SHOPPING}fulfillment"},
}

Case = tuple[str, Direction, str, frozenset[str]]


def cases() -> list[Case]:
    """Every body of every release, with every set of the extensions that add to it, and with all."""
    return [
        (release, direction, operation, extensions)
        for release in PUBLISHED
        for direction, operation in ours().bodies(release)
        for extensions in _sets(release, BODIES[direction, operation].document)
        if (release, direction, operation) not in UNPUBLISHED
    ]


def _sets(release: str, document: str) -> list[frozenset[str]]:
    names = sorted(ADDING.get(document.partition("#")[0], set()) & ours().extensions(release))
    sizes = range(len(names) + 1)
    chosen = list(map(frozenset, chain.from_iterable(combinations(names, size) for size in sizes)))
    return chosen if ALL in chosen or not names else [*chosen, ALL]


def name_of(case: Any) -> str:
    release, direction, operation, extensions = case
    short = "+".join(sorted(name.rpartition(".")[2] for name in extensions))
    return f"{release}-{direction}-{operation}-{short or 'bare'}"


@pytest.fixture(scope="module", autouse=True)
def official_schemas() -> None:
    if not FOLDER.is_dir():
        message = f"no published schemas at {FOLDER}: set OFFICIAL_SCHEMAS to hold ours to them"
        if os.environ.get("REQUIRE_OFFICIAL_SCHEMAS") == "1":
            pytest.fail(message)
        pytest.skip(message)


@cache
def ours() -> Schemas:
    return Schemas(SCHEMAS, RELEASES)


@cache
def official(release: str) -> Official:
    return Official(FOLDER / PUBLISHED[release].folder, PUBLISHED[release].alone)


@cache
def published(case: Case) -> Any:
    release, *body = case
    return PUBLISHED[release].body(official(release), *body)


def text_of(schema: Any) -> str:
    return json.dumps(schema, sort_keys=True)


@cache
def form_of(text: str) -> str:
    """The normal form; by text, since many bodies have one schema."""
    return text_of(normal(json.loads(text)))


def listed_for(case: Case) -> list[tuple[int, Listed]]:
    return [
        (place, listed)
        for place, listed in enumerate(EXCEPTIONS)
        if case[0] in listed.releases.split()
        and listed.direction == case[1]
        and case[2] in listed.operations.split()
    ]


@cache
def changed(case: Case) -> tuple[Node, set[int]]:
    """The published body with the listed changes made, and which of them found their place."""
    form = json.loads(form_of(text_of(published(case))))
    used = set()
    for place, listed in listed_for(case):
        node = at(form, listed.path)
        if node is not None:
            listed.change(node)
            used.add(place)
    cap_integers(form)
    if envelope := at(form, "$.ucp") if case[0] == "2026-08-25" else None:
        _materialise_constraints(case, envelope)
    return form, used


def _materialise_constraints(case: Case, envelope: Node) -> None:
    """The prose has a resolver put request constraints into replies; the documents do not."""
    if case[1] == "response" and case[2].endswith(("_checkout", "_cart")):
        path = "schemas/common/types/request_constraints.json"
        member("request_constraints", normal(official(case[0]).inline(path)))(envelope)


@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_ours_says_what_is_published(case: Case) -> None:
    expected, _ = changed(case)
    own = json.loads(form_of(text_of(ours().inline(*case))))
    assert list(differences(expected, own)) == []


def test_every_exception_is_needed() -> None:
    used = {(case[0], place) for case in cases() for place in changed(case)[1]}
    assert used == {
        (release, place) for place, listed in enumerate(EXCEPTIONS) for release in listed.releases.split()
    }
    for release in PUBLISHED:
        mine = [case for case in cases() if case[0] == release]
        assert any(cap_integers(normal(published(case))) for case in mine)


def survey(text: str, *, formats: bool) -> list[tuple[Label | None, Any]]:
    """What the published schema accepts (no label), and what it refuses once damaged."""
    schema = json.loads(text)
    validator = jsonschema_rs.validator_for(schema, validate_formats=formats)
    form = normal(schema)
    accepted = [document for document in examples(form) if validator.is_valid(document)]
    broken = [
        (label, document)
        for whole in accepted
        for label, document in damaged(form, whole)
        if not validator.is_valid(document)
    ]
    return [*((None, document) for document in accepted), *broken]


@cache
def verdicts(theirs: str, own: str, *, formats: bool) -> tuple[set[Label], set[Label]]:
    """Each way in which the published schema can be violated, and those that ours lets pass.

    What the published one accepts, ours does too. Kept by text: five replies have one schema.
    """
    surveyed = survey(theirs, formats=formats)
    checker = Checker(json.loads(own), formats=formats)
    whole = [document for label, document in surveyed if label is None]
    assert whole
    assert [checker.check(document) for document in whole] == [()] * len(whole)
    broken = [(label, document) for label, document in surveyed if label]
    passed = {label for label, document in broken if not checker.check(document)}
    return {label for label, _ in broken}, passed


@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_both_refuse_each_keyword_violated(case: Case) -> None:
    asserted = case[1] == "response"  # a format is an annotation in what we read
    theirs, own = text_of(published(case)), text_of(ours().inline(*case))
    before, after = labels_of(form_of(theirs)), labels_of(text_of(changed(case)[0]))
    # a choice between forms may be told otherwise, but not let more pass
    loosened = {label for label in before - after if "|" not in label[0]}

    violated, passed = verdicts(theirs, own, formats=asserted)
    assert passed == loosened
    left = {label for label in before - violated if asserted or label[1] != "format"}
    assert {label for label in left if not _cannot_break(label)} == set()


@cache
def labels_of(text: str) -> frozenset[Label]:
    return frozenset(labels(json.loads(text)))


def _cannot_break(label: Label) -> bool:
    path, keyword, _ = label
    return keyword == UNBREAKABLE[0] and path.endswith(UNBREAKABLE[1])


def test_only_listed_forms_cannot_be_entered() -> None:
    """As published, some forms of an alternative accept nothing: the reason to list them."""
    dead = set()
    for case in cases():
        if case[3] == frozenset(EXTENSION_FILES):
            dead |= {(case[0], path) for path in _dead_forms(normal(published(case)), "$")}
    cards = ("$.payment_data.credential", "$.payment.instruments[].credential")
    assert dead == {
        *(("2026-01-11", path) for path in cards),
        *((release, DESTINATIONS) for release in UNTYPED_PLACES.split()),
    }


def _dead_forms(node: Node, path: str) -> list[str]:
    found = [path for _, form, entering in forms_of(node) if not entering]
    for name, part in node.get("properties", {}).items():
        if name != "constraints":  # written out to a depth, below which anything passes
            found += _dead_forms(part, f"{path}.{name}")
    return found + (_dead_forms(node["items"], f"{path}[]") if "items" in node else [])


TYPES = "schemas/shopping/types/"
BOTH = ("request", "response")
CARDS = ("payment_credential", "token_credential", "card_credential", "card_payment_instrument")

# What no body reaches: a profile's `config`, what payment handlers build on, and the form that a
# part has in a use of which no body has it. (release, ours, use, published)
LIBRARY = [
    ("2026-01-11", "order_config", "request", "schemas/shopping/order.json#/$defs/platform_config"),
    ("2026-01-11", "fulfillment_config#/$defs/business", "response",
     f"{TYPES}merchant_fulfillment_config.json"),
    *((release, "order_config", "request", "schemas/shopping/order.json#/$defs/platform_schema")
      for release in ("2026-01-23", *SINCE_APRIL.split())),
    *((release, "fulfillment_config#/$defs/business", "response",
       f"{TYPES}business_fulfillment_config.json")
      for release in ("2026-01-23", *SINCE_APRIL.split())),
    *((release, "fulfillment_config#/$defs/platform", "request",
       f"{TYPES}platform_fulfillment_config.json") for release in PUBLISHED),
    *((release, name, "request", f"{TYPES}{name}_req.json") for release in JANUARY.split()
      for name in ("fulfillment_option", "fulfillment_available_method")),
    *((release, name, "request", f"{TYPES}{name}.json") for release in SINCE_APRIL.split()
      for name in ("fulfillment_option", "fulfillment_available_method")),
    *(("2026-01-23", name, use, f"{TYPES}{name}.json")
      for name in ("payment_credential", "card_credential", "card_payment_instrument") for use in BOTH),
    ("2026-01-23", "token_credential", "request", f"{TYPES}token_credential.create_req.json"),
    ("2026-01-23", "token_credential", "response", f"{TYPES}token_credential_resp.json"),
    *((release, name, use, f"{TYPES}{name}.json")
      for release in SINCE_APRIL.split() for name in CARDS for use in BOTH),
    ("2026-08-25", "business_location", "request", f"{TYPES}location_destination.json"),
    ("2026-08-25", "fulfillment_destination", "request", f"{TYPES}fulfillment_destination.json"),
    *(("2026-08-25", name, use, f"{TYPES}{name}.json")
      for name in ("pan_credential", "network_token_credential") for use in BOTH),
]  # fmt: skip


@pytest.mark.parametrize(("release", "reference", "use", "path"), LIBRARY)
def test_the_rest_of_the_library_agrees(release: str, reference: str, use: str, path: str) -> None:
    theirs = normal(official(release).inline(path, use))
    cap_integers(theirs)
    assert list(differences(theirs, normal(ours().resolve(release, reference, use)))) == []


@pytest.mark.parametrize("release", sorted(PUBLISHED))
def test_extensions_bear_the_published_names(release: str) -> None:
    folder = official(release).folder / "schemas/shopping"
    suffix = "_resp" if release in JANUARY else ""
    files = [folder / f"{stem}{suffix}.json" for stem in EXTENSION_FILES.values()]
    files += folder.glob("cart.json")
    assert {json.loads(path.read_text())["name"] for path in files} == ours().extensions(release)


@pytest.mark.parametrize("release", sorted(PUBLISHED))
def test_a_release_has_the_carts_and_catalogs_that_it_published(release: str) -> None:
    folder = official(release).folder / "schemas/shopping"
    for row, body in BODIES.items():
        name = body.document.partition("#")[0]
        has = name not in {"cart", "catalog_search", "catalog_lookup"} or any(folder.glob(f"{name}*.json"))
        assert (row in ours().bodies(release)) is has


# The pickup place that no body can have under the published documents (digest 11, A14).
UNSAYABLE = {(release, "create-pickup") for release in UNTYPED_PLACES.split()}


def told() -> list[Path]:
    """What we say word for word that has a published form: with an envelope."""
    files = sorted(path for release in PUBLISHED for path in (GOLDEN / release).glob("*.json"))
    return [path for path in files if "ucp" in json.loads(path.read_text())["body"]]


# Whose reply a file is, by the first word of its name, where that is no operation of checkouts.
SAID_BY = {
    "event": "order_event",
    "order": "get_order",
    "search": "search_catalog",
    "lookup": "lookup_catalog",
    "product": "get_product",
    "profile": "profile",
    "error": "get_checkout",
}

# The endings of operations whose bodies extensions add to.
EXTENDED = ("_checkout", "_cart", "_catalog", "_product")


def operation_of(name: str, body: Any) -> str:
    if body["ucp"].get("status") == "error":
        return "error"
    first, _, more = name.partition("-")
    if first == "cart":
        return f"{more}_cart"
    return SAID_BY.get(first, f"{first}_checkout")


@pytest.mark.parametrize("path", told(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_is_said_word_for_word_has_the_published_form(path: Path) -> None:
    release, name = path.parent.name, path.stem
    text = path.read_text()
    for mask, example in (("a time", "2026-01-11T09:30:00Z"), ("an id", "1"), ("…", "x")):
        text = text.replace(mask, example)
    body = json.loads(text)["body"]
    if (release, name) in UNSAYABLE:
        return
    operation = operation_of(name, body)
    case: Case = (release, "response", operation, ALL if operation.endswith(EXTENDED) else frozenset())
    violations = [(e.instance_path, e.message) for e in validator(case).iter_errors(body)]
    assert violations == []


@cache
def validator(case: Case) -> Any:
    return jsonschema_rs.validator_for(published(case), validate_formats=True)
