"""The composition root: settings -> pool -> plug-ins -> engine -> bindings -> application.

It imports everybody and is imported by the process alone (``supervisor/serving.py``), which asks for
one of three things: `prepare` once, `build_public` for each HTTP process, `build_jobs` for the
process that works in the background.
"""

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from ucp_server import plugins, resources
from ucp_server.admin.routes import Admin
from ucp_server.asgi.checker import Violation
from ucp_server.asgi.facts import request_id_of
from ucp_server.asgi.guard import forms_under
from ucp_server.asgi.lines import Lines
from ucp_server.asgi.metrics import Metrics, route_names
from ucp_server.asgi.reply import Refuse, Reply, plain_refusal
from ucp_server.asgi.stack import wrap
from ucp_server.config import ConfigError, Settings
from ucp_server.demo_credentials import write_demo_credentials
from ucp_server.domain.checkout import Instrument
from ucp_server.domain.events import JobKind
from ucp_server.domain.money import Money
from ucp_server.engine.hints import Hints
from ucp_server.engine.orders import Orders
from ucp_server.engine.quoting import Quoting
from ucp_server.engine.runner import Engine
from ucp_server.engine.settling import MoneyDeliverer, StockDeliverer
from ucp_server.engine.setup import Setup
from ucp_server.handlers.fetch_guarded import GuardedFetch
from ucp_server.hosts import Hosts, root_release
from ucp_server.letters.sending import MailDeliverer
from ucp_server.letters.writing import Sender, Writing
from ucp_server.pages import contexts, links
from ucp_server.pages import routes as pages
from ucp_server.pages.pictures import Pictures
from ucp_server.ports import Credential
from ucp_server.store.database import Pool, open_pool
from ucp_server.store.handles import take_tenants
from ucp_server.store.importing import import_shop
from ucp_server.store.partitions import make_partitions
from ucp_server.ucp.authentication import Authentication
from ucp_server.ucp.binding import Binding
from ucp_server.ucp.incoming import Paths
from ucp_server.ucp.incoming import Shop as UcpShop
from ucp_server.ucp.negotiation import Negotiation
from ucp_server.ucp.platforms import Listed
from ucp_server.ucp.profiles_cache import TTL_MIN_S, ProfileCache
from ucp_server.ucp.releases import SERVED, WITH_SCHEMAS
from ucp_server.ucp.replies import Replies
from ucp_server.ucp.schema import Schemas
from ucp_server.ucp.signing_keys import SigningKeys
from ucp_server.ucp.terms import BINDING as UCP
from ucp_server.ucp.webhooks import OrderEvents
from ucp_server.worker.deliver import RULES, Delivery, RetryRule
from ucp_server.worker.loop import routines, run_until_canceled

Wire = dict[str, Any]

_log = logging.getLogger("ucp_server.app")
_STDERR: Final = 2
# Profiles are fetched seldom; events go out in bursts, and one slow platform gets a quarter of them.
PROFILES_AT_ONCE: Final = 16
EVENTS_AT_ONCE: Final = 64
# A whole run of the official suite takes half a minute.
SUITE_PAUSE_S: Final = 120.0
# The pages' forms; everything else speaks JSON.
_FORMS_UNDER: Final = ("/checkout/",)
_PINNED_PROFILE: Final = "https://platform.example/profile"


@dataclass(frozen=True, kw_only=True)
class House:
    """What both kinds of process need: the engine with its plug-ins, and who writes its answers."""

    settings: Settings
    pool: Pool
    fetch: GuardedFetch
    schemas: Schemas
    keys: SigningKeys
    payments: plugins.Payments
    replies: Replies
    setup: Setup


@asynccontextmanager
async def _house(settings: Settings, name: str, lines_out: int) -> AsyncIterator[House]:
    """``lines_out``: how many connections may be open to the outside at once."""
    clock = plugins.SystemClock()
    fetch = GuardedFetch(allow_loopback=settings.relaxed.plain_and_loopback_urls, connections_max=lines_out)
    schemas = Schemas(resources.folder("schemas") / "ucp", WITH_SCHEMAS)
    schemas.compile_all(SERVED)
    payments = plugins.payments(settings, clock)
    replies = Replies(
        schemas=schemas,
        payments=payments,
        links={merchant: _links(settings, merchant) for merchant in settings.merchant},
        paths=Paths(checkout=links.checkout_path, order=links.order_path),
        on_fault=_tell_fault,
        detailed=settings.relaxed.older_error_details,
    )
    try:
        async with open_pool(settings.postgres_url, size=settings.database_connections, name=name) as pool:
            setup = Setup(
                pool=pool,
                merchants={m: table.facts(m) for m, table in settings.merchant.items()},
                quoting=Quoting.over(pool),
                payments=payments,
                stocks=plugins.stocks(settings),
                clock=clock,
                renderers={UCP: replies, pages.BINDING: pages.PageRenderer()},
                hint=Hints(pool),
            )
            yield House(
                settings=settings,
                pool=pool,
                fetch=fetch,
                schemas=schemas,
                keys=SigningKeys(pool, _secret(settings)),
                payments=payments,
                replies=replies,
                setup=setup,
            )
    finally:
        await plugins.close(payments)
        await fetch.close()


async def prepare(settings: Settings) -> tuple[str, ...]:
    """What must be there before the first request; returns lines for people, each ``label: text``.

    Raises BadShop, and ConfigError for plug-ins that cannot be used.
    """
    plugins.check(settings)
    async with open_pool(settings.postgres_url, size=2, name="prepare") as pool:
        # Before the first row could fall into a default partition and keep its month there.
        await make_partitions(pool, plugins.SystemClock().now())
        keys = SigningKeys(pool, _secret(settings))
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
async def build_public(settings: Settings) -> AsyncIterator[ASGIApp]:
    """What platforms and buyers reach. At the end payments under way are waited for."""
    async with _house(settings, "public", PROFILES_AT_ONCE) as house:
        engine = Engine(house.setup)
        hosts = Hosts(settings)
        binding, people = _binding(house, engine, hosts), _pages(house, engine, hosts)
        routes = [
            Route("/healthz", _healthz, methods=["GET"]),
            *binding.routes(),
            *people.routes(),
            *_pictures(house, hosts).routes(),
        ]
        refuse = _refusing(binding, people)
        lines = Lines(_STDERR)
        try:
            yield wrap(
                _application(routes, refuse),
                lines=lines,
                metrics=Metrics(),
                refuse=refuse,
                accepts=forms_under(*_FORMS_UNDER),
                route_name=route_names(routes),
            )
        finally:
            left = await engine.drain(settings.drain_s)
            if left:
                _log.warning("%d payments are left to be resumed", left)
            lines.flush()


@asynccontextmanager
async def build_jobs(settings: Settings) -> AsyncIterator[ASGIApp]:
    """The background jobs, and what the merchant alone reaches."""
    metrics = Metrics()
    async with _house(settings, "jobs", EVENTS_AT_ONCE) as house:
        routes = Admin(
            orders=Orders(house.setup),
            pool=house.pool,
            metrics=metrics,
            merchants=frozenset(settings.merchant),
        ).routes()
        lines = Lines(_STDERR)
        jobs = routines(house.setup, _delivery(house))
        working = asyncio.create_task(run_until_canceled(jobs, hints_url=settings.postgres_url))
        try:
            yield wrap(_application(routes), lines=lines, metrics=metrics, route_name=route_names(routes))
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            lines.flush()


@asynccontextmanager
async def open_orders(settings: Settings) -> AsyncIterator[Orders]:
    """Orders alone, for a command."""
    async with _house(settings, "orders", PROFILES_AT_ONCE) as house:
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


def _refusing(binding: Binding, people: pages.Pages) -> Refuse:
    """Errors of the layers: a page where a person asked, else the form of the binding."""

    def refuse(status: int, code: str, text: str, scope: Scope) -> Reply:
        asked_by_person = scope["path"].startswith(pages.PATHS)
        return (people if asked_by_person else binding).refuse(status, code, text, scope)

    return refuse


# --- bindings ---


def _binding(house: House, engine: Engine, hosts: Hosts) -> Binding:
    settings = house.settings
    simulation = settings.simulation_secret

    def shop_of(request: Request) -> UcpShop | None:
        host = hosts.find(request)
        if host is None:
            return None
        return UcpShop(
            merchant_id=host.merchant_id,
            site=host.site,
            root_release=root_release(settings, host.merchant),
            links=house.replies.links[host.merchant_id],
            key_required=host.merchant.idempotency_key_required,
        )

    return Binding(
        engine=engine,
        orders=Orders(house.setup),
        negotiation=Negotiation(
            profiles=ProfileCache(
                house.fetch, house.setup.clock, failures_kept_s=_failures_kept_s(settings)
            ),
            schemas=house.schemas,
            relaxed=settings.relaxed,
            listed=_listed(settings),
            unlisted_are_served=settings.unlisted_platforms == "open",
        ),
        authentication=Authentication(house.pool),
        replies=house.replies,
        keys=house.keys,
        currencies={name: merchant.currency for name, merchant in settings.merchant.items()},
        shop_of=shop_of,
        relaxed=settings.relaxed,
        secret=_secret(settings),
        simulation_secret=simulation.reveal().encode() if simulation else None,
        trusted=tuple(ipaddress.ip_network(network) for network in settings.trusted_proxies),
    )


def _failures_kept_s(settings: Settings) -> float:
    """Next door, a platform that was down is started again by the person who waits for it."""
    return 1.0 if settings.relaxed.plain_and_loopback_urls else TTL_MIN_S


def _listed(settings: Settings) -> dict[str, Listed]:
    """The platforms of the configuration by profile URL, and the one that the mode pins."""
    listed = {
        table.profile: Listed(
            profile_url=table.profile,
            auth=table.auth,
            writes=table.writes,
            merchants=table.merchants,
            document=_document(table.profile_file.read_bytes()) if table.profile_file else None,
            certificate_subject=table.client_certificate_subject,
            certificate_sha256=table.client_certificate_sha256,
        )
        for table in settings.platform.values()
    }
    if settings.relaxed.example_platform_pinned:
        example = resources.folder("profiles") / "platforms" / "example.json"
        pinned = Listed(profile_url=_PINNED_PROFILE, auth="open", document=_document(example.read_bytes()))
        listed.setdefault(_PINNED_PROFILE, pinned)
    return listed


def _document(raw: bytes) -> Wire:
    return msgspec.json.decode(raw, type=Wire)


def _links(settings: Settings, merchant: str) -> tuple[Wire, ...]:
    return tuple(
        {"type": link.type, "url": link.url} | ({"title": link.title} if link.title else {})
        for link in settings.merchant[merchant].links
    )


def _pages(house: House, engine: Engine, hosts: Hosts) -> pages.Pages:
    def shop_of(request: Request) -> contexts.Shop | None:
        host = hosts.find(request)
        if host is None:
            return None
        return contexts.Shop(
            merchant_id=host.merchant_id,
            title=host.merchant.title or host.merchant_id,
            origin=host.site,
            links=tuple(
                contexts.Link(
                    type=link.type, title=link.title or link.type.replace("_", " ").title(), url=link.url
                )
                for link in host.merchant.links
            ),
            required=host.merchant.required_buyer_fields,
            country=host.merchant.home_country,
        )

    def payment(merchant_id: str, total: Money) -> tuple[Instrument, Credential] | None:
        offered = (p.on_page(merchant_id, total) for p in house.payments[merchant_id].values())
        return next((found for found in offered if found is not None), None)

    return pages.Pages(engine=engine, shop_of=shop_of, payments=payment, secret=_secret(house.settings))


def _pictures(house: House, hosts: Hosts) -> Pictures:
    def merchant_of(request: Request) -> str | None:
        host = hosts.find(request)
        return host.merchant_id if host else None

    return Pictures(pool=house.pool, merchant_of=merchant_of)


# --- jobs ---


def _delivery(house: House) -> Delivery:
    """Who does which kind of job."""
    events = OrderEvents(
        replies=house.replies,
        keys=house.keys,
        fetch=house.fetch,
        detailed=house.settings.relaxed.older_error_details,
    )
    writing = Writing(senders=_senders(house.settings), order_path=links.order_path)
    money, stock = MoneyDeliverer(house.setup), StockDeliverer(house.setup)
    return Delivery(
        pool=house.pool,
        renderers={UCP: events.render, "mail": writing.render},
        deliverers={
            JobKind.WEBHOOK: events,
            JobKind.MAIL: MailDeliverer(plugins.mails(house.settings)),
            JobKind.CAPTURE: money,
            JobKind.VOID: money,
            JobKind.REFUND: money,
            JobKind.RELEASE: stock,
            JobKind.CONFIRM: stock,
        },
        on_parked={JobKind.CAPTURE: money.give_up, JobKind.REFUND: money.give_up},
        rules=_rules(house.settings),
    )


def _rules(settings: Settings) -> Mapping[JobKind, RetryRule]:
    """The worker's own, but that no event is tried again while the official suite runs.

    Its receiver lives for one test only; an event of an earlier one would be taken for its own.
    """
    if not settings.relaxed.events_wait_out_the_suite:
        return RULES
    return {**RULES, JobKind.WEBHOOK: RetryRule((SUITE_PAUSE_S,), RULES[JobKind.WEBHOOK].give_up_s)}


def _senders(settings: Settings) -> dict[str, Sender]:
    return {
        name: Sender(
            shop=merchant.title or name,
            address=(merchant.mail.sender if merchant.mail else "") or f"orders@{name}.invalid",
            site=merchant.public_url.rstrip("/") or _own_site(settings),
        )
        for name, merchant in settings.merchant.items()
    }


def _own_site(settings: Settings) -> str:
    """Where a shop without a public URL is found: on this machine."""
    if settings.http_port:
        return f"http://localhost:{settings.http_port}"
    return f"https://localhost:{settings.port}"


# --- what is neither ---


def _secret(settings: Settings) -> bytes:
    assert settings.secret is not None, "no mode starts without a secret"
    return settings.secret.reveal().encode()


def _tell_fault(release: str, operation: str, violations: tuple[Violation, ...]) -> None:
    """A reply of ours that its own schema refuses: our defect, said loudly, and sent all the same."""
    first = violations[0]
    _log.error("a reply of %s in %s is not of its form: %s %s", operation, release, first.path, first.text)


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")
