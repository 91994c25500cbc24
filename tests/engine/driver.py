"""Does one piece of work in a process that is made to die at a named point.

    UCP_SERVER_FAULTS=complete.sent=kill python -m tests.engine.driver ERRAND

ERRAND is an `Errand` in JSON. It ends with 0 when the work was done and nothing struck.
"""

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.engine.carts import cart_call, convert, update_cart
from tests.engine.world import (
    SCOPE,
    SECRET,
    SHOP,
    call,
    cancel,
    card,
    complete,
    create,
    make_setup,
    order,
    psp_of,
    update,
)
from tests.worker.world import Receiver, make_delivery
from ucp_server.domain.errors import Refusal
from ucp_server.domain.events import DeliveryOutcome, Job
from ucp_server.engine.faults import armed
from ucp_server.engine.orders import Orders, Parcel
from ucp_server.engine.resume import resume_due
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.engine.submissions import Submissions
from ucp_server.store.database import Pool, open_pool
from ucp_server.store.ids import new_id
from ucp_server.store.stock import OwnStock
from ucp_server.worker.deliver import Delivery, run_once

POOL = 3
DRAINS_WITHIN_S = 10.0


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """``work`` in the shop of ``folder`` and ``database``, on one checkout or cart, under one key."""

    database: str
    folder: str
    work: str
    checkout_id: str = ""
    key: str = ""
    token: str = "success_token"


@dataclass
class LoggingReceiver(Receiver):
    """Writes down what comes, so that it is known after a kill."""

    log: Path = field(default_factory=Path)

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome:
        with self.log.open("a") as log:
            log.write(json.dumps([job.id, rendered.decode(), job.stream, job.sequence]) + "\n")
            log.flush()
            os.fsync(log.fileno())
        return await super().deliver(job, rendered)


def received(folder: Path) -> list[tuple[str, bytes, str, int]]:
    log = folder / "received.jsonl"
    if not log.exists():
        return []
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [(job_id, body.encode(), stream, version) for job_id, body, stream, version in lines]


def open_shop(pool: Pool, folder: Path, work: str) -> tuple[Setup, Delivery]:
    """The shop as ``work`` needs it; ``foreign`` work counts its stock through the port."""
    more: dict[str, object] = {}
    if work == "foreign":
        more["merchants"] = {"shop": msgspec.structs.replace(SHOP, own_stock=False)}
        more["stocks"] = {"shop": OwnStock(pool)}
    setup = make_setup(pool, folder / "books.jsonl", **more)
    platform = LoggingReceiver(log=folder / "received.jsonl")
    return setup, make_delivery(setup, platform)


async def perform(errand: Errand, setup: Setup, delivery: Delivery) -> bytes | None:
    """Do the work; the reply where it has one."""
    engine, id_ = Engine(setup), errand.checkout_id
    named = call(errand.key, operation=errand.work)
    match errand.work:
        case "create":
            return (await engine.run(named, create())).reply
        case "update":
            return (await engine.run(named, update(id_, rose=2))).reply
        case "cancel":
            return (await engine.run(named, cancel(id_))).reply
        case "change cart":
            named_cart = cart_call(errand.key, operation=errand.work)
            return (await engine.run_cart(named_cart, update_cart(id_, rose=2))).reply
        case "convert":
            return (await engine.run(named, convert(id_))).reply
        case "complete" | "foreign":
            return (await engine.run(named, complete(id_, errand.token))).reply
        case "early":
            psp_of(setup).hold = hold = asyncio.Event()
            patient_until = asyncio.get_running_loop().time() - setup.timings.answer_within_s
            hurried = call(errand.key, operation=errand.work, arrived_s=patient_until)
            try:
                return (await engine.run(hurried, complete(id_))).reply
            finally:
                hold.set()
                psp_of(setup).hold = None
                await engine.drain(DRAINS_WITHIN_S)
        case "resume":
            await resume_due(setup)
        case "deliver":
            await run_once(delivery)
        case "ship":
            await Orders(setup).ship("shop", id_, Parcel())
        case "read":
            await engine.read(SCOPE, id_)
        case "submit":
            given = order(f"trk_{new_id()}", errand.token, correlation=errand.key, keep=True)
            return (await Submissions(setup, engine, SECRET).submit(SCOPE, given)).tracking.encode()
        case "poll":
            await Submissions(setup, engine, SECRET).poll(SCOPE, errand.key)
        case "add":
            method = await StoredMethods(setup, SECRET).add(
                "shop", "ada", card(errand.token), None, errand.key
            )
            return method.id.encode()
        case "drop":
            await StoredMethods(setup, SECRET).delete("shop", "ada", id_)
    return None


async def run(errand: Errand) -> None:
    async with open_pool(errand.database, size=POOL) as pool:
        setup, delivery = open_shop(pool, Path(errand.folder), errand.work)
        with suppress(Refusal):
            await perform(errand, setup, delivery)


def run_armed(errand: Errand, plan: str) -> None:
    """For a forked process, which was started before the plan was known."""
    with armed(plan):
        asyncio.run(run(errand))


if __name__ == "__main__":
    asyncio.run(run(msgspec.json.decode(sys.argv[1], type=Errand)))
