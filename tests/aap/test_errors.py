"""The table of refusals: total, in one form, with the published texts."""

import inspect
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.aap.conftest import SCHEMAS
from ucp_server.aap import refusals
from ucp_server.aap.errors import TABLE, render_error, render_refusal
from ucp_server.domain import errors as domain
from ucp_server.domain import problems
from ucp_server.domain.errors import Refusal

ARGUMENTS: dict[str, Any] = {
    "text": "Why not.",
    "checkout_id": "x",
    "cart_id": "x",
    "order_id": "x",
    "item_id": "x",
    "state": "completed",
    "problems": (problems.out_of_stock("Roses", 0, "lines[0]"),),
    "problem": problems.out_of_stock("Roses", 0, "lines[0]"),
    "what": "The shop",
    "retry_after_s": 7,
}
PUBLISHED = {
    domain.SessionNotFound: (404, "Session not found"),
    domain.RecommendationNotFound: (404, "Recommendation not found"),
    domain.SessionExpired: (410, "Session expired"),
    domain.HandOffRefused: (502, "Could not create checkout"),
    domain.HandlerUnavailable: (502, "Could not create checkout"),
    domain.MerchantNotReady: (503, "Merchant has no connected payment processor"),
}


def every_kind(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    if kind.__module__.startswith(("ucp_server.domain.", "ucp_server.aap.")):
        yield kind
    for further in kind.__subclasses__():
        yield from every_kind(further)


def made(kind: type[Refusal]) -> Refusal:
    wanted = [p for p in inspect.signature(kind).parameters.values() if p.default is p.empty]
    return kind(*(ARGUMENTS[parameter.name] for parameter in wanted))


@pytest.mark.parametrize("kind", sorted(set(every_kind()), key=lambda kind: kind.__name__))
def test_every_refusal_has_its_row(kind: type[Refusal]) -> None:
    assert kind in TABLE


@pytest.mark.parametrize("kind", TABLE)
def test_every_row_gives_one_sentence(kind: type[Refusal]) -> None:
    reply = render_refusal(made(kind))
    assert 400 <= reply.status < 600
    body = msgspec.json.decode(reply.body)
    assert SCHEMAS["error"].check(body) == ()
    assert list(body) == ["error"]


@pytest.mark.parametrize("kind", PUBLISHED)
def test_the_published_texts(kind: type[Refusal]) -> None:
    reply = render_refusal(made(kind))
    assert (reply.status, msgspec.json.decode(reply.body)["error"]) == PUBLISHED[kind]


def test_whoever_may_try_again_is_told_when() -> None:
    busy = render_refusal(refusals.TooManyRequests(7))
    assert (busy.status, busy.header(b"retry-after")) == (429, b"7")
    assert render_refusal(domain.StoreUnavailable()).header(b"retry-after") == b"1"
    assert render_refusal(domain.SessionNotFound()).header(b"retry-after") is None


def test_a_401_names_a_way_to_authenticate() -> None:
    assert render_error(401, "Invalid API key").header(b"www-authenticate") == b'Bearer realm="aap"'
    assert render_error(404, "x").header(b"www-authenticate") is None
