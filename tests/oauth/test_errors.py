"""The table of refusals: total, and in words that the protocol can carry."""

import inspect
import re

import msgspec
import pytest

from tests.ucp.conftest import SITE
from ucp_server.domain.errors import Refusal, StoreUnavailable
from ucp_server.oauth import refusals
from ucp_server.oauth.errors import TABLE, render_refusal

# RFC 6749 5.2: what may stand in error and in error_description.
ALLOWED = re.compile(r"[ !#-\[\]-~]+")
OWN = [
    kind
    for _, kind in inspect.getmembers(refusals, inspect.isclass)
    if kind.__module__ == refusals.__name__ and issubclass(kind, Refusal)
]


def made(kind: type[Refusal]) -> Refusal:
    given = {"text": "Why not.", "wait_s": 7}
    names = inspect.signature(kind).parameters
    return kind(**{name: given[name] for name in names if name in given})


def test_every_refusal_has_its_row() -> None:
    assert set(OWN) | {StoreUnavailable} == set(TABLE)


@pytest.mark.parametrize("kind", list(TABLE))
def test_each_is_told_in_the_form_of_the_protocol(kind: type[Refusal]) -> None:
    reply = render_refusal(made(kind), SITE)
    body = msgspec.json.decode(reply.body)
    assert set(body) == {"error", "error_description"}
    assert all(ALLOWED.fullmatch(text) for text in body.values()), body
    assert reply.header(b"cache-control") == b"no-store"
    challenged = reply.header(b"www-authenticate") == f'Basic realm="{SITE}"'.encode()
    assert challenged == (reply.status == 401)
    assert (reply.header(b"retry-after") is not None) == (reply.status in (429, 503))
