"""Who is let in."""

from uuid import uuid4

from conformance.chipp.application import CHIPP, Application
from conformance.registry import check, expect, lacking
from conformance.wire import Exchange

SECTION = "authentication#API keys"


def _calls() -> list[tuple[str, str]]:
    session = f"/checkout_sessions/{uuid4()}"
    return [
        ("POST", "/checkout_sessions"),
        ("GET", session),
        ("POST", session),
        ("POST", f"{session}/complete"),
        ("POST", f"{session}/cancel"),
    ]


def _nested(reply: Exchange) -> None:
    expect(reply.status == 401, f"answered {reply.status}", reply)
    error = reply.document().get("error")
    shaped = isinstance(error, dict) and error.get("code") == "unauthorized" and error.get("message")
    expect(shaped, "a 401 has no code and message inside of error", reply)


@check(SECTION, releases=CHIPP)
async def no_key_is_401(app: Application) -> None:
    """Without a key every checkout call is answered 401, with a nested error."""
    for method, path in _calls():
        _nested(await app.send(method, path, authorization=None))


@check(SECTION, releases=CHIPP)
async def no_real_key_is_401(app: Application) -> None:
    """A key of another form, or one that nobody has, is answered 401."""
    for authorization in (
        app.inputs.key,
        f"Basic {app.inputs.key}",
        "Bearer sk_1",
        f"Bearer acp_{'0' * 32}",
    ):
        for method, path in _calls():
            _nested(await app.send(method, path, authorization=authorization))


@check(SECTION, releases=CHIPP)
async def key_of_another_application_is_403(app: Application) -> None:
    """A key opens its own application only."""
    if not app.inputs.other_key:
        lacking("a key of another application (--other-key)")
    for method, path in _calls():
        reply = await app.send(method, path, authorization=f"Bearer {app.inputs.other_key}")
        expect(reply.status == 403, f"answered {reply.status}", reply)
