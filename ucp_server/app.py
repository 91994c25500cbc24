"""The composition root: settings -> pool -> application, for each kind of process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ucp_server.asgi.lines import Lines
from ucp_server.asgi.metrics import Metrics
from ucp_server.asgi.stack import wrap
from ucp_server.config import Settings
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store.database import Pool, open_pool, read


async def prepare(settings: Settings) -> tuple[str, ...]:
    """What the database must hold before the first request; returns lines for people."""
    del settings
    return ()


@asynccontextmanager
async def build_public(settings: Settings) -> AsyncIterator[ASGIApp]:
    """What platforms and buyers reach."""
    async with open_pool(settings.postgres_url, size=settings.database_connections, name="public"):
        yield wrap(Starlette(routes=[Route("/healthz", _healthz)]), lines=Lines(2), metrics=Metrics())


@asynccontextmanager
async def build_jobs(settings: Settings) -> AsyncIterator[ASGIApp]:
    """The background jobs, and what the merchant alone reaches."""
    metrics = Metrics()

    async def show_metrics(_: Request) -> Response:
        return Response(metrics.expose(), media_type="text/plain; version=0.0.4")

    async with open_pool(settings.postgres_url, size=settings.database_connections, name="jobs") as pool:
        yield Starlette(routes=[Route("/readyz", _readiness(pool)), Route("/metrics", show_metrics)])


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")


def _readiness(pool: Pool) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(_: Request) -> Response:
        try:
            async with read(pool) as db:
                await db.fetchval("SELECT 1")
        except StoreUnavailable:
            return PlainTextResponse("the database does not answer\n", status_code=503)
        return PlainTextResponse("ready\n")

    return readyz
