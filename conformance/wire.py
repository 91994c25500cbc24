"""One request and its reply, and the client that makes them."""

import asyncio
from collections.abc import Mapping
from typing import Self

import aiohttp
import msgspec

from conformance.registry import Broken, Wire

# A checkout of a hundred lines is some 100 kB; past 4 MB a reply is not an answer any more.
BODY_LIMIT = 4 * 1024 * 1024
# The slowest limit that large callers set for an operation is 10 s (complete); we wait twice that.
ANSWER_TIMEOUT_S = 20.0
# A busy server turns requests away for a moment and says for how long; what asks for longer, or goes on
# like that, is its answer.
BUSY_TRIES_MAX = 5
BUSY_WAIT_MAX_S = 2
EXCERPT_CHARS = 700
# Never shown in a report: what would open somebody's shop.
SECRET_HEADERS = frozenset({"authorization", "x-api-key", "simulation-secret"})


class _Ucp(msgspec.Struct):
    status: str = "success"


class _Told(msgspec.Struct):
    ucp: _Ucp = msgspec.field(default_factory=_Ucp)


class Exchange(msgspec.Struct, frozen=True):
    """A request and its reply; header names of the reply are lower case."""

    method: str
    url: str
    sent_headers: dict[str, str]
    sent: bytes
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300 and not self.tells_an_error

    @property
    def tells_an_error(self) -> bool:
        """Since 2026-04-08 what is not there is told with status 200 (digest 6.1)."""
        try:
            told = msgspec.json.decode(self.body, type=_Told)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False
        return told.ucp.status == "error"

    @property
    def is_json(self) -> bool:
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return kind == "application/json" or kind.endswith("+json")

    def document(self) -> Wire:
        """The reply as a JSON object; anything else breaks the check that asks."""
        try:
            return msgspec.json.decode(self.body, type=dict)
        except msgspec.MsgspecError as error:
            raise Broken(f"the reply is not a JSON object: {error}", self) from error

    def excerpt(self) -> str:
        """The exchange for a person to read, without secrets."""
        shown = [
            f"{name}: {value}"
            for name, value in self.sent_headers.items()
            if name.lower() not in SECRET_HEADERS
        ]
        kind = self.headers.get("content-type", "no content type")
        return "\n".join(
            [
                f"> {self.method} {self.url}",
                *(f"> {line}" for line in shown),
                *([f"> {_clip(self.sent)}"] if self.sent else []),
                f"< {self.status} ({kind})",
                f"< {_clip(self.body)}",
            ]
        )


def _clip(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return text if len(text) <= EXCERPT_CHARS else f"{text[:EXCERPT_CHARS]}... ({len(text)} chars)"


class Client:
    """An HTTP client that follows no redirect, keeps no cookie and remembers what was said."""

    def __init__(self, *, insecure: bool, extra_headers: Mapping[str, str]) -> None:
        self.journal: list[Exchange] = []
        self._extra = dict(extra_headers)
        self._verify = not insecure
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # A server may close a kept connection at any moment; a check must not trip over that.
            connector=aiohttp.TCPConnector(ssl=self._verify, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Exchange:
        """One exchange, added to the journal; no answer within 20 s breaks the check.

        Where the server asks for a moment's patience (503 with Retry-After) the same is sent again.
        """
        for _ in range(BUSY_TRIES_MAX - 1):
            exchange = await self._send_once(method, url, headers, body)
            wait_s = exchange.headers.get("retry-after", "")
            if exchange.status != 503 or not wait_s.isdecimal() or int(wait_s) > BUSY_WAIT_MAX_S:
                return exchange
            await asyncio.sleep(int(wait_s))
        return await self._send_once(method, url, headers, body)

    async def _send_once(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes
    ) -> Exchange:
        if self._session is None:
            raise RuntimeError("the client is used inside `async with`")
        sent = {**self._extra, **(headers or {})}
        try:
            async with self._session.request(
                method, url, headers=sent, data=body or None, allow_redirects=False
            ) as reply:
                received = await reply.content.read(BODY_LIMIT)
                while len(received) < BODY_LIMIT and not reply.content.at_eof():
                    received += await reply.content.read(BODY_LIMIT - len(received))
                exchange = Exchange(
                    method=method,
                    url=url,
                    sent_headers=sent,
                    sent=body,
                    status=reply.status,
                    headers={name.lower(): value for name, value in reply.headers.items()},
                    body=received,
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Broken(f"{method} {url} got no answer: {type(error).__name__} {error}") from error
        self.journal.append(exchange)
        return exchange
