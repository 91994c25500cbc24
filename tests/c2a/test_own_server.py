"""The demo as it is started: real processes over TLS, and a worker that is killed again and again."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from conformance.c2a.inputs import Inputs
from conformance.c2a.run import run
from tests.c2a.conftest import VISA, Backend, checkout
from tests.c2a.test_rest import CHALLENGED, DECLINED, REFUSED
from tests.serving import REPOSITORY, Server, server, until
from ucp_server.store.database import Pool, open_pool, statement

Wire = dict[str, Any]

DEMO_SHOP = REPOSITORY / "examples" / "demo_shop"
# There is one tenant in the demo.
SKIPPED = {"c2a.callers.a_key_belongs_to_its_tenant", "c2a.callers.a_foreign_tracking_number_is_404"}
ORDERS = 24
# After so many of them were charged the process that charges is killed.
KILLED_AFTER = (4,)
LOOK_EVERY_S = 0.1
LOOKS_MAX = 600


def credentials(folder: Path) -> Wire:
    found: Wire = msgspec.json.decode((folder / "data" / "demo-credentials.json").read_bytes())
    return dict(found["c2a"])


async def test_the_demo_passes_every_check_and_loses_nothing_to_kills(
    database: str, tmp_path: Path
) -> None:
    async with server(database, tmp_path, "--import", str(DEMO_SHOP), mode="demo") as demo:
        ours = credentials(tmp_path)
        results = await run(
            Inputs(
                url=demo.https,
                tenant=ours["tenant"],
                key=ours["api_key"],
                customer=ours["customer_urn"],
                item="gift-card",
                promotion_code="TEATIME",
                storefront="market-leipzig",
                good_card=VISA,
                declined_card=DECLINED,
                challenged_card=CHALLENGED,
                refused_card=REFUSED,
                insecure=True,
                strict=True,
                look_every_s=LOOK_EVERY_S,
            )
        )
        assert {each.check.id: each.reason for each in results if each.verdict == "fail"} == {}
        assert {each.check.id for each in results if each.verdict == "skip"} == SKIPPED
        async with open_pool(database, size=2, name="tests") as pool:
            await _orders_survive_kills(demo, ours, tmp_path, pool)


async def _orders_survive_kills(demo: Server, ours: Wire, folder: Path, pool: Pool) -> None:
    before = len(charges(folder))
    async with httpx2.AsyncClient(base_url=demo.http) as client:
        backend = Backend(client, ours["tenant"], ours["api_key"])
        offer = (await backend.offer(customerUrn=ours["customer_urn"]))["offerIdentifier"]
        killing = asyncio.create_task(kill_workers(demo, folder, before, pool))
        bodies = [
            checkout(
                offer,
                "gift-card",
                order={"correlationId": f"order-{n}", "customer": {"customerUrn": ours["customer_urn"]}},
            )
            for n in range(ORDERS)
        ]
        replies = [await backend.ask("POST", "/offer/checkout", body) for body in bodies]
        assert {reply.status_code for reply in replies} == {202}
        ends = await asyncio.gather(*(ended(backend, reply.json()) for reply in replies))
        await killing
        assert ends == ["CHECK_OUT_DONE"] * ORDERS
        again = [await backend.ask("POST", "/offer/checkout", body) for body in bodies]
    first = [reply.json()["trackingNumber"] for reply in replies]
    assert [reply.json()["trackingNumber"] for reply in again] == first
    assert len(charges(folder)) - before == ORDERS


async def kill_workers(demo: Server, folder: Path, before: int, pool: Pool) -> None:
    """What the dead hold is free again at once; of itself it would be after a lease of a minute."""
    for charged in KILLED_AFTER:
        await until(lambda wanted=before + charged: len(charges(folder)) >= wanted)
        for pid in demo.pids("jobs"):
            os.kill(pid, signal.SIGKILL)
        async with statement(pool) as tx:
            await tx.execute("update outbox set next_at = now() where state = 'pending'")
            await tx.execute("update attempts set lease_until = now() where lease_until > now()")


async def ended(backend: Backend, result: Wire) -> str:
    for _ in range(LOOKS_MAX):
        document = (await backend.status(result)).json()
        if not document["followUpInstructions"]["canFollowUp"]:
            return str(document["status"]["messageCode"])
        await asyncio.sleep(LOOK_EVERY_S)
    return "never ended"


def charges(folder: Path) -> set[str]:
    """The authorisations in the provider's books, each one once."""
    records = [msgspec.json.decode(path.read_bytes()) for path in (folder / "data").rglob("*.json")]
    return {
        record["reference"]
        for record in records
        if isinstance(record, dict) and record.get("status") == "approved"
    }
