"""Our own server, as it is deployed, with a shop of CSV files, before the checks for anybody's."""

import asyncio
import json
import signal
import sys
from contextlib import suppress
from pathlib import Path

import httpx2

from conformance.chipp.inputs import Inputs
from conformance.chipp.run import run
from tests.chipp.world import APP, AUDIT, DUO, FILES, LAST, OTHER_APP, REPORT
from tests.engine.rows import one
from tests.serving import REPOSITORY, Server, reserved_ports, server, until, until_async
from tests.simulators.running import Receiver
from tests.store.shops import written
from ucp_server.store.database import Pool

CONFIG = """
[merchant.shop]
title = "Shop"
currency = "EUR"
home_country = "DE"
"""


def shop(folder: Path, tools: str, hook: str) -> Path:
    products = ("app_id,id,item_id,sku,fulfillment,tools", *(
        f"{APP},{id_},{item},{sku},{fulfillment},{tool}"
        for id_, item, sku, fulfillment, tool in (
            (AUDIT, "audit", "AUD-2", "automatic", "run_audit"),
            (REPORT, "report", "REP-1", "manual", ""),
            (DUO, "audit", "AUD-4", "automatic", "send_report"),
            (LAST, "last", "LA-1", "manual", ""),
        )
    ))  # fmt: skip
    sold_out = FILES | {"inventory": FILES["inventory"].replace("last,1", "last,0")}
    return written(
        folder,
        **sold_out,
        apps=f"id,name,description,handler,webhook_url\n{APP},Audits,Sites.,,{hook}\n{OTHER_APP},B,,,\n",
        app_products="\n".join(products) + "\n",
        tools=f"id,url,timeout_s\nrun_audit,{tools}/tools/audit,5\nsend_report,{tools}/tools/report,5\n",
    )


async def command(database: str, folder: Path, *words: str) -> str:
    """What an operator's command prints."""
    options = ["--mode", "demo", "--config", str(folder / "config.toml"), "--database-url", database]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ucp_server", "credentials", *words, *options),
        *("--data-dir", str(folder / "data")),
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode().strip()


async def test_our_server_passes_every_check(database: str, tmp_path: Path, outside: Receiver) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    await outside.answer("/tools/audit", then={"status": 200, "body": "done"})
    await outside.answer("/tools/report", then={"status": 500})
    with reserved_ports(1) as (hook_port,):
        pass
    folder = shop(tmp_path / "shop", outside.url, f"http://127.0.0.1:{hook_port}/hooks")
    options = ["--config", str(tmp_path / "config.toml"), "--import", str(folder)]
    async with server(database, tmp_path, *options, mode="demo") as ours:
        told = json.loads((tmp_path / "data" / "demo-credentials.json").read_text())["acp"]
        assert told["app_id"] in {APP, OTHER_APP}
        inputs = Inputs(
            url=f"{ours.http}/acp/{APP}",
            key=await command(database, tmp_path, "issue", APP, "--kind", "app"),
            other_key=await command(database, tmp_path, "issue", OTHER_APP, "--kind", "app"),
            product=REPORT,
            automatic_product=AUDIT,
            failing_product=DUO,
            sold_out_product=LAST,
            hook_port=hook_port,
            hook_secret=await command(database, tmp_path, "webhook-secret", APP),
            strict=True,
        )
        results = await run(inputs)
    broken = {each.check.id: each.reason for each in results if each.verdict == "fail"}
    assert broken == {}
    skipped = {each.check.id for each in results if each.verdict == "skip"}
    # An hour is too long for a test; test_rest.py moves the clock.
    assert skipped == {"chipp.errors.expired_sessions_are_410"}


async def test_a_session_outlives_the_processes(database: str, tmp_path: Path, pool: Pool) -> None:
    """Killed in the middle of a payment, all of them: the sale is made once, by whoever comes next."""
    (tmp_path / "config.toml").write_text(CONFIG)
    folder = shop(tmp_path / "shop", "http://127.0.0.1:9", "")
    options = ["--config", str(tmp_path / "config.toml"), "--import", str(folder)]
    dying = {"UCP_SERVER_FAULTS": "complete.sent=kill"}
    async with server(database, tmp_path, *options, mode="demo", environment=dying) as ours:
        key = await command(database, tmp_path, "issue", APP, "--kind", "app")
        session = (await asked(ours, key, "/checkout_sessions", product=REPORT)).json()["data"]
        path = f"/checkout_sessions/{session['id']}"
        pid = ours.pids("public")[0]
        with suppress(httpx2.HTTPError):
            await asked(ours, key, f"{path}/complete")
        await until(lambda: pid not in ours.pids("public"))
        ours.process.send_signal(signal.SIGTERM)
    async with server(database, tmp_path, *options[:2], mode="demo") as ours:

        async def is_completed() -> bool:
            reply = await asked(ours, key, path, method="GET")
            return reply.json()["data"]["status"] == "completed"

        await until_async(is_completed)
        again = await asked(ours, key, f"{path}/complete")
        assert again.json() == {"error": "Cannot complete checkout in status: completed"}
        order = (await asked(ours, key, f"/orders/{session['id']}", method="GET")).json()["data"]
    assert order["status"] == "confirmed"
    assert await one(pool, "select count(*) from attempts") == 1


async def asked(
    ours: Server, key: str, path: str, *, product: str = "", method: str = "POST"
) -> httpx2.Response:
    body = {"line_items": [{"product_id": product}]} if product else None
    async with httpx2.AsyncClient(base_url=f"{ours.http}/acp/{APP}", timeout=30) as client:
        return await client.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
