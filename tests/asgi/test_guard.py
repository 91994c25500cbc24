import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.asgi.calling import call, scope_of
from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.guard import Guard, forms_under
from ucp_server.asgi.limits import Limits
from ucp_server.asgi.reply import Reply, plain_refusal


async def _show_body(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(body)(scope, receive, send)


def _guarded() -> Guard:
    return Guard(
        _show_body, limits=Limits(), refuse=plain_refusal, accepts=forms_under("/pages/", "/login")
    )


async def test_a_body_in_pieces_arrives_whole() -> None:
    scope = scope_of("/", (b"content-length", b"5"), method="POST")
    response = await call(_guarded(), scope, b"he", b"l", b"", b"lo")
    assert response is not None
    assert response.body == b"hello"


async def test_after_the_body_the_application_hears_the_caller_leave() -> None:
    heard: list[str] = []

    async def listens(scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend([(await receive())["type"], (await receive())["type"]])

    guard = Guard(listens, limits=Limits(), refuse=plain_refusal)
    await call(guard, scope_of("/", (b"content-length", b"2"), method="POST"), b"{}")
    assert heard == ["http.request", "http.disconnect"]


async def test_a_caller_that_left_gets_no_answer_and_reaches_nothing() -> None:
    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        raise AssertionError(message)

    scope = scope_of("/", (b"content-length", b"5"), method="POST")
    await _guarded()(scope, gone, send)
    assert facts_of(scope)["outcome"] == "disconnected"


@pytest.mark.parametrize(
    ("path", "content_type", "status"),
    [
        ("/login", b"application/x-www-form-urlencoded", 200),
        ("/pages/a", b"application/x-www-form-urlencoded; charset=utf-8", 200),
        ("/other", b"application/x-www-form-urlencoded", 415),
        ("/other", b"application/json", 200),
        ("/other", b"application/vnd.shop+json", 200),
        ("/other", b"text/vnd.shop+json", 415),
    ],
)
async def test_each_path_has_its_types(path: str, content_type: bytes, status: int) -> None:
    headers = ((b"content-type", content_type), (b"content-length", b"1"))
    response = await call(_guarded(), scope_of(path, *headers, method="POST"), b"a")
    assert response is not None
    assert response.status == status


async def test_what_it_refuses_is_rendered_by_the_composition_root_and_told() -> None:
    def in_own_words(status: int, code: str, text: str, scope: Scope) -> Reply:
        return Reply(status, f"{code} at {scope['path']}".encode(), ((b"content-type", b"text/plain"),))

    guard = Guard(_show_body, limits=Limits(), refuse=in_own_words)
    scope = scope_of("/a/../b")
    response = await call(guard, scope)
    assert response is not None
    assert (response.status, response.body) == (404, b"not_found at /a/../b")
    assert facts_of(scope) == {"outcome": "not_found", "guard": "not_found"}


async def test_what_is_allowed_is_said_with_a_405_and_a_415() -> None:
    response = await call(_guarded(), scope_of("/", method="BREW"))
    assert response is not None
    assert response.header("allow") == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    headers = ((b"content-encoding", b"br"), (b"content-length", b"1"))
    response = await call(_guarded(), scope_of("/", *headers, method="POST"), b"a")
    assert response is not None
    assert response.header("accept-encoding") == "identity"
