"""The shop under test, spoken to as an agent platform speaks to it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import msgspec

from conformance import forms
from conformance.inputs import Inputs
from conformance.platform import MAIN, Platform
from conformance.registry import Broken, Lacking, Wire, lacking
from conformance.wire import Client, Exchange

SERVICE = "dev.ucp.shopping"
# To https, to www, to a slash: who sends a client further than that sends it in circles.
REDIRECTS_MAX = 3

Scene = TypeVar("Scene")


class Unreachable(Exception):
    """The shop's profile for the release cannot be read, so nothing can be checked."""


async def discover(client: Client, inputs: Inputs) -> Exchange:
    """The exchange that brought the profile of the wanted release: the root or a leaf profile."""
    root = await _followed(client, f"{inputs.url.rstrip('/')}/.well-known/ucp")
    if root.status != 200:
        raise Unreachable(f"{root.url} answered {root.status}")
    ucp = root.document().get("ucp", {})
    if ucp.get("version") == inputs.release:
        return root
    leaf_url = (ucp.get("supported_versions") or {}).get(inputs.release)
    if leaf_url is None:
        raise Unreachable(f"{root.url} speaks {ucp.get('version')}, not {inputs.release}")
    leaf = await client.send("GET", leaf_url)
    if leaf.status != 200:
        raise Unreachable(f"{leaf.url} answered {leaf.status}")
    return leaf


async def _followed(client: Client, url: str) -> Exchange:
    """The answer at the end of a few redirects; that there are any is a check's business."""
    reply = await client.send("GET", url)
    for _ in range(REDIRECTS_MAX):
        if not 300 <= reply.status < 400:
            break
        reply = await client.send("GET", urljoin(reply.url, reply.headers.get("location", "")))
    return reply


class Shop:
    """Requests against one shop. Identities are names of `Platform` profiles or whole URLs."""

    def __init__(
        self, client: Client, inputs: Inputs, discovery: Exchange, platform: Platform | None
    ) -> None:
        self.client = client
        self.inputs = inputs
        self.discovery = discovery
        self.profile: Wire = discovery.document()
        self._platform = platform
        self.canary = f"canary-{uuid4().hex}"
        self._scenes: dict[Any, Any] = {}

    @property
    def platform(self) -> Platform:
        if self._platform is None:
            lacking("a platform profile of our own (--profile was given)")
        return self._platform

    @property
    def endpoint(self) -> str:
        endpoint = forms.rest_endpoint(self.profile)
        if not isinstance(endpoint, str) or not endpoint.startswith(("http://", "https://")):
            lacking("an absolute REST endpoint in the profile")
        return endpoint.rstrip("/")

    def capabilities(self) -> list[str]:
        return forms.capability_names(self.profile.get("ucp", {}))

    def offers(self, capability: str) -> bool:
        return f"{SERVICE}.{capability}" in self.capabilities()

    def need_capability(self, capability: str) -> None:
        if not self.offers(capability):
            lacking(f"the capability {SERVICE}.{capability} in the profile")

    @property
    def release(self) -> str:
        return self.inputs.release

    def is_local(self) -> bool:
        """Whether the shop runs on this machine, where plain http is a matter of course."""
        return urlsplit(self.endpoint).hostname in {"localhost", "127.0.0.1", "::1"}

    async def scene(self, build: Callable[["Shop"], Awaitable[Scene]]) -> Scene:
        """What `build` makes, made once; a shop that does not play along makes it lacking."""
        if build not in self._scenes:
            try:
                self._scenes[build] = await build(self)
            except (Broken, Lacking) as error:
                self._scenes[build] = Lacking(str(error))
        made = self._scenes[build]
        if isinstance(made, Lacking):
            raise Lacking(str(made))
        return made  # type: ignore[no-any-return]  # kept under the builder that made it

    def agent(self, who: str = MAIN) -> str:
        """The `UCP-Agent` header of an identity."""
        if "://" in who:
            return f'profile="{who}"'
        if self.inputs.profile and who == MAIN:
            return f'profile="{self.inputs.profile}"'
        return f'profile="{self.platform.profile_url(who)}"'

    def headers(self, who: str = MAIN, key: str | None = None, **more: str) -> dict[str, str]:
        """The usual headers; `key` is the idempotency key, a fresh one unless given."""
        return {
            "UCP-Agent": self.agent(who),
            "Idempotency-Key": key or str(uuid4()),
            "Request-Id": str(uuid4()),
            **{name.replace("_", "-"): value for name, value in more.items()},
        }

    async def send(
        self, method: str, path: str, body: Wire | bytes | None, headers: Mapping[str, str]
    ) -> Exchange:
        """One request to the endpoint; bytes go out as they are, a document as JSON."""
        if body is None:
            return await self.client.send(method, self.endpoint + path, headers)
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        typed = {"Content-Type": "application/json", **headers}
        return await self.client.send(method, self.endpoint + path, typed, raw)

    async def create(self, body: Wire, *, who: str = MAIN, key: str | None = None) -> Exchange:
        return await self.send("POST", "/checkout-sessions", body, self.headers(who, key))

    async def get(self, checkout_id: str, *, who: str = MAIN) -> Exchange:
        return await self.send("GET", f"/checkout-sessions/{checkout_id}", None, self.headers(who))

    async def update(
        self, checkout_id: str, body: Wire, *, who: str = MAIN, key: str | None = None
    ) -> Exchange:
        path = f"/checkout-sessions/{checkout_id}"
        return await self.send("PUT", path, body, self.headers(who, key))

    async def complete(
        self, checkout_id: str, body: Wire, *, who: str = MAIN, key: str | None = None
    ) -> Exchange:
        path = f"/checkout-sessions/{checkout_id}/complete"
        return await self.send("POST", path, body, self.headers(who, key))

    async def create_cart(self, body: Wire, *, who: str = MAIN, key: str | None = None) -> Exchange:
        return await self.send("POST", "/carts", body, self.headers(who, key))

    async def cart(self, cart_id: str, *, who: str = MAIN) -> Exchange:
        return await self.send("GET", f"/carts/{cart_id}", None, self.headers(who))

    async def update_cart(self, cart_id: str, body: Wire, *, who: str = MAIN) -> Exchange:
        return await self.send("PUT", f"/carts/{cart_id}", body, self.headers(who))

    async def cancel_cart(self, cart_id: str, *, who: str = MAIN) -> Exchange:
        return await self.send("POST", f"/carts/{cart_id}/cancel", None, self.headers(who))

    async def catalog(self, operation: str, body: Wire | bytes, *, who: str = MAIN) -> Exchange:
        """``operation`` is search, lookup or product."""
        return await self.send("POST", f"/catalog/{operation}", body, self.headers(who))

    async def order(self, order_id: str, *, who: str = MAIN) -> Exchange:
        return await self.send("GET", f"/orders/{order_id}", None, self.headers(who))

    async def cancel(self, checkout_id: str, *, who: str = MAIN, key: str | None = None) -> Exchange:
        path = f"/checkout-sessions/{checkout_id}/cancel"
        return await self.send("POST", path, None, self.headers(who, key))
