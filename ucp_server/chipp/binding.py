"""The binding as the composition root builds it: its routes, and its form for errors of the layers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Scope

from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.reply import Reply
from ucp_server.chipp.authentication import Authentication
from ucp_server.chipp.discovery import FRESH_S, PRODUCTS_MAX, render_agent, render_products
from ucp_server.chipp.errors import render_error, render_refusal
from ucp_server.chipp.incoming import read_incoming
from ucp_server.chipp.operations import Operations
from ucp_server.chipp.replies import Replies
from ucp_server.chipp.rest import BASE, Endpoint, session_routes
from ucp_server.domain.errors import HandlerUnavailable, Refusal
from ucp_server.engine.runner import Engine
from ucp_server.ports import Catalog
from ucp_server.store.apps import App, list_products
from ucp_server.store.database import read

PATHS: Final = ("/acp/",)


@dataclass(frozen=True, kw_only=True)
class Binding:
    """Chipp's ACP over one engine.

    ``is_served`` says whether a request's Host leads to a merchant; ``site_of`` gives the scheme and
    authority, without a slash at the end, under which a merchant is known to whoever sent it.
    """

    engine: Engine
    catalog: Catalog
    replies: Replies
    site_of: Callable[[Request, str], str]
    is_served: Callable[[Request], bool]

    @cached_property
    def operations(self) -> Operations:
        return Operations(engine=self.engine, authentication=self._authentication, replies=self.replies)

    @cached_property
    def _authentication(self) -> Authentication:
        return Authentication(self.engine.setup.pool, self.engine.setup.merchants)

    def routes(self) -> list[Route]:
        return [
            *session_routes(self._session_endpoint),
            Route(f"{BASE}/products", self._public("products", self._products), methods=["GET"]),
            Route(f"{BASE}/.well-known/agent.json", self._public("agent", self._agent), methods=["GET"]),
        ]

    def refuse(self, status: int, code: str, text: str, scope: Scope) -> Reply:
        """An error that a layer around the routes found, in the form of this protocol."""
        del scope
        return render_error(status, code, text)

    def _session_endpoint(self, operation: str) -> Endpoint:
        async def answer(request: Request) -> Reply:
            if not self.is_served(request):
                return self._misdirected(request)
            return await self.operations.perform(await read_incoming(request, operation))

        return answer

    def _public(self, operation: str, show: Callable[[Request, App], Awaitable[Reply]]) -> Endpoint:
        """What anybody may see of an app."""

        async def answer(request: Request) -> Reply:
            facts = facts_of(request.scope)
            facts["protocol"], facts["operation"] = "chipp", operation
            if not self.is_served(request):
                return self._misdirected(request)
            try:
                app = await self._authentication.find(request.path_params["app_id"])
                facts["merchant"] = app.merchant_id
                return await show(request, app)
            except Refusal as refusal:
                facts["outcome"] = refusal.code
                return render_refusal(refusal, operation)

        return answer

    def _misdirected(self, request: Request) -> Reply:
        """RFC 9110 15.5.20: this server is not who the Host says."""
        return self.refuse(421, "misdirected_request", "No shop is served under this name.", request.scope)

    async def _agent(self, request: Request, app: App) -> Reply:
        base = f"{self.site_of(request, app.merchant_id)}/acp/{app.id}"
        return self.replies.document("agent", render_agent(app, base), seconds=FRESH_S)

    async def _products(self, _: Request, app: App) -> Reply:
        async with read(self.engine.setup.pool) as db:
            products = await list_products(db, app, PRODUCTS_MAX)
        try:
            items = await self.catalog.items(app.merchant_id, [product.item_id for product in products])
        except Refusal:
            raise
        except Exception as error:
            # A plug-in may raise anything; its text may quote anything.
            raise HandlerUnavailable("The catalog") from error
        return self.replies.document("products", render_products(products, items), seconds=FRESH_S)
