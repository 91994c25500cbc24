"""From facts to a page of the mock's: templates that escape everything, headers that keep it to itself."""

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final
from urllib.parse import urlsplit

import jinja2
from starlette.responses import Response

from ucp_server.languages import Language
from ucp_server.languages.templates import speaking

# The address opens the page: nobody keeps it, nobody is told of it, nobody indexes it.
PRIVATE: Final = (
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-robots-tag", "noindex, nofollow"),
)
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'{leads_to}; frame-ancestors {ancestors}"
)
_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


def _asset(name: str) -> tuple[str, Response]:
    """Its name carries the hash of its content, which therefore never changes under it."""
    body = files("ucp_server.handlers.payment_mock").joinpath("static", name).read_bytes()
    stem, _, suffix = name.partition(".")
    headers = {
        "content-type": _TYPES[suffix],
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return f"{stem}.{sha256(body).hexdigest()[:12]}.{suffix}", Response(body, headers=headers)


_STYLE, _STYLE_REPLY = _asset("style.css")
_SCRIPT, _SCRIPT_REPLY = _asset("fields.js")
ASSETS: Final = {_STYLE: _STYLE_REPLY, _SCRIPT: _SCRIPT_REPLY}


def html(
    template: str,
    language: Language,
    facts: Mapping[str, object],
    *,
    status: int,
    ancestors: Sequence[str],
    leads_to: str = "",
) -> Response:
    """``ancestors`` may frame it; a form on it may end at ``leads_to``, of another origin."""
    text = _templates(language.code).get_template(template)
    policy = _POLICY.format(
        leads_to=f" {_origin(leads_to)}" if leads_to else "", ancestors=" ".join(ancestors) or "'none'"
    )
    return Response(
        text.render(language=language, style=_STYLE, script=_SCRIPT, **facts),
        status,
        {
            **dict(PRIVATE),
            "content-type": "text/html; charset=utf-8",
            "content-language": language.code,
            "content-security-policy": policy,
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
        },
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@cache  # one for each of our few languages
def _templates(code: str) -> jinja2.Environment:
    return speaking("ucp_server.handlers.payment_mock", code)
