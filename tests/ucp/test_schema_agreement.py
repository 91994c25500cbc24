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
from tests.ucp.schema_exceptions import EXCEPTIONS, Listed, at, cap_integers, member
from tests.ucp.schema_layout import SCHEMAS
from tests.ucp.schema_normal import Node, differences, normal
from tests.ucp.schema_official import EXTENSION_FILES, Official, annotated, generated
from ucp_server.ucp.schema import BODIES, Direction, Schemas

BESIDE = Path(__file__).parents[3] / "shared" / "official-schemas"
FOLDER = Path(os.environ.get("OFFICIAL_SCHEMAS", BESIDE)) / "ucp"

# release -> where its published documents lie, and how a body is put together from them
PUBLISHED = {
    "2026-01-11": ("2026-01-11/spec", generated),
    # the release itself is not published as a folder; this is what it was cut from
    "2026-08-25": ("2026-08-22-main/source", annotated),
}
# Told by prose alone; test_schema_bodies.py holds ours to it.
UNPUBLISHED = {("2026-01-11", "response", "error")}
# Without either member, a constraint on a value is an empty expression, which is allowed.
UNBREAKABLE = ("anyOf", ".constraints.properties.*|oneOf0.0")

Case = tuple[str, Direction, str, frozenset[str]]


def cases() -> list[Case]:
    """Every body of every release; checkouts with every set of extensions."""
    names = list(EXTENSION_FILES)
    sets = chain.from_iterable(combinations(names, size) for size in range(len(names) + 1))
    every = [frozenset(chosen) for chosen in sets]
    return [
        (release, direction, operation, extensions)
        for release in PUBLISHED
        for (direction, operation), body in BODIES.items()
        for extensions in (every if body.document == "checkout" else every[:1])
        if (release, direction, operation) not in UNPUBLISHED
    ]


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
    return Schemas(SCHEMAS, sorted(PUBLISHED))


@cache
def official(release: str) -> Official:
    return Official(FOLDER / PUBLISHED[release][0])


@cache
def published(case: Case) -> Any:
    release, *body = case
    return PUBLISHED[release][1](official(release), *body)


def listed_for(case: Case) -> list[tuple[int, Listed]]:
    return [
        (place, listed)
        for place, listed in enumerate(EXCEPTIONS)
        if (listed.release, listed.direction) == case[:2] and case[2] in listed.operations.split()
    ]


@cache
def changed(case: Case) -> tuple[Node, set[int]]:
    """The published body with the listed changes made, and which of them found their place."""
    form = normal(published(case))
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
    if case[1] == "response" and case[2].endswith("_checkout"):
        path = "schemas/common/types/request_constraints.json"
        member("request_constraints", normal(official(case[0]).inline(path)))(envelope)


@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_ours_says_what_is_published(case: Case) -> None:
    expected, _ = changed(case)
    assert list(differences(expected, normal(ours().inline(*case)))) == []


def test_every_exception_is_needed() -> None:
    used = set[int]().union(*(changed(case)[1] for case in cases()))
    assert used == set(range(len(EXCEPTIONS)))
    assert any(cap_integers(normal(published(case))) for case in cases() if case[0] == "2026-01-11")
    assert any(cap_integers(normal(published(case))) for case in cases() if case[0] == "2026-08-25")


def text_of(schema: Any) -> str:
    return json.dumps(schema, sort_keys=True)


@cache
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


@pytest.mark.parametrize("case", cases(), ids=name_of)
def test_both_refuse_each_keyword_violated(case: Case) -> None:
    asserted = case[1] == "response"  # a format is an annotation in what we read
    surveyed = survey(text_of(published(case)), formats=asserted)
    checker = ours().checker(*case)
    before, after = labels_of(text_of(normal(published(case)))), labels_of(text_of(changed(case)[0]))
    # a choice between forms may be told otherwise, but not let more pass
    loosened = {label for label in before - after if "|" not in label[0]}

    whole = [document for label, document in surveyed if label is None]
    assert whole
    assert [checker.check(document) for document in whole] == [()] * len(whole)
    accepted = {label for label, document in surveyed if label and not checker.check(document)}
    assert accepted == loosened
    violated = {label for label, _ in surveyed if label}
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
    assert dead == {
        ("2026-01-11", path)
        for path in (
            "$.payment_data.credential",
            "$.payment.instruments[].credential",
            "$.fulfillment.methods[].destinations[]",
        )
    }


def _dead_forms(node: Node, path: str) -> list[str]:
    found = [path for _, form, entering in forms_of(node) if not entering]
    for name, part in node.get("properties", {}).items():
        if name != "constraints":  # written out to a depth, below which anything passes
            found += _dead_forms(part, f"{path}.{name}")
    return found + (_dead_forms(node["items"], f"{path}[]") if "items" in node else [])


CREDENTIALS = ("payment_credential", "token_credential", "pan_credential",
               "network_token_credential", "card_credential")  # fmt: skip
TYPES = "schemas/shopping/types/"

# What no body reaches: a profile's `config`, what payment handlers build on, and the form that a
# part has in a use of which no body has it. (release, ours, use, published)
LIBRARY = [
    ("2026-01-11", "order_config", "request", "schemas/shopping/order.json#/$defs/platform_config"),
    ("2026-01-11", "fulfillment_config#/$defs/platform", "request",
     f"{TYPES}platform_fulfillment_config.json"),
    ("2026-01-11", "fulfillment_config#/$defs/business", "response",
     f"{TYPES}merchant_fulfillment_config.json"),
    ("2026-08-25", "order_config", "request", "schemas/shopping/order.json#/$defs/platform_schema"),
    ("2026-08-25", "fulfillment_config#/$defs/platform", "request",
     f"{TYPES}platform_fulfillment_config.json"),
    ("2026-08-25", "fulfillment_config#/$defs/business", "response",
     f"{TYPES}business_fulfillment_config.json"),
    ("2026-01-11", "fulfillment_option", "request", f"{TYPES}fulfillment_option_req.json"),
    ("2026-01-11", "fulfillment_available_method", "request",
     f"{TYPES}fulfillment_available_method_req.json"),
    ("2026-08-25", "business_location", "request", f"{TYPES}location_destination.json"),
    *(("2026-08-25", name, "request", f"{TYPES}{name}.json")
      for name in ("fulfillment_option", "fulfillment_available_method", "fulfillment_destination")),
    *(("2026-08-25", name, use, f"{TYPES}{name}.json")
      for name in (*CREDENTIALS, "card_payment_instrument") for use in ("request", "response")),
]  # fmt: skip


@pytest.mark.parametrize(("release", "reference", "use", "path"), LIBRARY)
def test_the_rest_of_the_library_agrees(release: str, reference: str, use: str, path: str) -> None:
    theirs = normal(official(release).inline(path, use))
    cap_integers(theirs)
    assert list(differences(theirs, normal(ours().resolve(release, reference, use)))) == []


@pytest.mark.parametrize("release", sorted(PUBLISHED))
def test_extensions_bear_the_published_names(release: str) -> None:
    folder = official(release).folder / "schemas/shopping"
    suffix = "_resp" if release == "2026-01-11" else ""
    files = [folder / f"{stem}{suffix}.json" for stem in EXTENSION_FILES.values()]
    assert {json.loads(path.read_text())["name"] for path in files} == ours().extensions(release)
