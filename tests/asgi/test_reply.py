import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.asgi.calling import call, scope_of
from ucp_server.asgi.reply import Reply, json_reply, plain_refusal

HEADERS = st.lists(st.tuples(st.binary(), st.binary())).map(tuple)


@given(st.integers(200, 599), st.binary(), HEADERS)
def test_packing_keeps_status_body_and_headers(
    status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    reply = Reply(status, body, headers)
    assert Reply.unpack(reply.pack()) == reply


def test_a_replay_is_a_fact_of_the_sending_and_is_not_packed() -> None:
    replayed = json_reply(201, {"id": "chk_1"}).as_replayed()
    assert not Reply.unpack(replayed.pack()).replayed


def test_a_later_version_may_store_more() -> None:
    later = msgspec.msgpack.encode([200, b"{}", [[b"a", b"b"]], "new"])
    assert Reply.unpack(later) == Reply(200, b"{}", ((b"a", b"b"),))


@pytest.mark.parametrize("packed", [b"", b"\x00", b"{}", msgspec.msgpack.encode([200])])
def test_what_was_not_packed_is_refused(packed: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Reply.unpack(packed)


async def test_it_sends_itself_with_its_length() -> None:
    response = await call(json_reply(201, {"a": 1}, (b"location", b"/x")), scope_of())
    assert response is not None
    assert (response.status, response.body) == (201, b'{"a":1}')
    assert response.headers == (
        ("content-type", "application/json"),
        ("location", "/x"),
        ("content-length", "7"),
    )


async def test_a_replayed_one_says_so() -> None:
    response = await call(json_reply(200, {}).as_replayed(), scope_of())
    assert response is not None
    assert response.header("idempotent-replayed") == "true"


@pytest.mark.parametrize("status", [204, 304])
async def test_without_content_there_is_no_length(status: int) -> None:
    response = await call(Reply(status), scope_of())
    assert response is not None
    assert response.header("content-length") is None


def test_the_plain_refusal_is_code_and_content() -> None:
    reply = plain_refusal(404, "not_found", "There is nothing here.", scope_of())
    assert reply.body == b'{"code":"not_found","content":"There is nothing here."}'
    assert reply.header(b"content-type") == b"application/json"
    assert reply.header(b"retry-after") is None
