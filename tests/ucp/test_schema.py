"""Resolving, composing and explaining, on small documents of the tests' own and on ours."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.ucp.schema_damage import examples
from tests.ucp.schema_layout import RELEASES, SCHEMAS
from tests.ucp.schema_normal import normal
from ucp_server.asgi.checker import VIOLATIONS_MAX, Violation
from ucp_server.ucp.schema import BODIES, Schemas
from ucp_server.ucp.schema_documents import SchemaError

OLD, NEW, NEWER = "2026-01-01", "2026-02-02", "2026-03-03"
RELEASE = "2026-01-11"
FULFILLMENT = "dev.ucp.shopping.fulfillment"
CONSENT = "dev.ucp.shopping.buyer_consent"
ALL = frozenset({FULFILLMENT, CONSENT, "dev.ucp.shopping.discount"})


def write(folder: Path, release: str, **documents: dict[str, Any]) -> None:
    (folder / release).mkdir(exist_ok=True)
    for name, document in documents.items():
        head = {"$id": f"urn:ucp-server:ucp:{release}:{name}"}
        (folder / release / f"{name}.json").write_text(json.dumps({**head, **document}))


def resolved(folder: Path, document: dict[str, Any], use: str = "create") -> dict[str, Any]:
    write(folder, OLD, thing=document)
    schema = Schemas(folder, [OLD]).resolve(OLD, "thing", use)
    return {keyword: value for keyword, value in schema.items() if keyword != "$schema"}


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(SCHEMAS, RELEASES)


# --- presence


@pytest.mark.parametrize(
    ("presence", "use", "expected"),
    [
        ("required", "create", "required"),
        ("optional", "response", "optional"),
        ({"create": "required"}, "create", "required"),
        ({"create": "required"}, "update", None),
        ({"create": "required"}, "response", None),
        ({"request": "optional"}, "complete", "optional"),
        ({"request": "required", "complete": "optional"}, "complete", "optional"),
        ({"response": "required"}, "event", "required"),
        ({"event": "required"}, "response", None),
        ({"event": "required"}, "event", "required"),
    ],
)
def test_presence(tmp_path: Path, presence: Any, use: str, expected: str | None) -> None:
    schema = resolved(tmp_path, {"properties": {"id": {"type": "string", "presence": presence}}}, use)
    assert ("id" in schema["properties"]) == (expected is not None)
    assert schema.get("required", []) == (["id"] if expected == "required" else [])


@pytest.mark.parametrize("presence", [{}, {"sometimes": "required"}, {"create": "omit"}, "no"])
def test_a_presence_nobody_knows_stops_the_start(tmp_path: Path, presence: Any) -> None:
    with pytest.raises(SchemaError, match="presence"):
        resolved(tmp_path, {"properties": {"id": {"presence": presence}}})


def test_a_condition_without_a_consequence_is_left_out(tmp_path: Path) -> None:
    then = {"properties": {"id": {"presence": {"response": "optional"}}}}
    document = {"allOf": [{"if": {"required": ["type"]}, "then": then}]}
    assert resolved(tmp_path, document, "create") == {}
    assert resolved(tmp_path, document, "response")["allOf"] == [
        {"if": {"required": ["type"]}, "then": {"properties": {"id": {}}}}
    ]


# --- references


def test_a_reference_is_laid_under_what_stands_beside_it(tmp_path: Path) -> None:
    write(tmp_path, OLD, amount={"type": "integer", "minimum": 0, "maximum": 9})
    document = {"$ref": "amount", "minimum": 1, "maximum": 20}
    assert resolved(tmp_path, document) == {"type": "integer", "minimum": 1, "maximum": 9}


def test_members_beside_a_reference_join_those_of_its_target(tmp_path: Path) -> None:
    write(tmp_path, OLD, base={"properties": {"a": {"type": "string", "presence": "required"}}})
    document = {
        "$ref": "base",
        "properties": {"a": {"maxLength": 3}, "b": {"presence": "required"}},
    }
    assert resolved(tmp_path, document) == {
        "properties": {"a": {"type": "string", "maxLength": 3}, "b": {}},
        "required": ["a", "b"],
    }


def test_a_document_that_holds_itself_keeps_one_reference(tmp_path: Path) -> None:
    schema = resolved(tmp_path, {"properties": {"inner": {"$ref": "thing"}}})
    assert schema["properties"]["inner"] == {"$ref": "#/$defs/thing"}
    assert schema["$defs"]["thing"]["properties"]["inner"] == {"$ref": "#/$defs/thing"}


@pytest.mark.parametrize("reference", ["nobody", "thing#/$defs/nobody", "#/properties/a/b"])
def test_a_name_nobody_has_stops_the_start(tmp_path: Path, reference: str) -> None:
    with pytest.raises(SchemaError, match="nothing is called"):
        resolved(tmp_path, {"properties": {"a": {"$ref": reference}}})


@pytest.mark.parametrize(
    ("target", "beside"),
    [
        ({"type": "string"}, {"type": "integer"}),
        ({"const": 1}, {"const": 2}),
        ({"additionalProperties": False}, {"additionalProperties": {"type": "string"}}),
    ],
)
def test_a_contradiction_stops_the_start(tmp_path: Path, target: Any, beside: Any) -> None:
    write(tmp_path, OLD, base=target)
    with pytest.raises(SchemaError, match="cannot"):
        resolved(tmp_path, {"$ref": "base", **beside})


# --- releases


def names(schemas: Schemas, release: str) -> Any:
    return schemas.resolve(release, "root", "create")["properties"]


def test_an_older_release_takes_what_it_lacks_from_the_nearest_newer(tmp_path: Path) -> None:
    reference = {"properties": {"part": {"$ref": "part"}}}
    write(tmp_path, OLD, root=reference)
    write(tmp_path, NEW, part={"const": NEW})
    write(tmp_path, NEWER, root=reference, part={"const": NEWER})
    schemas = Schemas(tmp_path, [OLD, NEW, NEWER])
    assert names(schemas, OLD) == {"part": {"const": NEW}}
    assert names(schemas, NEW) == {"part": {"const": NEW}}
    assert names(schemas, NEWER) == {"part": {"const": NEWER}}


def test_a_release_newer_than_the_full_set_may_be_small_too(tmp_path: Path) -> None:
    write(tmp_path, OLD, part={"const": OLD})
    write(tmp_path, NEW, root={"properties": {"part": {"$ref": "part"}}}, part={"const": NEW})
    write(tmp_path, NEWER, other={"const": NEWER})
    assert names(Schemas(tmp_path, [OLD, NEW, NEWER]), NEWER) == {"part": {"const": NEW}}


def test_what_a_newer_release_was_the_first_to_have_is_in_no_older_one(tmp_path: Path) -> None:
    cart = {"since": NEW, "capability": CONSENT, "adds_to": {"root": {"properties": {"part": {}}}}}
    write(tmp_path, OLD, root={})
    write(tmp_path, NEW, cart=cart)
    write(tmp_path, NEWER, other={})
    schemas = Schemas(tmp_path, [OLD, NEW, NEWER])
    carts = {("request", "create_cart"), ("response", "get_cart")}
    assert carts.isdisjoint(schemas.bodies(OLD))
    assert carts < {*schemas.bodies(NEW)}
    assert carts < {*schemas.bodies(NEWER)}
    assert (schemas.extensions(OLD), schemas.extensions(NEWER)) == (set(), {CONSENT})


def test_the_first_release_of_a_document_must_be_one(tmp_path: Path) -> None:
    write(tmp_path, OLD, thing={"since": NEW})
    with pytest.raises(SchemaError, match=f"thing: no release is called {NEW}"):
        Schemas(tmp_path, [OLD])


def test_a_document_must_be_what_its_place_says(tmp_path: Path) -> None:
    write(tmp_path, OLD, thing={"$id": "urn:ucp-server:ucp:2026-01-01:other"})
    with pytest.raises(SchemaError, match="id must be urn:ucp-server:ucp:2026-01-01:thing"):
        Schemas(tmp_path, [OLD])


@pytest.mark.parametrize("text", ["", "[]", "{", '{"type": "strin"}'])
def test_a_file_that_is_no_schema_stops_the_start(tmp_path: Path, text: str) -> None:
    write(tmp_path, OLD, fine={})
    (tmp_path / OLD / "thing.json").write_text(text)
    with pytest.raises(SchemaError, match="thing"):
        Schemas(tmp_path, [OLD])


def test_a_release_without_a_folder_is_passed_over_unless_it_is_served(tmp_path: Path) -> None:
    write(tmp_path, OLD, root={"properties": {"part": {"$ref": "part"}}})
    write(tmp_path, NEWER, part={"const": NEWER})
    schemas = Schemas(tmp_path, [OLD, NEW, NEWER])
    assert schemas.releases == (OLD, NEWER)
    assert names(schemas, OLD) == {"part": {"const": NEWER}}
    with pytest.raises(SchemaError, match=f"no schema documents of release {NEW}"):
        schemas.compile_all([NEW])


# --- extensions


def test_an_extension_adds_to_the_documents_it_names(schemas: Schemas) -> None:
    bare = schemas.inline(RELEASE, "request", "create_checkout")
    consented = schemas.inline(RELEASE, "request", "create_checkout", frozenset({CONSENT}))
    assert "consent" not in bare["properties"]["buyer"]["properties"]
    assert "consent" in consented["properties"]["buyer"]["properties"]
    assert set(consented["properties"]) == set(bare["properties"])


def test_an_extension_may_bring_a_member_into_a_use_that_lacks_it(schemas: Schemas) -> None:
    newest = ("2026-08-25", "request", "complete_checkout")
    assert "buyer" not in schemas.inline(*newest)["properties"]
    buyer = schemas.inline(*newest, frozenset({CONSENT}))["properties"]["buyer"]
    assert {"first_name", "consent"} <= set(buyer["properties"])


def test_capabilities_that_add_nothing_share_a_checker(schemas: Schemas) -> None:
    body = (RELEASE, "request", "create_checkout")
    strange = frozenset({FULFILLMENT, "dev.ucp.shopping.order", "com.example.loyalty"})
    assert schemas.checker(*body, strange) is schemas.checker(*body, frozenset({FULFILLMENT}))


def test_an_operation_without_a_body_has_no_checker(schemas: Schemas) -> None:
    with pytest.raises(KeyError):
        schemas.checker(RELEASE, "request", "cancel_checkout")
    with pytest.raises(KeyError, match="2026-01-11 has no request of create_cart"):
        schemas.checker(RELEASE, "request", "create_cart")


def test_every_body_compiles(schemas: Schemas) -> None:
    assert schemas.compile_all(schemas.releases) >= 2 * sum(
        len(schemas.bodies(release)) for release in RELEASES
    )


def test_what_does_not_compile_is_named(tmp_path: Path) -> None:
    write(tmp_path, OLD, checkout={"properties": {"id": {"$ref": "nobody"}}})
    with pytest.raises(SchemaError, match=f"{OLD} request create_checkout"):
        Schemas(tmp_path, [OLD]).compile_all([OLD])


# --- violations


def check(schemas: Schemas, document: Any, operation: str = "create_checkout") -> list[Violation]:
    return list(schemas.checker(RELEASE, "request", operation, ALL).check(document))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, Violation("$.line_items", "required", "is required")),
        ([], Violation("$", "type", "must be of type object")),
        ({"line_items": 7}, Violation("$.line_items", "type", "must be of type array")),
        (
            {"line_items": [{"item": {"id": "mug"}, "quantity": 0}]},
            Violation("$.line_items[0].quantity", "minimum", "must be at least 1"),
        ),
        (
            {"line_items": [{"item": {"id": "mug"}, "quantity": 10**16}]},
            Violation("$.line_items[0].quantity", "maximum", "must be at most 9007199254740991"),
        ),
        (
            {"line_items": [{"item": {}, "quantity": 1}]},
            Violation("$.line_items[0].item.id", "required", "is required"),
        ),
        (
            {"line_items": [], "fulfillment": {"methods": [{"type": "drone"}]}},
            Violation("$.fulfillment.methods[0].type", "enum", "must be one of shipping, pickup"),
        ),
        (
            {"line_items": [], "payment": {"instruments": [
                {"id": "1", "handler_id": "m", "type": "card", "brand": "b", "last_digits": "1",
                 "credential": {"type": 7}}]}},
            Violation("$.payment.instruments[0].credential.type", "type", "must be of type string"),
        ),
        (
            {"line_items": [], "buyer": {"consent": {"marketing": "yes"}}},
            Violation("$.buyer.consent.marketing", "type", "must be of type boolean"),
        ),
    ],
)  # fmt: skip
def test_a_violation_names_the_place_and_the_rule(
    schemas: Schemas, document: Any, expected: Violation
) -> None:
    assert check(schemas, document) == [expected]


def test_a_member_with_dots_is_quoted(schemas: Schemas) -> None:
    checker = schemas.checker("2026-08-25", "request", "create_checkout")
    body = {"line_items": [], "signals": {"dev.ucp.buyer_ip": 7}}
    assert [each.path for each in checker.check(body)] == ["$.signals['dev.ucp.buyer_ip']"]


def test_a_fault_in_a_message_is_told_of_the_kind_that_was_meant(schemas: Schemas) -> None:
    checker = schemas.checker(RELEASE, "response", "error")
    message = {"type": "error", "code": "missing", "content": "No street", "severity": "mild"}
    body = {"status": "requires_escalation", "messages": [message]}
    assert [(each.path, each.keyword) for each in checker.check(body)] == [
        ("$.messages[0].severity", "enum")
    ]


def test_violations_are_few(schemas: Schemas) -> None:
    faults = check(schemas, {"line_items": [{} for _ in range(1000)]})
    assert len(faults) == VIOLATIONS_MAX


def test_formats_are_asserted_in_what_we_write_only(schemas: Schemas) -> None:
    art = {"id": "1", "handler_id": "m", "type": "card", "rich_card_art": "not an address"}
    assert check(schemas, {"payment_data": art}, "complete_checkout") == []
    message = {"type": "info", "content": "Gone"}
    envelope = {"version": "2026-08-25", "status": "error"}
    reply = {"ucp": envelope, "messages": [message], "continue_url": "not an address"}
    checker = schemas.checker("2026-08-25", "response", "error")
    assert checker.check(reply) == (Violation("$.continue_url", "format", "must be a valid uri"),)


def test_unknown_members_and_those_of_other_uses_are_tolerated(schemas: Schemas) -> None:
    body = {"line_items": [], "status": 7, "totals": "none", "id": [], "vendor": {"x": 1}}
    assert check(schemas, body) == []


CARD = "4111111111111111"
secrets = st.sampled_from([CARD, int(CARD), {CARD: CARD}, [CARD], {"number": CARD, CARD: {}}])


def _planted(value: Any, secret: Any, where: list[int]) -> Any:
    """The document with the secret at some place in it."""
    inner = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    if not where or not inner:
        return secret
    chosen = list(inner)[where[0] % len(inner)]
    members = dict(value) if isinstance(value, dict) else list(value)
    members[chosen] = _planted(value[chosen], secret, where[1:])
    return members


@settings(max_examples=300, deadline=None)
@given(
    secret=secrets,
    where=st.lists(st.integers(0, 30), max_size=8),
    release=st.sampled_from(RELEASES),
    body=st.sampled_from(sorted(BODIES)),
)
def test_a_violation_never_repeats_what_the_body_said(
    schemas: Schemas, secret: Any, where: list[int], release: str, body: Any
) -> None:
    assume(body in schemas.bodies(release))
    schema = schemas.inline(release, *body, ALL)
    document = _planted(_example(json.dumps(schema)), secret, where)
    assert CARD not in repr(schemas.checker(release, *body, ALL).check(document))


_examples: dict[str, Any] = {}


def _example(text: str) -> Any:
    if text not in _examples:
        _examples[text] = examples(normal(json.loads(text)))[0]
    return _examples[text]


def test_a_member_whose_name_is_digits_is_no_index(schemas: Schemas):
    checker = schemas.checker("2026-08-25", "request", "create_checkout")
    body = {"line_items": [], "attribution": {"4111111111111111": 1}}
    assert [fault.path for fault in checker.check(body)] == ["$.attribution[*]"]
