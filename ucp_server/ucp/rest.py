"""REST: routes that turn a request into an `Incoming` and send the `Reply` (D/checkout-rest)."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from ucp_server.asgi.addresses import Network, source_of
from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.reply import Reply
from ucp_server.ucp.authentication import client_certificate
from ucp_server.ucp.incoming import Incoming, Shop
from ucp_server.ucp.operation_table import operations_of
from ucp_server.ucp.releases import Release
from ucp_server.ucp.signature_base import Request as SignedRequest

Endpoint = Callable[[Request], Awaitable[Reply]]
# What a route leads to: operation and the release of its path (None: the shop's root release).
EndpointFor = Callable[[str, Release], Endpoint]


# Put together they have to be a URL that is taken apart in the same way again.
_AUTHORITY: Final = re.compile(r"[A-Za-z0-9._:\[\]-]+", re.ASCII)
_PATH: Final = re.compile(r"/[!\"$->@-~]*", re.ASCII)
_QUERY: Final = re.compile(r"[!\"$-~]*", re.ASCII)


def operation_routes(release: Release, endpoint_for: EndpointFor) -> Iterable[Route]:
    """The operations under the endpoint of ``release``."""
    for path, rows in groupby(operations_of(release), key=attrgetter("path")):
        endpoints = {row.method: endpoint_for(row.name, release) for row in rows}
        yield route(f"/ucp/{release.version}{path}", endpoints)


def route(path: str, endpoints: Mapping[str, Endpoint]) -> Route:
    """All methods of one path: as routes of their own a 405 would name but the first's in Allow."""

    async def answer(request: Request) -> Reply:
        method = "GET" if request.method == "HEAD" else request.method
        return await endpoints[method](request)

    return Route(path, answer, methods=list(endpoints))


async def read_incoming(
    request: Request, operation: str, shop: Shop, release: Release, trusted: Iterable[Network]
) -> Incoming:
    """The request with its whole body, which the guard has bounded before."""
    arrived_s = asyncio.get_running_loop().time()
    headers = joined(request.scope["headers"])
    raw = await request.body()
    return Incoming(
        operation=operation,
        shop=shop,
        endpoint=release,
        headers=headers,
        raw=raw,
        arrived_s=arrived_s,
        facts=facts_of(request.scope),
        target=request.path_params.get("id", ""),
        query=request.scope["query_string"].decode("latin-1"),
        certificate=client_certificate(request.scope, headers, trusted),
        sent=as_sent(request, shop, headers, raw),
        address=source_of(request.scope, headers, trusted),
    )


def as_sent(request: Request, shop: Shop, headers: Mapping[str, str], body: bytes) -> SignedRequest | None:
    """The request as its sender may have signed it; None for a target that nobody can have signed.

    The Host is the one that was asked, which a proxy has to hand on; the scheme is that of the shop's
    URLs, as a proxy takes TLS off.
    """
    authority = headers.get("host", "")
    path = request.scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    parts = ((_AUTHORITY, authority), (_PATH, path), (_QUERY, query))
    if not all(form.fullmatch(text) for form, text in parts):
        return None
    target = f"{path}?{query}" if query else path
    scheme = shop.site.partition("://")[0]
    return SignedRequest(
        method=request.method, url=f"{scheme}://{authority}{target}", headers=headers, body=body
    )


def joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """One text for each name; a field that comes several times is one list (RFC 9110 5.3)."""
    texts: dict[str, str] = {}
    for raw_name, raw_text in headers:
        name, text = raw_name.decode("latin-1"), raw_text.decode("latin-1")
        texts[name] = f"{texts[name]}, {text}" if name in texts else text
    return texts
