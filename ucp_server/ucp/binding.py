"""The binding as the composition root builds it: its routes, and its form for errors of the layers."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Scope

from ucp_server.asgi.addresses import Network
from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.reply import RETRY_AFTER, Reply, plain_refusal
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.domain.money import Money
from ucp_server.engine.catalog import Browsing
from ucp_server.engine.orders import Orders
from ucp_server.engine.runner import Engine
from ucp_server.modes import Relaxations
from ucp_server.ports import HandlerListing
from ucp_server.ucp import mcp
from ucp_server.ucp.authentication import Authentication
from ucp_server.ucp.budgets import Budgets
from ucp_server.ucp.errors import render_error
from ucp_server.ucp.incoming import Incoming, Shop
from ucp_server.ucp.negotiation import Negotiation
from ucp_server.ucp.operations import Operations
from ucp_server.ucp.profile import MCP_PATH, profile_reply, render_profile
from ucp_server.ucp.releases import SERVED, Release, served
from ucp_server.ucp.replies import Replies
from ucp_server.ucp.rest import Endpoint, operation_routes, read_incoming, route
from ucp_server.ucp.signed_replies import SignedReplies
from ucp_server.ucp.signing_keys import SigningKeys
from ucp_server.ucp.suite_orders import SuiteOrders
from ucp_server.ucp.tool_replies import as_error

_PROFILE: Final = "/.well-known/ucp"

Perform = Callable[[Incoming], Awaitable[Reply]]


@dataclass(frozen=True, kw_only=True)
class Binding:
    """UCP over one engine.

    ``shop_of`` finds the merchant that a request is for, None where its Host leads to nobody;
    ``currencies`` are by merchant; ``trusted`` proxies may pass client certificates on; ``secret``
    keys the fingerprints.
    """

    engine: Engine
    browsing: Browsing
    orders: Orders
    negotiation: Negotiation
    authentication: Authentication
    budgets: Budgets
    replies: Replies
    keys: SigningKeys
    signing: SignedReplies
    currencies: Mapping[str, str]
    shop_of: Callable[[Request], Shop | None]
    relaxed: Relaxations
    secret: bytes = field(repr=False)
    simulation_secret: bytes | None = field(default=None, repr=False)
    trusted: tuple[Network, ...] = ()

    @cached_property
    def operations(self) -> Operations:
        return Operations(
            engine=self.engine,
            browsing=self.browsing,
            negotiation=self.negotiation,
            authentication=self.authentication,
            budgets=self.budgets,
            replies=self.replies,
            signing=self.signing,
            relaxed=self.relaxed,
            secret=self.secret,
        )

    @cached_property
    def suite_orders(self) -> SuiteOrders:
        return SuiteOrders(
            operations=self.operations,
            orders=self.orders,
            replies=self.replies,
            simulation_secret=self.simulation_secret,
        )

    def routes(self) -> list[Route]:
        """All routes of all releases that are served, and those that the mode adds."""
        releases = [release for release in map(served, SERVED) if release is not None]
        # Routes are tried one after the other, so those that are used most come first.
        routes = [each for release in releases for each in operation_routes(release, self._operation)]
        routes += [self._tools(release) for release in releases]
        routes += [Route(_PROFILE, self._profile(None), methods=["GET"]), *self._extra_routes("", None)]
        for release in releases:
            site = f"/ucp/{release.version}"
            leaf = self._profile(release)
            routes += [
                Route(f"{_PROFILE}/{release.version}", leaf, methods=["GET"]),
                Route(site + _PROFILE, leaf, methods=["GET"]),
                *self._extra_routes(site, release),
            ]
        return routes

    def refuse(self, status: int, code: str, text: str, scope: Scope) -> Reply:
        """An error that a layer around the routes found, in the form of the release that was asked.

        For paths of no release that is served, the form that belongs to no protocol.
        """
        version = scope["path"].removeprefix("/ucp/").partition("/")[0]
        release = served(version) if scope["path"].startswith("/ucp/") else None
        if release is None:
            return plain_refusal(status, code, text, scope)
        reply = render_error(release, status, code, text, detailed=self.replies.detailed)
        if not scope["path"].endswith(MCP_PATH):
            return reply
        return as_error(None, release, reply, RETRY_AFTER[1] if status == 503 else None)

    def _operation(self, operation: str, release: Release) -> Endpoint:
        return self._endpoint(operation, release, self.operations.perform)

    def _extra_routes(self, site: str, release: Release | None) -> Iterable[Route]:
        """What is no part of the protocol, under the site of a release and under the root."""
        perform = self.suite_orders.perform
        if self.relaxed.orders_over_http:
            get = self._endpoint("get_order", release, self.operations.perform)
            put = self._endpoint("update_order", release, perform)
            yield route(f"{site}/orders/{{id}}", {"GET": get, "PUT": put})
        if self.relaxed.shipping_simulated:
            path = f"{site}/testing/simulate-shipping/{{id}}"
            yield Route(path, self._endpoint("simulate_shipping", release, perform), methods=["POST"])

    def _tools(self, release: Release) -> Route:
        serve = mcp.endpoint(release, self.operations, self.replies.schemas)

        async def answer(request: Request) -> Reply:
            async def ask(incoming: Incoming) -> Reply:
                incoming.facts["protocol"], incoming.facts["operation"] = "ucp", mcp.OPERATION
                incoming.facts["merchant"] = incoming.shop.merchant_id
                return await serve(request, incoming)

            return await self._endpoint(mcp.OPERATION, release, ask)(request)

        return Route(f"/ucp/{release.version}{MCP_PATH}", answer, methods=["POST"])

    def _endpoint(self, operation: str, release: Release | None, perform: Perform) -> Endpoint:
        async def answer(request: Request) -> Reply:
            shop = self.shop_of(request)
            if shop is None:
                return self._misdirected(request)
            asked = release or shop.root
            return await perform(await read_incoming(request, operation, shop, asked, self.trusted))

        return answer

    def _profile(self, release: Release | None) -> Endpoint:
        async def answer(request: Request) -> Reply:
            facts = facts_of(request.scope)
            facts["protocol"], facts["operation"] = "ucp", "profile"
            shop = self.shop_of(request)
            if shop is None:
                return self._misdirected(request)
            asked = release or shop.root
            try:
                keys = await self.keys.published(shop.merchant_id)
            except StoreUnavailable as refusal:
                return self.replies.refusal(asked, refusal)
            document = render_profile(
                asked,
                site=shop.site,
                listings=self._listings(shop),
                keys=keys,
                is_root=release is None,
                is_embeddable=shop.is_embeddable,
            )
            return profile_reply(document, request.headers.get("if-none-match"))

        return answer

    def _listings(self, shop: Shop) -> list[HandlerListing]:
        """How one can pay in this shop at all: as for a cart of nothing."""
        nothing = Money(0, self.currencies[shop.merchant_id])
        return self.replies.listings(shop.merchant_id, nothing, ())

    def _misdirected(self, request: Request) -> Reply:
        """RFC 9110 15.5.20: this server is not who the Host says."""
        return self.refuse(421, "misdirected_request", "No shop is served under this name.", request.scope)
