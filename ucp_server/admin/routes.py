"""What the merchant does with orders and with jobs that wait. JSON in and out; loopback by default.

Every answer about an order is the whole order. An error is ``{"code", "content"}``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeVar
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from ucp_server.asgi.documents import BadDocument, decode
from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.metrics import Metrics
from ucp_server.asgi.reply import Reply, json_reply
from ucp_server.domain.errors import (
    AdjustmentRefused,
    OrderNotFound,
    Refusal,
    RevisionConflict,
    StoreUnavailable,
)
from ucp_server.domain.order import Order, Quantity
from ucp_server.engine.orders import Orders, Parcel
from ucp_server.engine.reading import read_order_of_any
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.orders import list_unpaid
from ucp_server.store.outbox import count_waiting, list_waiting, send_again

BINDING: Final = "admin"
# A screen full; whoever has more of them waiting has another problem to solve first.
WAITING_MAX: Final = 200

_Body = TypeVar("_Body")

_STATUSES: Final[Mapping[type[Refusal], int]] = MappingProxyType(
    {OrderNotFound: 404, AdjustmentRefused: 409, RevisionConflict: 409, StoreUnavailable: 503}
)


class Shipment(Parcel, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A misspelt member is told, not passed over."""


class Cancellation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without ``lines`` everything that has not left."""

    lines: tuple[Quantity, ...] = ()
    text: str | None = None


class Return(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    lines: tuple[Quantity, ...]
    text: str | None = None


class Refund(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    amount_minor: int
    text: str | None = None


class Unpaid(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    placed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Admin:
    """``merchants`` are those that are served; their names lead the paths."""

    orders: Orders
    pool: Pool
    metrics: Metrics
    merchants: frozenset[str]

    def routes(self) -> list[Route]:
        order = "/merchants/{merchant}/orders/{order}"
        jobs = "/merchants/{merchant}/jobs"
        return [
            Route("/readyz", self.readyz, methods=["GET"]),
            Route("/metrics", self.show_metrics, methods=["GET"]),
            Route("/merchants/{merchant}/orders/unpaid", self._answer(self.unpaid), methods=["GET"]),
            Route(order, self._answer(self.show), methods=["GET"]),
            Route(f"{order}/ship", self._answer(self.ship), methods=["POST"]),
            Route(f"{order}/deliver", self._answer(self.deliver), methods=["POST"]),
            Route(f"{order}/cancel", self._answer(self.cancel), methods=["POST"]),
            Route(f"{order}/return", self._answer(self.take_back), methods=["POST"]),
            Route(f"{order}/refund", self._answer(self.refund), methods=["POST"]),
            Route(jobs, self._answer(self.waiting), methods=["GET"]),
            Route(f"{jobs}/resend", self._answer(self.resend), methods=["POST"]),
            Route(f"{jobs}/{{job}}/resend", self._answer(self.resend), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Reply:
        return _shown(await read_order_of_any(self.orders.setup, *_order(request)))

    async def unpaid(self, request: Request) -> Reply:
        """Orders whose money could not be taken; oldest first."""
        async with read(self.pool) as db:
            found = await list_unpaid(db, request.path_params["merchant"], WAITING_MAX)
        return json_reply(200, {"orders": [Unpaid(id=id_, placed_at=placed) for id_, placed in found]})

    async def ship(self, request: Request) -> Reply:
        return _shown(await self.orders.ship(*_order(request), await _body(request, Shipment)))

    async def deliver(self, request: Request) -> Reply:
        return _shown(await self.orders.deliver(*_order(request), await _body(request, Shipment)))

    async def cancel(self, request: Request) -> Reply:
        body = await _body(request, Cancellation)
        return _shown(await self.orders.cancel(*_order(request), body.lines, body.text))

    async def take_back(self, request: Request) -> Reply:
        body = await _body(request, Return)
        return _shown(await self.orders.return_(*_order(request), body.lines, body.text))

    async def refund(self, request: Request) -> Reply:
        body = await _body(request, Refund)
        return _shown(await self.orders.refund(*_order(request), body.amount_minor, body.text))

    async def waiting(self, request: Request) -> Reply:
        """Jobs that are parked, paused or behind one that is; oldest first."""
        async with read(self.pool) as db:
            jobs = await list_waiting(db, request.path_params["merchant"], WAITING_MAX)
        return json_reply(200, {"jobs": jobs})

    async def resend(self, request: Request) -> Reply:
        """Try one waiting job again at once, or all of them."""
        given = request.path_params.get("job")
        job = None if given is None else msgspec.convert(given, UUID, strict=False)
        async with statement(self.pool) as tx:
            count = await send_again(tx, request.path_params["merchant"], str(job) if job else None)
        return json_reply(200, {"jobs": count})

    async def show_metrics(self, _request: Request) -> Reply:
        # Without the store the other metrics are wanted all the more.
        with suppress(StoreUnavailable):
            async with read(self.pool) as db:
                for state, number in (await count_waiting(db)).items():
                    self.metrics.waiting_jobs.labels(state).set(number)
        # Many series take milliseconds, and this loop also delivers.
        text = await asyncio.to_thread(self.metrics.expose)
        return Reply(200, text, ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),))

    async def readyz(self, _request: Request) -> Reply:
        try:
            async with read(self.pool) as db:
                await db.fetchval("select 1")
        except StoreUnavailable as refusal:
            return json_reply(503, {"code": refusal.code, "content": refusal.text})
        return json_reply(200, {"ready": True})

    def _answer(
        self, route: Callable[[Request], Awaitable[Reply]]
    ) -> Callable[[Request], Awaitable[Reply]]:
        async def answer(request: Request) -> Reply:
            merchant = request.path_params["merchant"]
            facts = facts_of(request.scope)
            facts["protocol"], facts["operation"] = BINDING, route.__name__
            # Loopback is no proof: any page that is open on this machine can have its browser post here.
            if "origin" in request.headers:
                facts["outcome"] = "forbidden"
                return json_reply(403, {"code": "forbidden", "content": "No page of a browser may ask."})
            if merchant not in self.merchants:
                return json_reply(404, {"code": "not_found", "content": "No such merchant is served."})
            facts["merchant"] = merchant
            try:
                return await route(request)
            except Refusal as refusal:
                facts["outcome"] = refusal.code
                status = _STATUSES.get(type(refusal), 409)
                return json_reply(status, {"code": refusal.code, "content": refusal.text})
            except BadDocument as error:
                return json_reply(400, {"code": "invalid_request", "content": error.text})
            except msgspec.ValidationError as error:
                return json_reply(400, {"code": "invalid_request", "content": str(error)})

        return answer


def _order(request: Request) -> tuple[str, str]:
    """Merchant and order id; the id as platforms write it (``ord_…``) or as the row's UUID."""
    given = request.path_params["order"].rpartition("_")[2]
    try:
        return request.path_params["merchant"], str(UUID(given))
    except ValueError:
        raise OrderNotFound(given) from None


async def _body(request: Request, kind: type[_Body]) -> _Body:
    """Raises BadDocument and msgspec.ValidationError."""
    return msgspec.convert(decode(await request.body() or b"{}"), kind)


def _shown(order: Order) -> Reply:
    return json_reply(200, order)
