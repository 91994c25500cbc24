"""Pictures that came with the shop's tables, for pages and for platforms that show goods."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.reply import Header, Reply
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
_UNKNOWN: Final = Reply(status=404, body=b"not found", headers=((b"content-type", b"text/plain"),))


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
            return Reply(status=421)
        facts_of(request.scope).update(protocol="pages", operation="show_picture", merchant=merchant_id)
        async with read(self.pool) as db:
            picture = await load_picture(db, merchant_id, f"pictures/{request.path_params['name']}")
        if picture is None:
            return _UNKNOWN
        etag = f'"{sha256(picture.content).hexdigest()[:32]}"'.encode()
        headers = ((b"content-type", picture.media_type.encode()), (b"etag", etag), *_HEADERS)
        if etag in request.headers.get("if-none-match", "").encode():
            return Reply(status=304, headers=headers)
        return Reply(status=200, body=picture.content, headers=headers)
