"""What lies in the mail folder, for whoever tries the shop out: a list, and each mail as it was set.

A mail's HTML came from templates of ours, names and titles in it from strangers: it is shown where
no script runs and nothing but pictures is fetched.
"""

import asyncio
import email
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import jinja2
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from ucp_server.hosted import HostedApp, Site

# Of a demo's mail the newest; older ones still lie in the folder.
LISTED_MAX: Final = 100
# Longer than any mail of ours: two bodies and no attachment.
MAIL_BYTES_MAX: Final = 1_000_000
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,80}\.eml")
_PRIVATE: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
}
_PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# Mail has its styles inside. What is pressed in it opens beside, out of the sandbox.
_MAIL_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http://localhost:*; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One mail. ``name`` is its file's; ``html`` is "" where it has none."""

    name: str
    subject: str
    recipient: str
    sent: str
    language: str
    text: str
    html: str


def application(site: Site, folder: Path) -> HostedApp:
    viewer = _Viewer(site, folder)
    starlette = Starlette(
        routes=[
            Route("/", viewer.list, methods=["GET"]),
            Route("/style.css", _style, methods=["GET"]),
            Route("/{name}", viewer.show, methods=["GET"]),
            Route("/{name}/html", viewer.html, methods=["GET"]),
        ]
    )
    starlette.router.redirect_slashes = False
    return starlette


class _Viewer:
    def __init__(self, site: Site, folder: Path) -> None:
        self._site = site
        self._folder = folder

    async def list(self, request: Request) -> Response:
        del request
        mails = await asyncio.to_thread(lambda: tuple(self._newest()))
        return _page("list.html", site=self._site, mails=mails)

    async def show(self, request: Request) -> Response:
        mail = await self._find(request)
        return _page("mail.html", site=self._site, mail=mail) if mail else _nothing()

    async def html(self, request: Request) -> Response:
        mail = await self._find(request)
        if mail is None or not mail.html:
            return _nothing()
        beside = mail.html.replace("<head>", '<head><base target="_blank">', 1)
        return HTMLResponse(beside, headers=_PRIVATE | {"content-security-policy": _MAIL_POLICY})

    async def _find(self, request: Request) -> Sent | None:
        name = request.path_params["name"]
        if _NAME.fullmatch(name) is None:
            return None
        return await asyncio.to_thread(_read, self._folder / name)

    def _newest(self) -> Iterator[Sent]:
        """Newest first; one that went away meanwhile is left out."""
        paths = [path for path in self._folder.glob("*.eml") if _NAME.fullmatch(path.name)]
        paths.sort(key=_changed_at, reverse=True)
        for path in paths[:LISTED_MAX]:
            mail = _read(path)
            if mail is not None:
                yield mail


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _read(path: Path) -> Sent | None:
    """None for what is no mail of ours."""
    try:
        if path.stat().st_size > MAIL_BYTES_MAX:
            return None
        mail = email.message_from_bytes(path.read_bytes(), policy=default)
    except FileNotFoundError:
        return None
    return Sent(
        name=path.name,
        subject=str(mail["Subject"] or ""),
        recipient=str(mail["To"] or ""),
        sent=str(mail["Date"] or ""),
        language=str(mail["Content-Language"] or ""),
        text=_body(mail, "plain"),
        html=_body(mail, "html"),
    )


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


async def _style(_: Request) -> Response:
    body = files("ucp_server.handlers.mail_folder").joinpath("static", "style.css").read_bytes()
    return Response(body, headers=_PRIVATE | {"content-type": "text/css; charset=utf-8"})


def _nothing() -> Response:
    return PlainTextResponse("There is no such mail.\n", 404, _PRIVATE)


def _page(template: str, **facts: object) -> Response:
    text = _templates().get_template(template).render(**facts)
    return HTMLResponse(text, headers=_PRIVATE | {"content-security-policy": _PAGE_POLICY})


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("ucp_server.handlers.mail_folder"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
