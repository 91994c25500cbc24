"""Pictures that came with the shop's tables, for pages and for platforms that show goods."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.reply import Header, Reply
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store.database import Pool, read
from ucp_server.store.pictures import load_picture

ROUTE: Final = "/pictures/{name:path}"

# A merchant's SVG is a document of its own when it is opened: nothing in it may run or load.
_HEADERS: Final[tuple[Header, ...]] = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    # An import may replace a picture under its name; an hour later everybody has seen it.
    (b"cache-control", b"public, max-age=3600"),
)
_TEXT: Final = ((b"content-type", b"text/plain; charset=utf-8"),)
_UNKNOWN: Final = Reply(status=404, body=b"There is no such picture.\n", headers=_TEXT)
_NO_SHOP: Final = Reply(status=421, body=b"No shop is served under this name.\n", headers=_TEXT)
_UNREACHABLE: Final = Reply(
    status=503, body=b"Please try again in a moment.\n", headers=(*_TEXT, (b"retry-after", b"5"))
)


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """``merchant_of`` finds the merchant that a request is for, None where there is none."""

    pool: Pool
    merchant_of: Callable[[Request], str | None]

    def routes(self) -> list[Route]:
        return [Route(ROUTE, self.show_picture, methods=["GET"])]

    async def show_picture(self, request: Request) -> Reply:
        merchant_id = self.merchant_of(request)
        if merchant_id is None:
            return _NO_SHOP
        facts_of(request.scope).update(protocol="pages", operation="show_picture", merchant=merchant_id)
        try:
            async with read(self.pool) as db:
                picture = await load_picture(db, merchant_id, f"pictures/{request.path_params['name']}")
        except StoreUnavailable:
            return _UNREACHABLE
        if picture is None:
            return _UNKNOWN
        etag = f'"{sha256(picture.content).hexdigest()[:32]}"'.encode()
        headers = ((b"content-type", picture.media_type.encode()), (b"etag", etag), *_HEADERS)
        if etag in request.headers.get("if-none-match", "").encode():
            return Reply(status=304, headers=headers)
        return Reply(status=200, body=picture.content, headers=headers)
