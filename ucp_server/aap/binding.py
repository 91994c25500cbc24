"""The binding as the composition root builds it: its routes, and its form for errors of the layers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Scope

from ucp_server.aap import mcp, mock
from ucp_server.aap.authentication import PER_MINUTE, Authentication, key_in, refuse_above
from ucp_server.aap.bodies import Bodies
from ucp_server.aap.checkout import PagePath
from ucp_server.aap.errors import render_error, render_refusal
from ucp_server.aap.incoming import Caller, Incoming, Party
from ucp_server.aap.operations import Operations
from ucp_server.aap.purchase import BINDING, Purchases
from ucp_server.aap.rest import ROWS, Row, SiteOf, query_of, read_incoming
from ucp_server.aap.schema import Schemas
from ucp_server.asgi.checker import Violation
from ucp_server.asgi.facts import Facts, facts_of
from ucp_server.asgi.mcp import McpServer
from ucp_server.asgi.reply import NO_STORE, Reply, json_reply
from ucp_server.domain.errors import Refusal
from ucp_server.engine.attribution import Network
from ucp_server.engine.codes import Codes
from ucp_server.engine.ledger import Ledger
from ucp_server.engine.runner import Engine
from ucp_server.engine.sources import Sources
from ucp_server.engine.stored_methods import StoredMethods

Wire = dict[str, Any]

PATHS: Final = ("/v1/", "/r/", "/health")

Endpoint = Callable[[Request], Awaitable[Reply]]
# What is said of a reply of ours that its own schema refuses: protocol, operation, where.
OnFault = Callable[[str, str, tuple[Violation, ...]], None]
Perform = Callable[[Incoming], Awaitable[Wire | Reply]]


@dataclass(frozen=True, kw_only=True)
class Binding:
    """AAP over one engine: a network, served under every Host that leads to a merchant.

    ``is_served`` says whether a request's Host does; ``site_of`` gives scheme and authority of a
    merchant's pages. ``per_minute`` is the rate of a caller without an entry in ``limits``.
    ``teaches`` the mock conversion, to whoever shows its public key.
    """

    engine: Engine
    network: Network
    ledger: Ledger
    codes: Codes
    sources: Sources
    methods: StoredMethods
    schemas: Schemas
    site_of: SiteOf
    is_served: Callable[[Request], bool]
    page_path: PagePath
    back_path: PagePath
    on_fault: OnFault
    version: str
    per_minute: int = PER_MINUTE
    limits: Mapping[str, int] = field(default_factory=dict)
    teaches: bool = False

    @cached_property
    def operations(self) -> Operations:
        return Operations(
            setup=self.engine.setup,
            network=self.network,
            ledger=self.ledger,
            codes=self.codes,
            sources=self.sources,
            purchases=Purchases(self.engine, self.methods),
            bodies=Bodies(self.schemas),
            page_path=self.page_path,
            back_path=self.back_path,
            version=self.version,
        )

    @cached_property
    def authentication(self) -> Authentication:
        return Authentication(self.engine.setup.pool, self.per_minute, self.limits)

    def routes(self) -> list[Route]:
        return [
            *(Route(row.path, self._endpoint(row), methods=[row.method]) for row in ROWS),
            Route(mcp.PATH, self._mcp(), methods=["POST"]),
        ]

    def refuse(self, status: int, code: str, text: str, scope: Scope) -> Reply:
        """An error that a layer around the routes found."""
        del code, scope
        return render_error(status, text)

    def _endpoint(self, row: Row) -> Endpoint:
        perform: Perform = getattr(self.operations, row.operation)

        async def answer(request: Request) -> Reply:
            async def ask(incoming: Incoming) -> Reply:
                done = await perform(incoming)
                return done if isinstance(done, Reply) else self._rendered(row, done)

            return await self._answer(request, row.operation, row.party, ask)

        return answer

    def _rendered(self, row: Row, document: Wire) -> Reply:
        violations = self.schemas[row.reply].check(document)
        if violations:
            self.on_fault(BINDING, row.operation, violations)
        return json_reply(200, document, NO_STORE)

    def _mcp(self) -> Endpoint:
        tools = mcp.Tools(self.operations)
        offered = mcp.tools_of(self.schemas, tools.search, tools.requirements, tools.link)
        server: McpServer[Incoming] = mcp.server_of(offered, self.version)
        lesson = mock.lesson(self.schemas, self.version)

        async def answer(request: Request) -> Reply:
            if self.teaches and key_in(request.headers, query_of(request)) == mock.KEY:
                facts_of(request.scope).update(protocol=BINDING, operation="lesson")
                return await lesson.serve(request, None)

            async def ask(incoming: Incoming) -> Reply:
                return await server.serve(request, incoming)

            return await self._answer(request, "mcp", Party.AGENT, ask)

        return answer

    async def _answer(
        self, request: Request, operation: str, party: Party, ask: Callable[[Incoming], Awaitable[Reply]]
    ) -> Reply:
        """``ask`` for whoever may; a refusal is an answer too."""
        facts = facts_of(request.scope)
        facts["protocol"], facts["operation"] = BINDING, operation
        if not self.is_served(request):
            return render_error(421, "No shop is served under this name.")
        try:
            if party is Party.ANYBODY:
                return await ask(await read_incoming(request, Caller(), self.site_of))
            caller = await self.authentication.check(party, key_in(request.headers, query_of(request)))
            facts["platform"] = caller.id
            return await self._within_rate(request, caller, ask)
        except Refusal as refusal:
            return _refused(facts, refusal)

    async def _within_rate(
        self, request: Request, caller: Caller, ask: Callable[[Incoming], Awaitable[Reply]]
    ) -> Reply:
        """Every answer to a known caller tells how much of its rate is left."""
        rate = await self.authentication.count(caller)
        try:
            refuse_above(rate)
            reply = await ask(await read_incoming(request, caller, self.site_of))
        except Refusal as refusal:
            reply = _refused(facts_of(request.scope), refusal)
        return reply.adding(*rate.headers())


def _refused(facts: Facts, refusal: Refusal) -> Reply:
    facts["outcome"] = refusal.code
    return render_refusal(refusal)
