"""House rules of the schema documents."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.ucp.schema_layout import RELEASES, SCHEMAS, WIDTH, laid_out
from tests.ucp.test_schema_agreement import LIBRARY
from ucp_server.asgi.checker import TEXTS
from ucp_server.ucp.schema import BODIES, Schemas

PATHS = sorted(SCHEMAS.rglob("*.json"))
INTEGER_MAX = 9007199254740991
# What a schema is made of where it says nothing of a value by itself.
STRUCTURE = {
    "properties", "patternProperties", "items", "prefixItems", "allOf", "anyOf", "if", "then", "else",
    "minContains", "maxContains", "dependentRequired", "description", "deprecated", "$schema", "$defs",
    "$ref",
}  # fmt: skip


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(SCHEMAS, RELEASES)


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every subschema of a resolved schema."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword, value in schema.items():
        if keyword in {"properties", "$defs"}:
            for part in value.values():
                yield from _nodes(part)
        elif keyword in {"allOf", "anyOf", "oneOf"}:
            for part in value:
                yield from _nodes(part)
        elif keyword not in {"const", "enum", "dependentRequired"}:
            yield from _nodes(value)


def _resolved(schemas: Schemas) -> list[dict[str, Any]]:
    """Every body with all extensions, each text once: five operations answer with one document."""
    bodies = [
        schemas.inline(release, direction, operation, schemas.extensions(release))
        for release in RELEASES
        for direction, operation in schemas.bodies(release)
    ]
    return list({json.dumps(body): body for body in bodies}.values())


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_document_is_laid_out_and_a_schema(path: Path) -> None:
    text = path.read_text("utf-8")
    document = json.loads(text)
    Draft202012Validator.check_schema(document)
    assert text == laid_out(document), "run python -m tests.ucp.schema_layout"
    assert max(map(len, text.splitlines())) <= WIDTH
    assert list(document)[:2] == ["$schema", "$id"]


def test_every_document_is_reached() -> None:
    """From a body or from what payment handlers and profiles build on; the rest would be dead."""
    roots = {body.document for body in BODIES.values()} | {entry[1] for entry in LIBRARY}
    for release in RELEASES:
        named = {root.partition("#")[0] for root in roots}
        for path in PATHS:
            named.update(re.findall(r'"\$ref": "([a-z_]+)', path.read_text("utf-8")))
            if "adds_to" in json.loads(path.read_text("utf-8")):
                named.add(path.stem)
        assert {path.stem for path in PATHS if path.parent.name == release} <= named


def test_an_older_release_holds_only_what_differs() -> None:
    """The next newer one that has the document, however far, says something else."""
    for path in PATHS:
        for newer in RELEASES[RELEASES.index(path.parent.name) + 1 :]:
            if (twin := SCHEMAS / newer / path.name).exists():
                kept, next_ = (json.loads(each.read_text("utf-8")) for each in (path, twin))
                assert {**kept, "$id": ""} != {**next_, "$id": ""}, f"{path} is {newer}'s as well"
                break


def test_a_resolved_schema_is_plain_and_stands_alone(schemas: Schemas) -> None:
    for schema in _resolved(schemas):
        Draft202012Validator.check_schema(schema)
        for node in _nodes(schema):
            assert not {"presence", "since", "adds_to", "capability", "$id"}.intersection(node)
            assert node.get("$ref", "#/$defs/").startswith("#/$defs/")


def test_every_integer_is_one_that_json_readers_keep(schemas: Schemas) -> None:
    for schema in _resolved(schemas):
        for node in _nodes(schema):
            if node.get("type") == "integer" and "enum" not in node and "const" not in node:
                assert node["minimum"] >= -INTEGER_MAX
                assert min(node.get("maximum", INTEGER_MAX + 1), INTEGER_MAX) == node["maximum"]


def test_every_keyword_has_a_text(schemas: Schemas) -> None:
    used = {keyword for schema in _resolved(schemas) for node in _nodes(schema) for keyword in node}
    assert used - STRUCTURE <= set(TEXTS)


def test_no_object_is_closed_that_a_platform_writes(schemas: Schemas) -> None:
    """Unknown members are tolerated, so nothing but a vocabulary may forbid them."""
    for release in RELEASES:
        for direction, operation in schemas.bodies(release):
            schema = schemas.inline(release, direction, operation, schemas.extensions(release))
            if direction == "request" and operation != "profile":
                assert not any(node.get("additionalProperties") is False for node in _nodes(schema))
