"""The second port: pages that plug-ins have of their own, at an origin that no page of ours shares."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from ucp_server.config import Settings
from ucp_server.hosted import HostedApp

_OWN_MACHINE: Final = ("localhost", "127.0.0.1", "[::1]")


class _Named:
    """``app`` for requests that were sent to ``site``.

    A page of the web whose name leads to this machine (DNS rebinding) would else read the mail and
    the payments that lie here.
    """

    def __init__(self, app: ASGIApp, site: str) -> None:
        self._app = app
        parts = urlsplit(site)
        port = f":{parts.port}" if parts.port else ""
        own = parts.hostname in _OWN_MACHINE
        names = tuple(f"{host}{port}" for host in _OWN_MACHINE) if own else (parts.netloc,)
        self._names: Final = frozenset(name.lower().encode() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and dict(scope["headers"]).get(b"host", b"").lower() not in self._names:
            await PlainTextResponse("Nothing is served under this name.\n", 421)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def site_of(settings: Settings) -> str:
    """Scheme and authority of these pages; "" where none are served."""
    if not settings.hosted_port:
        return ""
    return settings.hosted_url.rstrip("/") or f"http://localhost:{settings.hosted_port}"


def mail_paths(settings: Settings) -> Mapping[str, str]:
    """Where the mail of merchants can be read that are tried out and send none."""
    if not site_of(settings) or not settings.relaxed.mail_to_folder:
        return {}
    return {
        name: f"/{name}/mail"
        for name, table in settings.merchant.items()
        if table.mail is None or table.mail.transport != "smtp"
    }


def application(site: str, apps: Mapping[str, HostedApp]) -> ASGIApp:
    """``apps`` by the paths under which they are at ``site``."""
    starlette = Starlette(routes=[Mount(path, app) for path, app in apps.items()])
    starlette.router.redirect_slashes = False
    return _Named(starlette, site)
