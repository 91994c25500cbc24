"""The composition root: settings -> pool -> plug-ins -> engine -> bindings -> application.

It imports everybody and is imported by the process alone (``supervisor/serving.py``), which asks for
one of three things: `prepare` once, `build_public` for each HTTP process, `build_jobs` for the
process that works in the background.
"""

import ipaddress
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ucp_server import plugins, resources
from ucp_server.asgi.guard import forms_under
from ucp_server.asgi.lines import Lines
from ucp_server.asgi.metrics import Metrics, route_names
from ucp_server.asgi.stack import wrap
from ucp_server.config import Settings
from ucp_server.domain.checkout import Instrument
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.domain.money import Money
from ucp_server.engine.orders import Orders
from ucp_server.engine.quoting import Quoting
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.handlers.fetch_guarded import GuardedFetch
from ucp_server.hosts import Hosts, root_release
from ucp_server.pages import contexts, links
from ucp_server.pages import routes as pages
from ucp_server.ports import Credential
from ucp_server.store.database import Pool, open_pool, read
from ucp_server.store.importing import import_shop
from ucp_server.ucp.authentication import Authentication
from ucp_server.ucp.binding import Binding
from ucp_server.ucp.incoming import Paths
from ucp_server.ucp.incoming import Shop as UcpShop
from ucp_server.ucp.negotiation import Negotiation
from ucp_server.ucp.platforms import Listed
from ucp_server.ucp.profiles_cache import TTL_MIN_S, ProfileCache
from ucp_server.ucp.releases import RELEASES, SERVED
from ucp_server.ucp.replies import Replies
from ucp_server.ucp.schema import Schemas, Violation
from ucp_server.ucp.signing_keys import SigningKeys
from ucp_server.ucp.terms import BINDING as UCP

Wire = dict[str, Any]

_log = logging.getLogger("ucp_server.app")
_STDERR: Final = 2
# Profiles are fetched seldom; events go out in bursts, and one slow platform gets a quarter of them.
PROFILES_AT_ONCE: Final = 16
EVENTS_AT_ONCE: Final = 64
_PICTURES: Final = "/pictures/"
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
    schemas = Schemas(resources.folder("schemas") / "ucp", [row.version for row in RELEASES])
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
        await fetch.close()


async def prepare(settings: Settings) -> tuple[str, ...]:
    """What the database must hold before the first request; returns lines for people."""
    async with open_pool(settings.postgres_url, size=2, name="prepare") as pool:
        keys = SigningKeys(pool, _secret(settings))
        for merchant in settings.merchant:
            await keys.ensure(merchant)
        if settings.import_dir is None:
            return ()
        merchant, table = next(iter(settings.merchant.items()))
        imported = await import_shop(pool, merchant, table.currency, settings.import_dir)
    return (f"shop: {imported.counts['items']} items from {settings.import_dir}",)


@asynccontextmanager
async def build_public(settings: Settings) -> AsyncIterator[ASGIApp]:
    """What platforms and buyers reach. At the end payments under way are waited for."""
    async with _house(settings, "public", PROFILES_AT_ONCE) as house:
        engine = Engine(house.setup)
        hosts = Hosts(settings)
        binding = _binding(house, engine, hosts)
        routes = [
            Route("/healthz", _healthz, methods=["GET"]),
            *binding.routes(),
            *_pages(house, engine, hosts).routes(),
        ]
        lines = Lines(_STDERR)
        try:
            yield wrap(
                _application(routes),
                lines=lines,
                metrics=Metrics(),
                refuse=binding.refuse,
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

    async def show_metrics(_: Request) -> Response:
        return Response(metrics.expose(), media_type="text/plain; version=0.0.4")

    async with _house(settings, "jobs", EVENTS_AT_ONCE) as house:
        yield Starlette(routes=[Route("/readyz", _readiness(house.pool)), Route("/metrics", show_metrics)])


def _application(routes: list[Route]) -> Starlette:
    application = Starlette(routes=routes)
    # A redirect to the path with or without its slash would be a second address of the same thing,
    # and a profile must not redirect (digest 4.1).
    application.router.redirect_slashes = False
    return application


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
        payments=house.payments,
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
                contexts.Link(title=link.title or link.type.replace("_", " "), url=link.url)
                for link in host.merchant.links
            ),
        )

    def payment(merchant_id: str, total: Money) -> tuple[Instrument, Credential] | None:
        offered = (p.on_page(merchant_id, total) for p in house.payments[merchant_id].values())
        return next((found for found in offered if found is not None), None)

    return pages.Pages(engine=engine, shop_of=shop_of, payments=payment, secret=_secret(house.settings))


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


def _readiness(pool: Pool) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(_: Request) -> Response:
        try:
            async with read(pool) as db:
                await db.fetchval("select 1")
        except StoreUnavailable:
            return PlainTextResponse("the database does not answer\n", status_code=503)
        return PlainTextResponse("ready\n")

    return readyz
