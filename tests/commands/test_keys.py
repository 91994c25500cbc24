"""Keys of codes, as an operator looks at them, changes them and takes one out that leaked."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.engine.shopfront import ISSUER
from tests.engine.test_codes import OFFER
from tests.engine.world import SystemClock
from ucp_server.cli import main
from ucp_server.engine.codes import Code, Codes, NotVerified, Verified
from ucp_server.store.database import open_pool

SECRET = "s" * 64


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "server.toml"
    file.write_text("[merchant.paper]\n[merchant.tea]\n")
    return file


async def run(database: str, config: Path, *command: str) -> Result:
    options = ["--codes", "--mode", "demo", "--config", str(config), "--database-url", database]
    options += ["--data-dir", str(config.parent / "data")]
    runner = CliRunner(env={"UCP_SERVER_SECRET": SECRET})
    return await asyncio.to_thread(runner.invoke, main, ["keys", *command, *options])


async def issue(database: str) -> Code:
    async with open_pool(database, size=2) as pool:
        return await Codes(pool, SECRET.encode(), ISSUER).issue(OFFER, SystemClock().now())


async def verdict(database: str, code: Code) -> Verified | NotVerified:
    async with open_pool(database, size=2) as pool:
        return await Codes(pool, SECRET.encode(), ISSUER).verify(code.text, SystemClock().now())


async def test_a_key_of_codes_that_leaked_is_taken_out(database: str, config: Path) -> None:
    assert (await run(database, config, "list")).output == ""
    before = await issue(database)
    (kid,) = [line.split()[0] for line in (await run(database, config, "list")).output.splitlines()]
    rotated = await run(database, config, "rotate")
    assert "signs in 60 minutes" in rotated.output
    assert len((await run(database, config, "list")).output.splitlines()) == 2

    assert await verdict(database, before) == Verified(before.payload)
    retired = await run(database, config, "retire", kid)
    assert "Codes that were signed with it" in retired.output
    assert await verdict(database, before) == NotVerified("unknown_key")
    again = await run(database, config, "retire", kid)
    assert (again.exit_code, "there is no key" in again.output) == (1, True)
