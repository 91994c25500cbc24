"""A shop as the agent sees it: its profile, and the calls from a question to an order, by REST or tools."""

import ssl
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import msgspec

from ucp_server.agent import speech
from ucp_server.agent.speech import Offer, read_offer

Wire = dict[str, Any]

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)  # complete may take 10 s and more
_REPLY_BYTES_MAX: Final = 4 * 1024 * 1024
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class ShopError(Exception):
    """The shop refused or could not be understood; ``text`` is for the person who reads along."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Shop:
    """One shop. Every call names the agent's profile; every change has a key of its own."""

    transport = "rest"

    def __init__(self, url: str, *, profile_url: str, api_key: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._profile_url = profile_url
        self._headers = {"UCP-Agent": f'profile="{profile_url}"', "Accept": "application/json"}
        if api_key is not None:
            self._headers["X-API-Key"] = api_key
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT, connector=_connector(self._url))

    async def close(self) -> None:
        await self._session.close()

    async def discover(self, release: str | None = None) -> Offer:
        """Read ``/.well-known/ucp``, and the leaf of ``release`` where the root is of another.

        Raises `ShopError` where the shop has no profile of ``release``, or none that we can read.
        """
        found = await self._send("GET", f"{self._url}/.well-known/ucp", None)
        try:
            ucp = found["ucp"]
            if release not in (None, ucp["version"]):
                found = await self._send("GET", _leaf(ucp, str(release)), None)
            return read_offer(found, self.transport)
        except (KeyError, TypeError, AttributeError) as error:
            raise ShopError(f"This profile is none that is known here (no {error}).") from error

    async def create(self, offer: Offer, body: Wire) -> Wire:
        return await self._send("POST", f"{offer.endpoint}/checkout-sessions", body)

    async def update(self, offer: Offer, checkout_id: str, body: Wire) -> Wire:
        return await self._send("PUT", f"{offer.endpoint}/checkout-sessions/{checkout_id}", body)

    async def get(self, offer: Offer, checkout_id: str) -> Wire:
        return await self._send("GET", f"{offer.endpoint}/checkout-sessions/{checkout_id}", None)

    async def complete(self, offer: Offer, checkout_id: str, body: Wire) -> Wire:
        return await self._send("POST", f"{offer.endpoint}/checkout-sessions/{checkout_id}/complete", body)

    async def ask(self, offer: Offer, operation: str, body: Wire) -> Wire:
        """What the catalog answers; ``operation`` is search, lookup or product."""
        return await self._send("POST", f"{offer.endpoint}/catalog/{operation}", body, keyed=False)

    async def fill(self, offer: Offer, body: Wire) -> Wire:
        """A new cart."""
        return await self._send("POST", f"{offer.endpoint}/carts", body)

    async def order(self, offer: Offer, order_id: str) -> Wire:
        return await self._send("GET", f"{offer.endpoint}/orders/{order_id}", None)

    async def _send(self, method: str, url: str, body: Wire | None, *, keyed: bool = True) -> Wire:
        # What changes nothing can be asked again without one.
        key = None if body is None or not keyed else str(uuid4())
        status, raw = await self._answer(method, url, body, key)
        return _understood(method, url, status, raw)

    async def _answer(self, method: str, url: str, body: Wire | None, key: str | None) -> tuple[int, bytes]:
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        data = None if body is None else msgspec.json.encode(body)
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as reply:
                return reply.status, await _content(reply)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ShopError(f"{method} {url}: {error or 'no answer in time'}") from error


class ToolShop(Shop):
    """The same shop, whose operations are called as tools of MCP, or as methods where those came first."""

    transport = "mcp"

    async def create(self, offer: Offer, body: Wire) -> Wire:
        return await self._call(offer, "create_checkout", "", body)

    async def update(self, offer: Offer, checkout_id: str, body: Wire) -> Wire:
        return await self._call(offer, "update_checkout", checkout_id, body)

    async def get(self, offer: Offer, checkout_id: str) -> Wire:
        return await self._call(offer, "get_checkout", checkout_id, {})

    async def complete(self, offer: Offer, checkout_id: str, body: Wire) -> Wire:
        return await self._call(offer, "complete_checkout", checkout_id, body)

    async def ask(self, offer: Offer, operation: str, body: Wire) -> Wire:
        return await self._call(offer, speech.CATALOG_TOOLS[operation], "", body)

    async def fill(self, offer: Offer, body: Wire) -> Wire:
        return await self._call(offer, "create_cart", "", body)

    async def order(self, offer: Offer, order_id: str) -> Wire:
        return await self._call(offer, "get_order", order_id, {})

    async def _call(self, offer: Offer, name: str, checkout_id: str, body: Wire) -> Wire:
        key = str(uuid4()) if body and name not in speech.CATALOG_TOOLS.values() else None
        call = speech.call(offer.release, name, self._profile_url, key, checkout_id, body)
        message = {"jsonrpc": "2.0", "id": str(uuid4()), **call}
        status, raw = await self._answer("POST", offer.endpoint, message, key)
        said = read_json(raw)
        if not isinstance(said, dict) or said.get("id") != message["id"]:
            raise ShopError(f"{name} was answered {status} without an answer to this call.")
        refused = said.get("error")
        if isinstance(refused, dict):
            raise ShopError(f"{name} was answered {refused.get('code')}: {refused.get('message')}")
        try:
            return _accepted(name, status, speech.told(offer.release, said["result"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ShopError(f"{name} was answered with no document (no {error}).") from error


async def _content(reply: aiohttp.ClientResponse) -> bytes:
    """The body; empty, and so unreadable, when it is larger than any reply is."""
    content = b""
    async for part in reply.content.iter_any():
        content += part
        if len(content) > _REPLY_BYTES_MAX:
            reply.close()
            return b""
    return content


def _leaf(ucp: Wire, release: str) -> str:
    leaf = ucp.get("supported_versions", {}).get(release)
    if not isinstance(leaf, str):
        raise ShopError(f"This shop speaks {ucp['version']} and lists no {release}.")
    return leaf


def read_json(raw: bytes) -> object:
    """What ``raw`` says; None where it is no JSON."""
    try:
        found: object = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found


def _understood(method: str, url: str, status: int, raw: bytes) -> Wire:
    document = read_json(raw)
    if document is None:
        raise ShopError(f"{method} {url} answered {status} without readable JSON.")
    return _accepted(f"{method} {url}", status, document)


def _accepted(asked: str, status: int, document: object) -> Wire:
    if status not in (200, 201) or not isinstance(document, dict) or _is_an_error(document):
        raise ShopError(f"{asked} answered {status}: {_words(document)}")
    return document


def _is_an_error(document: Wire) -> bool:
    """Since 2026-04-08 what came to nothing is told with status 200."""
    ucp = document.get("ucp")
    return isinstance(ucp, dict) and ucp.get("status") == "error"


def _words(document: object) -> str:
    if isinstance(document, dict):
        told = [m.get("content", "") for m in document.get("messages", ()) if isinstance(m, dict)]
        return " ".join(told) or str(document.get("content") or document.get("detail") or "no reason given")
    return "no reason given"


def _connector(url: str) -> aiohttp.TCPConnector:
    """Certificates are checked, but for this machine's own: a demo shop signs its certificate itself."""
    context = ssl.create_default_context()
    if urlsplit(url).hostname in _LOOPBACK:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return aiohttp.TCPConnector(ssl=context)
