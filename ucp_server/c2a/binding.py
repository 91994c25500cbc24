"""The binding as the composition root builds it: its routes, and its form for errors of the layers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Scope

from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.reply import Reply
from ucp_server.c2a.errors import render_error, render_refusal
from ucp_server.c2a.incoming import Shop
from ucp_server.c2a.operations import OnFault, Operations
from ucp_server.c2a.refusals import TenantNotFound
from ucp_server.c2a.rest import PREFIXES, Endpoint, operation_at, read_incoming, routes
from ucp_server.c2a.schema import Schemas
from ucp_server.engine.runner import Engine
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.engine.submissions import Submissions

PATHS: Final = tuple(f"{prefix}/" for prefix in PREFIXES)


@dataclass(frozen=True, kw_only=True)
class Binding:
    """C2A over one engine.

    ``is_served`` says whether a request's Host leads to us; ``shop_of`` finds the merchant of a tenant
    (``x-tn``, in lower case), None for none. ``page_path`` is where a checkout's page for its buyer is:
    path of (id, token) without the site. ``secret`` keys the fingerprints.
    """

    engine: Engine
    submissions: Submissions
    stored_methods: StoredMethods
    schemas: Schemas
    is_served: Callable[[Request], bool]
    shop_of: Callable[[Request, str], Shop | None]
    page_path: Callable[[str, str], str]
    on_fault: OnFault
    secret: bytes = field(repr=False)

    @cached_property
    def operations(self) -> Operations:
        return Operations(
            engine=self.engine,
            submissions=self.submissions,
            stored_methods=self.stored_methods,
            schemas=self.schemas,
            page_path=self.page_path,
            on_fault=self.on_fault,
            secret=self.secret,
        )

    def routes(self) -> list[Route]:
        return list(routes(self._endpoint))

    def refuse(self, status: int, code: str, text: str, scope: Scope) -> Reply:
        """An error that a layer around the routes found, in the form of what was asked."""
        return render_error(status, code.upper(), text, operation_at(scope["path"]))

    def _endpoint(self, operation: str, prefix: str) -> Endpoint:
        async def answer(request: Request) -> Reply:
            facts = facts_of(request.scope)
            facts["protocol"], facts["operation"] = "c2a", operation
            if not self.is_served(request):
                # RFC 9110 15.5.20: this server is not who the Host says.
                text = "No shop is served under this name."
                return self.refuse(421, "misdirected_request", text, request.scope)
            # UUIDs have no letter case (RFC 9562, section 4).
            shop = self.shop_of(request, request.headers.get("x-tn", "").strip().lower())
            if shop is None:
                refusal = TenantNotFound()
                facts["outcome"] = refusal.code
                return render_refusal(refusal, operation)
            return await self.operations.perform(await read_incoming(request, operation, shop, prefix))

        return answer
