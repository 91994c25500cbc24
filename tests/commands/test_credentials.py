"""Keys for every kind of caller, issued, listed and revoked as an operator does it."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner, Result

from tests.store.shops import written
from ucp_server.cli import main
from ucp_server.engine.sources import Sources
from ucp_server.store.credentials import NETWORK, CredentialKind, load_principal, secret_hash
from ucp_server.store.database import open_pool, read

APP = "dda5ce6d-85a7-47e8-93ee-e9436715ee5e"
TENANT = "5b0c2d4e-6f70-4a81-9b2c-3d4e5f607182"
SECRET = "s" * 64
CONFIG = f'[merchant.paper]\ntenant = "{TENANT}"\n[merchant.tea]\n'

Run = Callable[..., Coroutine[Any, Any, Result]]


@pytest.fixture
def run(database: str, tmp_path: Path) -> Run:
    config = tmp_path / "server.toml"
    config.write_text(CONFIG)

    async def run_command(
        command: str, *arguments: str, merchant: str = "paper", mode: str = "demo"
    ) -> Result:
        options = ["--config", str(config), "--database-url", database, "--mode", mode]
        options += ["--merchant", merchant, "--data-dir", str(tmp_path / "data")] if merchant else []
        given = [*command.split(), *arguments, *options]
        runner = CliRunner(env={"UCP_SERVER_SECRET": SECRET})
        return await asyncio.to_thread(runner.invoke, main, given)

    return run_command


@pytest.fixture
async def with_app(run: Run, tmp_path: Path) -> None:
    shop = written(tmp_path / "shop", apps=f"id,name\n{APP},Gifts\n")
    assert (await run("import", str(shop))).exit_code == 0


async def opens(database: str, tenant: str, kind: CredentialKind, secret: str) -> str | None:
    async with open_pool(database, size=2) as pool, read(pool) as db:
        return await load_principal(db, merchant_id=tenant, kind=kind, secret_hash=secret_hash(secret))


@pytest.mark.parametrize(
    ("kind", "name", "tenant", "prefix", "length"),
    [
        (CredentialKind.PLATFORM, "https://agent.example/profile", "paper", "ucpk_", 48),
        (CredentialKind.AGENT, "agent_1", NETWORK, "aap_", 47),
        (CredentialKind.APP, APP, "paper", "acp_", 36),
        (CredentialKind.BACKEND, "till", "paper", "sk_dev_", 50),
    ],
)
@pytest.mark.usefixtures("with_app")
async def test_a_key_opens_for_its_owner_until_it_is_revoked(
    run: Run, database: str, kind: CredentialKind, name: str, tenant: str, prefix: str, length: int
) -> None:
    option = [] if kind is CredentialKind.PLATFORM else ["--kind", kind.value]
    issued = await run("credentials issue", name, *option, "--label", "trial")
    assert issued.exit_code == 0, issued.output
    secret = issued.stdout.strip()
    assert (secret.startswith(prefix), len(secret)) == (True, length)
    assert "Shown this once" in issued.stderr
    assert await opens(database, tenant, kind, secret) == name
    others = [other for other in CredentialKind if other is not kind]
    assert [await opens(database, tenant, other, secret) for other in others] == [None] * len(others)

    (line,) = (await run("credentials list")).output.splitlines()
    id_, _, rest = line.partition("  ")
    assert rest.endswith(f"  {name}  trial")
    assert secret not in line
    assert (await run("credentials revoke", id_)).output == f"{id_} is revoked.\n"
    assert await opens(database, tenant, kind, secret) is None
    assert "  revoked 2" in (await run("credentials list")).output
    again = await run("credentials revoke", id_)
    assert (again.exit_code, again.output) == (1, f"Error: there is no key {id_} in use\n")


async def test_a_merchants_own_key_tells_the_merchant(run: Run, database: str) -> None:
    secret = (await run("credentials issue", "--kind", "merchant")).stdout.strip()
    assert await opens(database, NETWORK, CredentialKind.MERCHANT, secret) == "paper"
    assert "merchant  paper" in (await run("credentials list")).output
    assert (await run("credentials list", merchant="tea")).output == ""
    assert "not by NAME" in (await run("credentials issue", "tea", "--kind", "merchant")).output


async def test_agents_are_nobodys_in_particular(run: Run, database: str) -> None:
    secret = (await run("credentials issue", "agent_1", "--kind", "agent", merchant="")).stdout.strip()
    assert await opens(database, NETWORK, CredentialKind.AGENT, secret) == "agent_1"
    for merchant in ("paper", "tea"):
        assert "agent  agent_1" in (await run("credentials list", merchant=merchant)).output


async def test_in_production_a_backends_key_says_so(run: Run) -> None:
    issued = await run("credentials issue", "till", "--kind", "backend", mode="production")
    assert issued.stdout.startswith("sk_live_")


async def test_keys_that_could_open_nothing_are_refused(run: Run, database: str) -> None:
    refused = {
        "paper has no app": ("paper", APP, "--kind", "app"),
        "set tenant": ("tea", "till", "--kind", "backend"),
        "NAME is missing": ("paper", "--kind", "agent"),
        "is not a name for a source": ("paper", "My PSP", "--kind", "evidence"),
    }
    for reason, (merchant, *arguments) in refused.items():
        result = await run("credentials issue", *arguments, merchant=merchant)
        assert result.exit_code != 0
        assert reason in result.output
    connection = await asyncpg.connect(database)
    try:
        assert await connection.fetchval("select count(*) from credentials") == 0
    finally:
        await connection.close()


async def test_a_source_of_evidence_signs_until_it_is_revoked(run: Run, database: str) -> None:
    issued = await run("credentials issue", "psp", "--kind", "evidence", "--milestone", "sim.activated")
    async with open_pool(database, size=2) as pool:
        source = await Sources(pool, SECRET.encode()).find("psp")
        assert source is not None
        assert source.secret == issued.stdout.strip()
        assert (source.merchant_id, source.milestones) == ("paper", ("sim.activated",))
        assert "psp  " in (await run("credentials list")).output
        taken = await run("credentials issue", "psp", "--kind", "evidence", merchant="tea")
        assert "choose another" in taken.output
        assert (await run("credentials revoke", "psp", merchant="tea")).exit_code == 1
        assert (await run("credentials revoke", "psp")).output == "psp is revoked.\n"
        assert await Sources(pool, SECRET.encode()).find("psp") is None


@pytest.mark.usefixtures("with_app")
async def test_an_apps_events_are_signed_with_what_is_shown(run: Run) -> None:
    first, second = [await run("credentials webhook-secret", APP) for _ in range(2)]
    assert first.output.startswith("whsec_")
    assert first.output == second.output
    assert "tea has no app" in (await run("credentials webhook-secret", APP, merchant="tea")).output
