"""The engine that gives the verdict and an independent one agree on every body we can think of."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.ucp.schema_damage import damaged, examples
from tests.ucp.schema_layout import RELEASES, SCHEMAS
from tests.ucp.schema_normal import normal
from tests.ucp.test_schema_bodies import ALL, REPLIES, REQUESTS
from ucp_server.asgi.checker import Checker
from ucp_server.ucp.schema import BODIES, Direction, Schemas

FORMATS = FormatChecker(["date-time", "uri"])
# One operation of each kind of body; the replies of the five are one document.
KINDS = {body: operation for operation, body in reversed(BODIES.items())}.values()


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(SCHEMAS, RELEASES)


def independent(schema: Any, direction: Direction) -> Draft202012Validator:
    checker = FORMATS if direction == "response" else None
    return Draft202012Validator(schema, format_checker=checker)


def values(schema: Any) -> Iterator[Any]:
    """What the schema accepts, and the same with each keyword violated once."""
    form = normal(schema)
    for whole in examples(form):
        yield whole
        yield from dict(damaged(form, whole)).values()


@pytest.mark.parametrize(
    ("release", "direction", "operation"),
    [
        (release, *row)
        for release in RELEASES
        for row in Schemas(SCHEMAS, RELEASES).bodies(release)
        if row in KINDS
    ],
)
def test_both_engines_give_one_verdict(
    schemas: Schemas, release: str, direction: Direction, operation: str
) -> None:
    """Member by member, since the independent engine takes 15 ms for a whole reply."""
    schema = schemas.inline(release, direction, operation, ALL)
    bare = {**schema, "properties": dict.fromkeys(schema["properties"], True)}
    for part in (bare, *schema["properties"].values()):
        alone = {**part, "$defs": schema.get("$defs", {})}
        checker = Checker(alone, formats=direction == "response")
        reference = independent(alone, direction)
        verdicts = [(checker.check(value) == (), reference.is_valid(value)) for value in values(alone)]
        assert verdicts
        assert [ours for ours, _ in verdicts] == [theirs for _, theirs in verdicts]


@pytest.mark.parametrize(("direction", "sent"), [("request", REQUESTS), ("response", REPLIES)], ids=str)
def test_both_engines_pass_what_is_sent(
    schemas: Schemas, direction: Direction, sent: list[tuple[str, str, Any]]
) -> None:
    for operation, shows, body in sent:
        schema = schemas.inline(RELEASES[0], direction, operation, ALL)
        assert independent(schema, direction).is_valid(body), shows


@pytest.mark.parametrize(
    ("keyword", "value", "valid"),
    [
        ("expires_at", "2026-11-22T16:00:00Z", True),
        ("expires_at", "2026-11-22T16:00:00.123456+05:30", True),
        ("expires_at", "2026-11-22 16:00:00", False),
        ("expires_at", "2026-11-22T16:00:00", False),
        ("expires_at", "2026-02-30T16:00:00Z", False),
        ("expires_at", "2026-11-22", False),
        ("continue_url", "https://shop.example/a?b=c#d", True),
        ("continue_url", "http://[::1]:8080/", True),
        ("continue_url", "/checkout/1", False),
        ("continue_url", "https://shop.example/a b", False),
        ("continue_url", "", False),
    ],
)
def test_both_engines_read_formats_alike(schemas: Schemas, keyword: str, value: str, valid: bool) -> None:
    body = {**REPLIES[0][2], keyword: value}
    schema = schemas.inline(RELEASES[0], "response", "get_checkout", ALL)
    checker = schemas.checker(RELEASES[0], "response", "get_checkout", ALL)
    assert (checker.check(body) == ()) is valid
    assert independent(schema, "response").is_valid(body) is valid
