"""Lets nothing through that the listener should have stopped, and hands on whole bodies.

Behind it every request has one meaning: an unambiguous head, a canonical path, and a body that is
complete, within its limits, of a known type, and delivered as a single message. So a binding takes
its raw bytes from one ``receive()`` (``await request.body()`` in Starlette) without waiting.
"""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from ucp_server.asgi.bodies import (
    BodyRefused,
    Disconnected,
    announced_length,
    expects_body,
    has_streams,
    read_body,
    refuse_length,
    replaying,
    send_before_body,
)
from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.heads import Objection, examine
from ucp_server.asgi.limits import Limits
from ucp_server.asgi.reply import CLOSE, Refuse

# Which media types a body at this path may have, lower-case and without parameters. The type
# "application/*+json" stands for every structured syntax of that suffix (RFC 6839).
Accepts = Callable[[Scope], frozenset[bytes]]

JSON_TYPES = frozenset({b"application/json", b"application/*+json"})
FORM_TYPES = frozenset({b"application/x-www-form-urlencoded"})


def json_only(scope: Scope) -> frozenset[bytes]:
    """The default: bindings speak JSON. Pages take forms, see ``forms_under``."""
    del scope
    return JSON_TYPES


def forms_under(*prefixes: str) -> Accepts:
    """Forms at paths that begin with one of ``prefixes``, JSON everywhere else."""

    def accepts(scope: Scope) -> frozenset[bytes]:
        return FORM_TYPES if scope["path"].startswith(prefixes) else JSON_TYPES

    return accepts


class Guard:
    """See ``heads`` for what is refused of a head and ``limits`` for the numbers."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        refuse: Refuse,
        accepts: Accepts = json_only,
    ) -> None:
        self.app = app
        self.limits = limits
        self.refuse = refuse
        self.accepts = accepts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        else:
            # WebSockets are not served; closing before accepting is answered as 403.
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        objection = examine(scope, self.limits)
        expected = expects_body(scope)
        if objection is not None:
            await self._refuse(objection, scope, receive, send, unread=expected)
            return
        if not expected:
            await self.app(scope, receive, send)
            return
        try:
            refuse_length(announced_length(scope), self.limits)
            body = await read_body(receive, self.limits)
        except Disconnected:
            facts_of(scope)["outcome"] = "disconnected"
            return
        except BodyRefused as refused:
            await self._refuse(refused.objection, scope, receive, send, unread=True)
            return
        objection = examine_media(scope, self.accepts(scope)) if body else None
        if objection is not None:
            await self._refuse(objection, scope, receive, send, unread=False)
            return
        await self.app(scope, replaying(body, receive), send)

    async def _refuse(
        self, objection: Objection, scope: Scope, receive: Receive, send: Send, *, unread: bool
    ) -> None:
        facts = facts_of(scope)
        facts["outcome"] = facts["guard"] = objection.code
        reply = self.refuse(objection.status, objection.code, objection.text, scope)
        reply = reply.adding(*objection.headers)
        if unread:
            await send_before_body(reply, scope, receive, send, self.limits)
            return
        if objection.closes and not has_streams(scope):
            reply = reply.adding(CLOSE)
        await reply(scope, receive, send)


def examine_media(scope: Scope, accepted: frozenset[bytes]) -> Objection | None:
    """Only plain bodies of a known type. One without a type is read as what the path takes."""
    for name, value in scope["headers"]:
        if name == b"content-encoding":
            # An encoded body may unpack to any size; none is ever unpacked.
            text = "Content-Encoding is not supported."
            return Objection(415, "content_encoding", text, headers=((b"accept-encoding", b"identity"),))
        if name == b"content-type" and not _is_accepted(value, accepted):
            return Objection(415, "content_type", "A body of this Content-Type is not taken here.")
    return None


def _is_accepted(content_type: bytes, accepted: frozenset[bytes]) -> bool:
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type in accepted or not media_type:
        return True
    main, _, sub = media_type.partition(b"/")
    suffix = sub.rpartition(b"+")[2]
    return b"+" in sub and main + b"/*+" + suffix in accepted
