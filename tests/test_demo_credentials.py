"""The keys that the demo makes for itself: complete, private, the same at every start."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from ucp_server import app
from ucp_server.c2a.ids import decode_method_urn
from ucp_server.config import Merchant, Secret, Settings
from ucp_server.config_sources import LOCAL_MERCHANTS
from ucp_server.engine.sources import Sources
from ucp_server.modes import Mode
from ucp_server.resources import folder
from ucp_server.store.credentials import (
    NETWORK,
    CredentialKind,
    load_credentials,
    load_principal,
    mark_revoked,
    secret_hash,
)
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.handles import merchant_of
from ucp_server.store.stored_methods import load_method
from ucp_server.supervisor.foundation import furnished

SECRET = Secret("s" * 64)


def settings(database: str, data: Path, **more: Any) -> Settings:
    demo = Settings(
        mode=Mode.DEMO,
        data_dir=data,
        database_url=Secret(database),
        secret=SECRET,
        simulation_secret=Secret("open sesame"),
        import_dir=folder("demo_shop"),
        merchant={"demo": LOCAL_MERCHANTS[Mode.DEMO]},
    )
    return replace(demo, **more)


async def prepared(given: Settings) -> dict[str, Any]:
    await app.prepare(given)
    assert given.data_dir is not None
    document: dict[str, Any] = json.loads((given.data_dir / "demo-credentials.json").read_text())
    return document


async def opens(pool: Pool, tenant: str, kind: CredentialKind, secret: str) -> str | None:
    async with read(pool) as db:
        return await load_principal(db, merchant_id=tenant, kind=kind, secret_hash=secret_hash(secret))


async def test_every_key_opens_what_it_is_for(pool: Pool, database: str, tmp_path: Path) -> None:
    made = await prepared(settings(database, tmp_path))
    assert list(made) == ["ucp", "aap", "acp", "c2a", "simulation_secret"]
    assert made["simulation_secret"] == "open sesame"
    aap, acp, c2a = made["aap"], made["acp"], made["c2a"]
    assert list(aap) == ["agent_key", "merchant_key", "evidence_source", "evidence_secret"]
    assert list(c2a) == ["tenant", "api_key", "customer_urn", "stored_method_urn"]
    opened = [
        await opens(pool, "demo", CredentialKind.PLATFORM, made["ucp"]["api_key"]),
        await opens(pool, NETWORK, CredentialKind.AGENT, aap["agent_key"]),
        await opens(pool, NETWORK, CredentialKind.MERCHANT, aap["merchant_key"]),
        await opens(pool, "demo", CredentialKind.APP, acp["api_key"]),
        await opens(pool, "demo", CredentialKind.BACKEND, c2a["api_key"]),
    ]
    platform = "https://platform.example/profile"
    assert opened == [platform, "agent_demo", "demo", acp["app_id"], "backend_demo"]
    source = await Sources(pool, SECRET.reveal().encode()).find(aap["evidence_source"])
    assert source is not None
    assert (source.merchant_id, source.secret) == ("demo", aap["evidence_secret"])
    async with read(pool) as db:
        assert await merchant_of(db, "app", acp["app_id"]) == "demo"
        assert await merchant_of(db, "tenant", c2a["tenant"]) == "demo"
        method_id = decode_method_urn(c2a["stored_method_urn"])
        assert method_id is not None
        row = await load_method(db, "demo", c2a["customer_urn"], method_id)
    assert row is not None
    assert row.method.state == "active"


async def test_only_the_account_of_the_server_reads_them(database: str, tmp_path: Path) -> None:
    await prepared(settings(database, tmp_path))
    assert (tmp_path / "demo-credentials.json").stat().st_mode & 0o777 == 0o600


async def test_they_stay_the_same_at_every_start(pool: Pool, database: str, tmp_path: Path) -> None:
    first = await prepared(settings(database, tmp_path))
    assert await prepared(settings(database, tmp_path)) == first
    async with pool.connection() as connection:
        assert await connection.fetchval("select count(*) from credentials") == 5
        assert await connection.fetchval("select count(*) from stored_methods") == 1


async def test_a_key_that_was_revoked_stays_so(pool: Pool, database: str, tmp_path: Path) -> None:
    key = (await prepared(settings(database, tmp_path)))["ucp"]["api_key"]
    async with read(pool) as db:
        issued = await load_credentials(db, merchant_id="demo")
    (id_,) = (one.id for one in issued if one.kind is CredentialKind.PLATFORM)
    async with statement(pool) as tx:
        assert await mark_revoked(tx, merchant_id="demo", id_=UUID(id_))
    await prepared(settings(database, tmp_path))
    assert await opens(pool, "demo", CredentialKind.PLATFORM, key) is None


async def test_a_card_that_was_deleted_is_followed_by_another_one(
    pool: Pool, database: str, tmp_path: Path
) -> None:
    first = await prepared(settings(database, tmp_path))
    async with pool.connection() as connection:
        await connection.execute("update stored_methods set state = 'deleted', reference_sealed = null")
    second = await prepared(settings(database, tmp_path))
    assert second["c2a"]["stored_method_urn"] != first["c2a"]["stored_method_urn"]
    assert await prepared(settings(database, tmp_path)) == second


async def test_another_server_secret_is_another_set(database: str, tmp_path: Path) -> None:
    first = await prepared(settings(database, tmp_path))
    second = await prepared(settings(database, tmp_path, secret=Secret("t" * 64)))
    assert first["c2a"]["stored_method_urn"] != second["c2a"]["stored_method_urn"]
    assert not set(first["aap"].values()) & set(second["aap"].values())
    assert first["ucp"] != second["ucp"]


async def test_a_shop_without_apps_tenant_and_customers_has_nothing_to_open(
    database: str, tmp_path: Path
) -> None:
    bare = settings(database, tmp_path, import_dir=None, merchant={"bare": Merchant()})
    made = await prepared(bare)
    assert made["acp"] == {"app_id": None, "api_key": None}
    assert set(made["c2a"].values()) == {None}
    assert made["aap"]["merchant_key"].startswith("aap_")


async def test_no_other_mode_makes_any(database: str, tmp_path: Path) -> None:
    await app.prepare(settings(database, tmp_path, mode=Mode.SUITE))
    assert not (tmp_path / "demo-credentials.json").exists()


def test_the_demo_makes_its_simulation_secret_unless_told_one(tmp_path: Path) -> None:
    first = furnished(Settings(mode=Mode.DEMO, port=0), tmp_path)
    assert first.simulation_secret
    assert first.simulation_secret != first.secret
    assert furnished(Settings(mode=Mode.DEMO, port=0), tmp_path) == first
    told = Settings(mode=Mode.DEMO, port=0, simulation_secret=Secret("open sesame"))
    assert furnished(told, tmp_path).simulation_secret == Secret("open sesame")
    for mode in (Mode.SUITE, Mode.PRODUCTION):
        assert furnished(Settings(mode=mode, port=0), tmp_path).simulation_secret is None
