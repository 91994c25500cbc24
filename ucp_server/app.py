"""The composition root: settings -> pool -> plug-ins -> engine -> bindings -> application.

It imports everybody and is imported by the process alone (``supervisor/serving.py``), which asks for
one of three things: `prepare` once, `build_public` for each HTTP process, `build_jobs` for the
process that works in the background.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from ucp_server import bindings, hosting, plugins
from ucp_server.aap import binding as aap
from ucp_server.admin.routes import Admin
from ucp_server.asgi.facts import request_id_of
from ucp_server.asgi.guard import forms_under
from ucp_server.asgi.lines import Lines
from ucp_server.asgi.metrics import Metrics, route_names
from ucp_server.asgi.reply import Refuse, Reply, plain_refusal
from ucp_server.asgi.stack import wrap
from ucp_server.background import delivery
from ucp_server.c2a import binding as c2a
from ucp_server.chipp import binding as chipp
from ucp_server.config import ConfigError, Settings
from ucp_server.demo_credentials import write_demo_credentials
from ucp_server.engine.orders import Orders
from ucp_server.engine.runner import Engine
from ucp_server.hosts import Hosts
from ucp_server.house import House, open_house, secret_of
from ucp_server.oauth import binding as oauth
from ucp_server.pages import routes as pages
from ucp_server.pages.window import ROUTE as WINDOW
from ucp_server.store.database import open_pool
from ucp_server.store.handles import take_tenants
from ucp_server.store.importing import import_shop
from ucp_server.store.partitions import make_partitions
from ucp_server.ucp.signing_keys import SigningKeys
from ucp_server.worker.loop import Routine, routines, run_until_canceled

_log = logging.getLogger("ucp_server.app")
_STDERR: Final = 2
# Profiles are fetched seldom; events go out in bursts, and one slow platform gets a quarter of them.
PROFILES_AT_ONCE: Final = 16
EVENTS_AT_ONCE: Final = 64
# The key changes once a year, an hour after its successor is shown; this often is often enough.
CODES_LOOKED_AFTER_S: Final = 3600.0
# The forms of pages and of token requests; everything else speaks JSON.
_FORMS_UNDER: Final = ("/checkout/", "/cart/", oauth.FORMS_UNDER)
# Where buyers begin; what they have begun is below such a path.
_BEGINNINGS: Final = ("/checkout-sessions", "/checkout_sessions", "/carts", "/catalog/search")


class Refusing(Protocol):
    """A binding, as far as the layers around the routes need it."""

    def refuse(self, status: int, code: str, text: str, scope: Scope) -> Reply: ...


async def prepare(settings: Settings) -> tuple[str, ...]:
    """What must be there before the first request; returns lines for people, each ``label: text``.

    Raises BadShop, and ConfigError for plug-ins that cannot be used.
    """
    plugins.check(settings)
    async with open_pool(settings.postgres_url, size=2, name="prepare") as pool:
        # Before the first row could fall into a default partition and keep its month there.
        await make_partitions(pool, plugins.SystemClock().now())
        keys = SigningKeys(pool, secret_of(settings))
        for merchant in settings.merchant:
            await keys.ensure(merchant)
        tenants = {name: table.tenant for name, table in settings.merchant.items()}
        refused = await take_tenants(pool, tenants)
        if refused:
            raise ConfigError("settings", f"merchant.{refused[0]}.tenant", "another merchant has it")
        told = []
        if settings.import_dir is not None:
            merchant, table = next(iter(settings.merchant.items()))
            imported = await import_shop(pool, merchant, table.currency, settings.import_dir)
            told.append(f"shop: {imported.counts['items']} items from {settings.import_dir}")
        if settings.relaxed.makes_credentials and settings.data_dir is not None:
            told.append(f"keys: {await write_demo_credentials(pool, settings, settings.data_dir)}")
    return tuple(told)


@asynccontextmanager
async def build_public(settings: Settings, metrics: Metrics | None = None) -> AsyncIterator[ASGIApp]:
    """What platforms and buyers reach. At the end payments under way are waited for.

    ``metrics`` where the process has another listener that counts into the same ones.
    """
    metrics = metrics or Metrics()
    async with open_house(settings, "public", PROFILES_AT_ONCE) as house:
        engine = Engine(house.setup)
        hosts = Hosts(settings)
        ucp = bindings.ucp(house, engine, hosts, metrics.note_search)
        people = bindings.people(house, engine, hosts)
        others = (
            (pages.PATHS, people),
            (aap.PATHS, bindings.aap(house, engine, hosts)),
            (chipp.PATHS, bindings.chipp(house, engine, hosts)),
            (c2a.PATHS, bindings.c2a(house, engine, hosts)),
            (oauth.PATHS, bindings.oauth(house, hosts)),
        )
        routes = [
            Route("/healthz", _healthz, methods=["GET"]),
            *ucp.routes(),
            *(route for _, other in others for route in other.routes()),
            *bindings.pictures(house, hosts).routes(),
        ]
        refuse = _refusing(ucp, others, people)
        lines = Lines(_STDERR)
        try:
            yield wrap(
                _application(routes, refuse),
                lines=lines,
                metrics=metrics,
                refuse=refuse,
                accepts=forms_under(*_FORMS_UNDER),
                route_name=route_names(routes),
                begins=_begins,
                queue=lambda: house.pool.waiting,
            )
        finally:
            left = await engine.drain(settings.drain_s)
            if left:
                _log.warning("%d payments are left to be resumed", left)
            lines.flush()


@asynccontextmanager
async def build_hosted(settings: Settings, metrics: Metrics) -> AsyncIterator[ASGIApp]:
    """The pages that plug-ins have of their own, for a port of their own."""
    payments = plugins.payments(settings, plugins.SystemClock())
    lines = Lines(_STDERR)
    try:
        yield wrap(
            hosting.application(
                hosting.site_of(settings),
                {**plugins.hosted(settings, payments), **plugins.hosted_mail(settings)},
            ),
            lines=lines,
            metrics=metrics,
            accepts=forms_under("/"),
            route_name=lambda _: "hosted",
        )
    finally:
        await plugins.close(payments)
        lines.flush()


@asynccontextmanager
async def build_jobs(settings: Settings) -> AsyncIterator[ASGIApp]:
    """The background jobs, and what the merchant alone reaches."""
    metrics = Metrics()
    async with open_house(settings, "jobs", EVENTS_AT_ONCE) as house:
        routes = Admin(
            orders=Orders(house.setup),
            pool=house.pool,
            metrics=metrics,
            merchants=frozenset(settings.merchant),
        ).routes()
        lines = Lines(_STDERR)
        engine = Engine(house.setup)
        jobs = [*routines(house.setup, delivery(house, engine)), _renewal_of_codes(house)]
        working = asyncio.create_task(run_until_canceled(jobs, hints_url=settings.postgres_url))
        try:
            yield wrap(_application(routes), lines=lines, metrics=metrics, route_name=route_names(routes))
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            await engine.drain(settings.drain_s)
            lines.flush()


def _renewal_of_codes(house: House) -> Routine:
    """A code is signed by the key of its year, which is made in time."""
    return Routine("codes", lambda: house.codes.keep_fresh(house.setup.clock.now()), CODES_LOOKED_AFTER_S)


@asynccontextmanager
async def open_orders(settings: Settings) -> AsyncIterator[Orders]:
    """Orders alone, for a command."""
    async with open_house(settings, "orders", PROFILES_AT_ONCE) as house:
        yield Orders(house.setup)


def _application(routes: list[Route], refuse: Refuse = plain_refusal) -> Starlette:
    """``routes``, with ``refuse`` for the form of what leads to none of them and of what crashed."""

    async def no_route(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = error.detail.lower().replace(" ", "_")
        reply = refuse(error.status_code, code, f"{error.detail}.", request.scope)
        extra = (error.headers or {}).items()
        return _response(reply.adding(*((name.lower().encode(), text.encode()) for name, text in extra)))

    async def crashed(request: Request, _: Exception) -> Response:
        """In the place of Starlette's own; the boundary around us sees the exception all the same."""
        text = f"Something failed on our side. Request id: {request_id_of(request.scope)}"
        return _response(refuse(500, "internal_error", text, request.scope))

    application = Starlette(routes=routes, exception_handlers={HTTPException: no_route, Exception: crashed})
    # A redirect to the path with or without its slash would be a second address of the same thing,
    # and a profile must not redirect (digest 4.1).
    application.router.redirect_slashes = False
    return application


def _response(reply: Reply) -> Response:
    """For Starlette's handlers, which want one of its own."""
    response = Response(reply.body, reply.status)
    response.raw_headers = reply.wire_headers()
    return response


def _refusing(ucp: Refusing, others: Sequence[tuple[tuple[str, ...], Refusing]], home: Refusing) -> Refuse:
    """Errors of the layers, in the form of whoever answers at that path: ``others``, by its beginning.

    ``home`` answers at the shop window alone, whose path is the beginning of all.
    """

    def refuse(status: int, code: str, text: str, scope: Scope) -> Reply:
        path = scope["path"]
        if path == WINDOW:
            return home.refuse(status, code, text, scope)
        binding = next((other for prefixes, other in others if path.startswith(prefixes)), ucp)
        return binding.refuse(status, code, text, scope)

    return refuse


def _begins(scope: Scope) -> bool:
    path: str = scope["path"]
    return scope["method"] == "POST" and path.endswith(_BEGINNINGS)


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")
