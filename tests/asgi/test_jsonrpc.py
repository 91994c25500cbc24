"""JSON-RPC 2.0, by the examples of its own specification and by what it leaves to be abused."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.asgi.jsonrpc import (
    BATCH_MAX,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RpcCall,
    RpcError,
    answer,
)

Wire = dict[str, Any]


async def perform(call: RpcCall) -> Any:
    match call.method:
        case "subtract":
            first, second = call.params if isinstance(call.params, list) else call.params.values()
            return first - second
        case "named":
            return call.members()
        case "nothing":
            return None
        case "detailed":
            raise RpcError(-32000, "no", {"why": "because"})
        case _:
            raise RpcError(METHOD_NOT_FOUND, "This method is not served here.")


async def ask(raw: bytes, *, batches: bool = True) -> Any:
    return await answer(raw, perform, batches=batches)


def request(method: str = "subtract", **members: Any) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", "method": method, **members})


async def test_a_call_is_answered_under_its_id() -> None:
    assert await ask(request(params=[42, 23], id=1)) == {"jsonrpc": "2.0", "id": 1, "result": 19}
    by_name = await ask(request(params={"minuend": 42, "subtrahend": 23}, id="x"))
    assert by_name == {"jsonrpc": "2.0", "id": "x", "result": 19}
    assert await ask(request("nothing", id=0)) == {"jsonrpc": "2.0", "id": 0, "result": None}


@pytest.mark.parametrize("method", ["nothing", "unknown", "detailed"])
async def test_nobody_answers_a_notification_even_one_that_failed(method: str) -> None:
    assert await ask(request(method)) is None


async def test_an_error_says_what_the_method_said() -> None:
    told = (await ask(request("detailed", id=7)))["error"]
    assert told == {"code": -32000, "message": "no", "data": {"why": "because"}}
    assert (await ask(request("unknown", id=7)))["error"]["code"] == METHOD_NOT_FOUND
    assert (await ask(request("named", params=[1], id=7)))["error"]["code"] == INVALID_PARAMS


@pytest.mark.parametrize(
    "message",
    [
        {"method": "subtract", "id": 1},
        {"jsonrpc": "1.0", "method": "subtract", "id": 1},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "method": 1, "id": 1},
        {"jsonrpc": "2.0", "method": "subtract", "params": "bar", "id": 1},
        {"jsonrpc": "2.0", "method": "subtract", "params": None, "id": 1},
    ],
)
async def test_what_is_no_call_is_refused_under_its_id(message: Wire) -> None:
    answered = await ask(msgspec.json.encode(message))
    assert (answered["id"], answered["error"]["code"]) == (1, INVALID_REQUEST)


@pytest.mark.parametrize("call_id", [None, True, [], {"a": 1}])
async def test_an_id_that_cannot_be_repeated_is_refused_without_it(call_id: Any) -> None:
    answered = await ask(request("nothing", id=call_id))
    assert (answered["id"], answered["error"]["code"]) == (None, INVALID_REQUEST)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"3", b'"text"', b"null", b'{"a":1,"a":2}', b"[" * 40 + b"]" * 40, b"\xff"]
)
async def test_what_nobody_can_read_is_a_parse_error(raw: bytes) -> None:
    with pytest.raises(RpcError) as refused:
        await ask(raw)
    assert refused.value.code == PARSE_ERROR


async def test_a_batch_is_answered_in_its_order_without_its_notifications() -> None:
    messages = [
        {"jsonrpc": "2.0", "method": "subtract", "params": [3, 1], "id": 1},
        {"jsonrpc": "2.0", "method": "nothing"},
        1,
        {"jsonrpc": "2.0", "method": "unknown", "id": "2"},
        {"jsonrpc": "2.0", "id": 5, "result": "to nobody's request"},
    ]
    answered = await ask(msgspec.json.encode(messages))
    assert [message["id"] for message in answered] == [1, None, "2"]
    assert [message.get("error", {}).get("code") for message in answered] == [
        None,
        INVALID_REQUEST,
        METHOD_NOT_FOUND,
    ]


async def test_a_batch_of_nothing_to_answer_has_no_answer() -> None:
    assert await ask(b"[" + request("nothing") + b"]") is None


@pytest.mark.parametrize(("count", "batches"), [(0, True), (BATCH_MAX + 1, True), (1, False)])
async def test_batches_are_bounded_and_only_taken_where_they_belong(count: int, batches: bool) -> None:
    raw = msgspec.json.encode([{"jsonrpc": "2.0", "method": "nothing", "id": 1}] * count)
    with pytest.raises(RpcError) as refused:
        await ask(raw, batches=batches)
    assert refused.value.code == INVALID_REQUEST


async def test_a_response_of_the_caller_is_for_nobody() -> None:
    assert await ask(b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"?"}}') is None


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_members = st.fixed_dictionaries(
    {}, optional={"jsonrpc": st.just("2.0") | _json, "method": _json, "id": _json, "params": _json}
)


@given(_members | st.lists(_members, max_size=4) | _json)
async def test_every_message_has_answers_of_the_form_or_none(message: Any) -> None:
    try:
        answered = await ask(msgspec.json.encode(message))
    except RpcError:
        return
    for each in answered if isinstance(answered, list) else [answered]:
        assert each is None or (each["jsonrpc"] == "2.0" and ("result" in each) != ("error" in each))
