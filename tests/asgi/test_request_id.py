import uuid

import pytest

from tests.asgi.calling import call, scope_of
from ucp_server.asgi.facts import request_id_of
from ucp_server.asgi.reply import json_reply
from ucp_server.asgi.request_id import RequestId, choose_request_id

GOOD = [b"6b1d0b0e-6d2b-4f6e-9d0c-4b1c3b1c2f11", b"a", b"req_01.A:b~c+/=@-", b"a" * 128]
BAD = [b"", b"a" * 129, b"a b", b'a"b', b"a\\b", b"a{b}", b"caf\xe9", b"a,b", b"<a>"]


@pytest.mark.parametrize("value", GOOD)
def test_the_callers_id_is_kept(value: bytes) -> None:
    assert choose_request_id([(b"request-id", value)]) == value.decode()


@pytest.mark.parametrize("value", BAD)
def test_an_id_that_cannot_be_repeated_safely_is_replaced(value: bytes) -> None:
    assert uuid.UUID(choose_request_id([(b"request-id", value)])).version == 4


async def test_it_is_in_the_scope_and_on_the_response_once() -> None:
    scope = scope_of("/", (b"request-id", b"req-1"))
    response = await call(RequestId(json_reply(200, {}, (b"request-id", b"other"))), scope)
    assert response is not None
    assert [value for name, value in response.headers if name == "request-id"] == ["req-1"]
    assert request_id_of(scope) == "req-1"


def test_outside_of_the_layer_there_is_none() -> None:
    assert request_id_of({"type": "http"}) == ""
