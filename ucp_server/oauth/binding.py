"""The binding as the composition root builds it: its routes, and its form for errors of the layers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Scope

from ucp_server.asgi.addresses import Network
from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.reply import Reply, json_reply
from ucp_server.engine.grants import Grants
from ucp_server.oauth.authentication import Authentication
from ucp_server.oauth.discovery import MAX_AGE_S, render_resource, render_server
from ucp_server.oauth.errors import render_error
from ucp_server.oauth.incoming import Shop, read_incoming
from ucp_server.oauth.operations import Operations
from ucp_server.ports import Clock

PATHS: Final = ("/oauth/", "/.well-known/oauth-")
# What is posted here is a form (RFC 6749 3.2).
FORMS_UNDER: Final = "/oauth/"

Wire = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Reply]]
_CACHE_CONTROL: Final = (b"cache-control", b"public, max-age=%d" % MAX_AGE_S)


@dataclass(frozen=True, kw_only=True)
class Binding:
    """The authorization server of each merchant.

    ``shop_of`` finds the merchant that a request is for, None where its Host leads to nobody;
    ``scopes`` are all that can be granted; ``trusted`` proxies may say whom they speak for.
    """

    grants: Grants
    clock: Clock
    scopes: Sequence[str]
    shop_of: Callable[[Request], Shop | None]
    trusted: tuple[Network, ...] = ()

    @cached_property
    def operations(self) -> Operations:
        return Operations(self.grants, Authentication(self.grants, self.clock))

    def routes(self) -> list[Route]:
        server, resource = self._public("server", render_server), self._public("resource", render_resource)
        return [
            Route("/oauth/authorize", self._endpoint("authorize"), methods=["GET"]),
            Route("/oauth/token", self._endpoint("token"), methods=["POST"]),
            Route("/oauth/revoke", self._endpoint("revoke"), methods=["POST"]),
            Route("/.well-known/oauth-authorization-server", server, methods=["GET"]),
            Route("/.well-known/oauth-protected-resource", resource, methods=["GET"]),
        ]

    def refuse(self, status: int, code: str, text: str, scope: Scope) -> Reply:
        """An error that a layer around the routes found, in the form of this protocol."""
        del scope
        return render_error(status, code, text)

    def _endpoint(self, operation: str) -> Endpoint:
        async def answer(request: Request) -> Reply:
            shop = self.shop_of(request)
            if shop is None:
                return self._misdirected(request)
            incoming = await read_incoming(request, operation, shop, self.trusted)
            return await self.operations.perform(incoming)

        return answer

    def _public(self, operation: str, render: Callable[[Shop, Sequence[str]], Wire]) -> Endpoint:
        async def answer(request: Request) -> Reply:
            facts = facts_of(request.scope)
            facts["protocol"], facts["operation"] = "oauth", operation
            shop = self.shop_of(request)
            if shop is None:
                return self._misdirected(request)
            return json_reply(200, render(shop, self.scopes), _CACHE_CONTROL)

        return answer

    def _misdirected(self, request: Request) -> Reply:
        """RFC 9110 15.5.20: this server is not who the Host says."""
        return self.refuse(421, "misdirected_request", "No shop is served under this name.", request.scope)
