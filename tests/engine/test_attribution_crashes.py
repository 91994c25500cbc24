"""A recommended sale, killed at every point on its way from the hand-off to the ledger.

Whoever lives on asks again, as an agent, a buyer and a worker would: one checkout, one charge, one
order, one verified conversion.
"""

import asyncio
import signal
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.engine.dying import DIES_WITHIN_S, lapse_open_leases
from tests.engine.rows import one
from tests.engine.shopfront import AGENT, Shopfront, make_shopfront, put_offer
from tests.engine.world import SetClock, call, complete, make_setup, psp_of, put_stock
from tests.worker.world import make_due
from ucp_server.domain.attribution import OfferQuery, SessionState
from ucp_server.domain.events import JobKind
from ucp_server.domain.ledger import Level
from ucp_server.engine.commands import Scope
from ucp_server.engine.faults import armed
from ucp_server.engine.ledger import EvidenceDeliverer
from ucp_server.engine.resume import resume_due
from ucp_server.engine.settling import MoneyDeliverer
from ucp_server.store.database import Pool, open_pool
from ucp_server.worker.deliver import Delivery, run_once

ROUNDS_MAX = 20
SCOPE = Scope(merchant_id="shop", platform_id=AGENT)
POINTS = (
    "create.quoted",
    "create.before_commit",
    "create.committed",
    "hand_off.created",
    "hand_off.marked",
    "complete.opened",
    "complete.sent",
    "complete.before_close",
    "complete.closed",
    "deliver.claimed",
    "ledger.before_append",
    "ledger.appended",
    "deliver.marked",
)


@dataclass(frozen=True)
class Journey:
    """One recommendation and where its shop is; it is made of values, so that a child can have it."""

    database: str
    folder: str
    session_id: str
    recommendation_id: str


def opened(pool: Pool, folder: str) -> tuple[Shopfront, Delivery]:
    clock = SetClock()
    front = make_shopfront(make_setup(pool, Path(folder) / "books.jsonl", clock=clock), clock)
    money = MoneyDeliverer(front.setup)
    evidence = EvidenceDeliverer(front.ledger)
    delivery = Delivery(
        pool=pool, renderers={}, deliverers={JobKind.EVIDENCE: evidence, JobKind.CAPTURE: money}
    )
    return front, delivery


async def travel(journey: Journey, front: Shopfront, delivery: Delivery) -> str:
    """From the hand-off to the ledger; the id of the checkout."""
    handed = await front.network.hand_off(AGENT, journey.session_id, journey.recommendation_id)
    await front.engine.run(call("pay", scope=SCOPE), complete(handed.checkout.id))
    for _ in range(ROUNDS_MAX):
        if not await run_once(delivery):
            return handed.checkout.id
    raise AssertionError("there is no end to the work")


async def _travel_alone(journey: Journey) -> None:
    async with open_pool(journey.database, size=3) as pool:
        await travel(journey, *opened(pool, journey.folder))


def travel_armed(journey: Journey, plan: str) -> None:
    with armed(plan):
        asyncio.run(_travel_alone(journey))


@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_sale_is_one_sale(
    database: str, pool: Pool, tmp_path: Path, forks: ForkServerContext, point: str
) -> None:
    await put_stock(pool, rose=5)
    await put_offer(pool, "offer-rose")
    front, delivery = opened(pool, str(tmp_path))
    session, _ = await front.network.search(AGENT, OfferQuery())
    recommendation = await front.network.recommend(AGENT, session.id, "offer-rose")
    journey = Journey(database, str(tmp_path), session.id, recommendation.id)
    child = forks.Process(target=travel_armed, args=(journey, f"{point}=kill"))
    child.start()
    await asyncio.to_thread(child.join, DIES_WITHIN_S)
    assert child.exitcode == -signal.SIGKILL

    await lapse_open_leases(pool)
    await resume_due(front.setup)
    await make_due(pool)
    checkout_id = await travel(journey, front, delivery)
    await make_due(pool)
    assert await travel(journey, front, delivery) == checkout_id

    for table in ("checkouts", "orders", "ledger"):
        assert await one(pool, f"select count(*) from {table}") == 1, table
    with psp_of(front.setup).books() as books:
        assert [known.captured_minor for known in books.authorisations.values()] == [1200]
    view = await front.network.session(AGENT, session.id)
    assert view.state is SessionState.CONVERTED
    assert [(sale.level, sale.order_reference) for sale in view.conversions] == [
        (Level.VERIFIED, checkout_id)
    ]
