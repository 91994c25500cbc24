"""Clients, their grants and the tokens drawn on them; what is over is cleared away."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from ucp_server.engine.grants import Grants
from ucp_server.plugins import SystemClock
from ucp_server.store.clients import Client, delete_expired_assertions
from ucp_server.store.credentials import secret_hash
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.tokens import Holder, delete_expired_tokens, load_holder
from ucp_server.worker import trim

SHOP = "shop"
PLATFORM = "https://one.example/profile"


@pytest.fixture
def grants(pool: Pool) -> Grants:
    return Grants(pool)


@pytest.fixture
async def client(grants: Grants) -> Client:
    made = await grants.register(SHOP, PLATFORM, {"read", "write"})
    found = await grants.find(SHOP, made.id)
    assert found is not None
    return found


async def holder(pool: Pool, token: str, merchant_id: str = SHOP) -> Holder | None:
    async with read(pool) as db:
        return await load_holder(db, merchant_id=merchant_id, token_hash=secret_hash(token))


async def test_a_token_tells_whose_it_is_and_for_what(pool: Pool, grants: Grants, client: Client) -> None:
    issued = await grants.issue(SHOP, client, ["write"])
    assert issued is not None
    assert (issued.scopes, issued.ttl_s) == (("write",), 3600)
    assert issued.token not in repr(issued)
    found = await holder(pool, issued.token)
    assert found == Holder(
        client_id=client.id, platform_id=PLATFORM, subject=None, scopes=frozenset({"write"})
    )
    assert await holder(pool, issued.token, "another shop") is None
    assert await holder(pool, issued.token + "x") is None


async def test_a_token_never_allows_more_than_its_grant(grants: Grants, client: Client) -> None:
    assert await grants.issue(SHOP, client, ["write", "admin"]) is None
    assert await grants.issue("another shop", client, ["write"]) is None


async def test_a_buyers_grant_is_a_row_of_its_own(pool: Pool, grants: Grants, client: Client) -> None:
    """What is to come: a client that acts for buyers still acts in its own name by one grant."""
    subject, grant = "buyer-1", uuid.uuid4()
    own = await grants.issue(SHOP, client, ["read"])
    async with statement(pool) as tx:
        sql = (
            "insert into oauth_grants (merchant_id, id, client_id, subject, scopes) values ($1,$2,$3,$4,$5)"
        )
        await tx.execute(sql, SHOP, grant, uuid.UUID(client.id), subject, ["admin"])
    again = await grants.find(SHOP, client.id)
    assert again == client
    assert await grants.issue(SHOP, client, ["admin"]) is None
    assert own is not None
    async with statement(pool) as tx:
        await tx.execute("update access_tokens set grant_id = $1", grant)
    found = await holder(pool, own.token)
    assert found is not None
    assert found.subject == subject
    async with statement(pool) as tx:
        await tx.execute("update oauth_grants set revoked_at = now() where id = $1", grant)
    assert await holder(pool, own.token) is None


async def test_of_many_at_once_one_uses_an_assertion_up(grants: Grants, client: Client) -> None:
    until = datetime.now(UTC) + timedelta(minutes=1)
    used = await asyncio.gather(*(grants.use_up(SHOP, client, "once", until) for _ in range(8)))
    assert sorted(used) == [False] * 7 + [True]
    other = await grants.find(SHOP, (await grants.register(SHOP, PLATFORM, ["read"])).id)
    assert other is not None
    assert await grants.use_up(SHOP, other, "once", until)


async def test_what_is_no_id_is_no_client(grants: Grants, client: Client) -> None:
    for id_ in ("", "nobody", client.id.upper(), f"{{{client.id}}}", str(uuid.uuid4()), "\x00"):
        assert await grants.find(SHOP, id_) is None
        assert not await grants.end(SHOP, id_)


async def test_what_is_over_is_cleared_away_in_batches(pool: Pool, grants: Grants, client: Client) -> None:
    now = datetime.now(UTC)
    for number in range(3):
        assert await grants.issue(SHOP, client, ["read"])
        await grants.use_up(SHOP, client, f"old {number}", now - timedelta(seconds=1))
    await grants.use_up(SHOP, client, "fresh", now + timedelta(minutes=1))
    async with statement(pool) as tx:
        await tx.execute("update access_tokens set expires_at = now() - interval '1 second'")
    kept = await grants.issue(SHOP, client, ["read"])
    async with statement(pool) as tx:
        assert await delete_expired_tokens(tx, 2) == 2
    async with statement(pool) as tx:
        assert await delete_expired_assertions(tx, 2) == 2
    await trim.run_once(pool, SystemClock())
    async with read(pool) as db:
        assert await db.fetchval("select count(*) from access_tokens") == 1
        left = [row[0] for row in await db.fetch("select jti_hash from client_assertions")]
    assert left == [secret_hash("fresh")]
    assert kept is not None
    assert await holder(pool, kept.token) is not None
