"""Rows of checkouts: what each conditional write does and does not touch."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tests.store.test_attempts import PLATFORM, open_checkout
from ucp_server.domain.fulfillment import Address, NewAddress
from ucp_server.domain.lifecycle import State
from ucp_server.store.checkouts import (
    Write,
    expire_checkout,
    insert_checkout,
    load_checkout,
    update_checkout,
)
from ucp_server.store.claims import Claim, forget_replies, load_claim
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.violations import KeyTaken, RowExists

CLAIM = Claim("shop", PLATFORM, "update", "k1", b"fingerprint")


async def test_what_is_written_is_read_back(pool: Pool) -> None:
    checkout = await open_checkout(pool)
    async with read(pool) as db:
        stored = await load_checkout(db, "shop", PLATFORM, checkout.id)
        assert stored is not None
        assert (stored.checkout, stored.is_over) == (checkout, False)
        assert await load_checkout(db, "shop", "https://other.example", checkout.id) is None
        assert await load_checkout(db, "other", PLATFORM, checkout.id) is None


async def test_the_same_row_twice_is_noticed(pool: Pool) -> None:
    checkout = await open_checkout(pool)
    with pytest.raises(RowExists):
        async with statement(pool) as tx:
            await insert_checkout(tx, Write(checkout, b""))


async def test_a_lost_revision_writes_neither_checkout_nor_claim_nor_address(pool: Pool) -> None:
    checkout = await open_checkout(pool)
    address = NewAddress(owner="mail:1", id="dest_1", address=Address(country="DE", postal_code="1"))
    stale = Write(replace(checkout, revision=3), b"reply", CLAIM, [address])
    async with statement(pool) as tx:
        assert not await update_checkout(tx, stale)
        assert await load_claim(tx, CLAIM) is None
        assert await tx.fetchval("select count(*) from addresses") == 0
        fresh = Write(replace(checkout, revision=2), b"reply", CLAIM, [address, address])
        assert await update_checkout(tx, fresh)
        assert await tx.fetchval("select count(*) from addresses") == 1


async def test_a_taken_key_undoes_the_write(pool: Pool) -> None:
    first, second = await open_checkout(pool), await open_checkout(pool)
    async with statement(pool) as tx:
        assert await update_checkout(tx, Write(replace(first, revision=2), b"first", CLAIM))
    with pytest.raises(KeyTaken):
        async with statement(pool) as tx:
            await update_checkout(tx, Write(replace(second, revision=2), b"second", CLAIM))
    async with read(pool) as db:
        stored = await load_checkout(db, "shop", PLATFORM, second.id)
        found = await load_claim(db, CLAIM)
    assert stored is not None
    assert stored.checkout.revision == 1
    assert found is not None
    assert found.reply == b"first"


async def test_only_what_is_over_expires(pool: Pool) -> None:
    checkout = await open_checkout(pool)
    async with statement(pool) as tx:
        assert await expire_checkout(tx, "shop", checkout.id) is None
        over = replace(checkout, revision=2, expires_at=datetime.now(UTC) - timedelta(seconds=1))
        assert await update_checkout(tx, Write(over, b""))
        expired = await expire_checkout(tx, "shop", checkout.id)
        assert expired is not None
        assert (expired.state, expired.revision) == (State.EXPIRED, 3)
        assert await expire_checkout(tx, "shop", checkout.id) is None
        assert not await update_checkout(tx, Write(replace(expired, revision=4), b""))


async def test_an_erased_reply_leaves_its_claim(pool: Pool) -> None:
    checkout = await open_checkout(pool)
    async with statement(pool) as tx:
        await update_checkout(tx, Write(replace(checkout, revision=2), b"private", CLAIM))
        assert await forget_replies(tx, "shop", checkout.id) == 1
        found = await load_claim(tx, CLAIM)
    assert found is not None
    assert (found.is_replied, found.reply, found.checkout_id) == (True, None, checkout.id)
