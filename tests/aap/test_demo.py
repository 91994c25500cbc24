"""The demo as it is deployed: its keys, the lesson, and a sale from the link to the ledger."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import httpx2
import msgspec

from tests.aap.conftest import Caller
from tests.aap.test_journey import paid
from tests.serving import REPOSITORY, server, until_async
from ucp_server.aap.mock import CHECKOUT_URL

LESSON = REPOSITORY / "examples" / "mock-conversion"
SCRIPT_S = 30.0


async def last_line(url: str, program: str, script: str, **environment: str) -> str:
    """The link that a script of the lesson ends with."""
    process = await asyncio.create_subprocess_exec(
        program,
        str(LESSON / script),
        env={"PATH": os.environ["PATH"], "AAP_API_URL": url, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SCRIPT_S):
        printed, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return printed.decode().splitlines()[-1]


async def test_the_demo_teaches_and_sells(database: str, tmp_path: Path) -> None:
    shop_files = str(REPOSITORY / "examples" / "demo_shop")
    async with server(database, tmp_path, "--import", shop_files, mode="demo") as demo:
        keys = msgspec.json.decode((tmp_path / "data" / "demo-credentials.json").read_bytes())["aap"]
        links = {await last_line(demo.http, sys.executable, "hello.py")}
        node = shutil.which("node")
        if node is not None:
            links.add(await last_line(demo.http, node, "hello.mjs"))
        assert links == {CHECKOUT_URL}
        real = await last_line(demo.http, sys.executable, "hello.py", AAP_API_KEY=keys["agent_key"])
        assert real.startswith(f"{demo.http}/checkout/")

        async with httpx2.AsyncClient(base_url=demo.http) as client:
            agent = Caller(client, keys["agent_key"])
            offer = (await agent.searched())["offers"][0]
            handed = await agent.handed_off(offer["id"], userDetails={"email": "ada@example.com"})
            await paid(client, handed["checkoutUrl"])

            async def is_verified() -> bool:
                session = await agent.get(f"/v1/sessions/{handed['sessionId']}")
                return [one["verification"] for one in session["conversions"]] == ["verified"]

            await until_async(is_verified)
