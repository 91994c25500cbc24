"""The one HTTP client that leaves the house: aiohttp behind a gate.

Three judges, each enough by itself: the URL's spelling, every address its name resolves to, and
the address of each socket as it is made. A name is resolved once per connection and the
connection goes to the address that was judged; TLS and Host stay on the name.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from ucp_server.handlers.fetch_guarded.addresses import is_loopback, is_public
from ucp_server.handlers.fetch_guarded.urls import LOOPBACK_HOSTS, Target, checked_url
from ucp_server.ports import Fetched, FetchRefused

log = logging.getLogger(__name__)

Lookup = Callable[[str], Awaitable[Sequence[str]]]

# At once, over all hosts; a slow one takes a quarter of them at most (bulkhead). More wait within
# their own deadline.
CONNECTIONS_MAX = 16
LINES_PER_HOST_SHARE = 4
# A name with more addresses than this is odd; happy eyeballs never needs more.
ADDRESSES_MAX = 16
# getaddrinfo cannot be cancelled: one thread per connection keeps slow names from starving others.
LOOKUP_THREADS = CONNECTIONS_MAX
# Header lines of an answer; the parser's own limits on their size are 8 KiB each.
HEADERS_MAX = 100
READ_BYTES = 16_384
OWN_HEADERS = (("User-Agent", "ucp-server"), ("Accept-Encoding", "identity"))


class GuardedFetch:
    """`ports.Fetch` over aiohttp. Make one per event loop, `close` it at the end.

    allow_loopback: demo and suite modes; permits http and this machine's three usual names, and
    nothing else that is private. ca_file: certificates trusted besides the system's.
    lookup: name to addresses; the system's resolver unless given.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        ca_file: Path | None = None,
        connections_max: int = CONNECTIONS_MAX,
        lookup: Lookup | None = None,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="lookup")
        self._names = _Names(lookup or self._system_lookup)
        self._tls = ssl.create_default_context()
        if ca_file is not None:
            self._tls.load_verify_locations(ca_file)
        self._connections_max = connections_max
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, *, accept: str, max_bytes: int, timeout_s: float) -> Fetched:
        """GET ``url``; any complete answer that is no redirect. Raises `FetchRefused`."""
        target = checked_url(url, allow_loopback=self._allow_loopback)
        return await self._within(timeout_s, _Ask("GET", target, (("Accept", accept),), None, max_bytes))

    async def post(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        max_bytes: int,
        timeout_s: float,
    ) -> Fetched:
        """POST ``body`` once, never again by itself; as `get` otherwise."""
        target = checked_url(url, allow_loopback=self._allow_loopback)
        return await self._within(timeout_s, _Ask("POST", target, tuple(headers), body, max_bytes))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _within(self, timeout_s: float, ask: "_Ask") -> Fetched:
        """The whole exchange under one deadline, its failures as `FetchRefused`."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._exchange(ask)
        except TimeoutError:
            raise FetchRefused("timeout", "There was no complete answer in time.") from None
        except (aiohttp.ClientSSLError, ssl.SSLError) as exc:
            raise FetchRefused("tls", "No trusted TLS connection could be made.") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise FetchRefused("unreachable", "The host gave no usable answer.") from exc

    async def _exchange(self, ask: "_Ask") -> Fetched:
        async with self._open_session().request(
            ask.method,
            URL(ask.target.url, encoded=True),
            headers=CIMultiDict((*ask.headers, *OWN_HEADERS)),
            data=ask.body,
            allow_redirects=False,
            skip_auto_headers=("Content-Type",),
        ) as reply:
            if 300 <= reply.status < 400:
                reply.close()
                raise FetchRefused("redirected", "The host answered with a redirect.")
            body = await _read(reply, ask.max_bytes)
        headers = tuple((name.lower(), value) for name, value in reply.headers.items())
        return Fetched(reply.status, headers, body)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._names,
                use_dns_cache=False,
                ssl=self._tls,
                limit=self._connections_max,
                limit_per_host=max(1, self._connections_max // LINES_PER_HOST_SHARE),
                socket_factory=self._gate,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                read_bufsize=READ_BYTES,
                max_headers=HEADERS_MAX,
            )
        return self._session

    def _gate(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket for a judged address; the last line should the others be passed."""
        family, kind, protocol, _, address = info
        host = str(address[0])
        if not (is_public(host) or (self._allow_loopback and is_loopback(host))):
            log.error("a connection to %s was stopped at the gate", host)
            raise PermissionError("this address is not asked")
        return socket.socket(family, kind, protocol)

    async def _system_lookup(self, host: str) -> Sequence[str]:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _getaddrinfo, host)
        return [str(info[4][0]) for info in found]


class _Ask(msgspec.Struct, frozen=True):
    method: str
    target: Target
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    max_bytes: int


class _Names(AbstractResolver):
    """Resolves a name once and lets it pass only when every answer may be connected to."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        answers = [_resolved(host, port, address) for address in await self._judged(host)]
        wanted = {socket.AF_INET, socket.AF_INET6} if family == socket.AF_UNSPEC else {family}
        return [answer for answer in answers if answer["family"] in wanted]

    async def close(self) -> None: ...

    async def _judged(self, host: str) -> Sequence[str]:
        # `checked_url` lets this name pass only where loopback is allowed.
        if host in LOOPBACK_HOSTS:
            return ("127.0.0.1", "::1")
        try:
            addresses = list(dict.fromkeys(await self._lookup(host)))
        except OSError as exc:
            raise FetchRefused("unreachable", "The host has no address.") from exc
        if not all(map(is_public, addresses)):
            raise FetchRefused("forbidden_url", "The host has an address that is not public.")
        return addresses[:ADDRESSES_MAX]


def _resolved(host: str, port: int, address: str) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST,
    )


def _getaddrinfo(host: str) -> Sequence[tuple[object, object, object, object, tuple[object, ...]]]:
    # The final dot keeps the local search domain out of it.
    return socket.getaddrinfo(f"{host}.", None, type=socket.SOCK_STREAM)


async def _read(reply: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The raw body, as it came over the line; nothing is ever unpacked."""
    too_large = FetchRefused("too_large", f"The answer is larger than {max_bytes} bytes.")
    left = max_bytes
    if (reply.content_length or 0) > left:
        reply.close()
        raise too_large
    parts: list[bytes] = []
    async for part in reply.content.iter_any():
        left -= len(part)
        if left < 0:
            reply.close()
            raise too_large
        parts.append(part)
    return b"".join(parts)
