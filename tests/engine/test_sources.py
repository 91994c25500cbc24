"""Who may tell of payments: found by a name of their own, sealed, revoked at once."""

import pytest

from tests.engine.rows import rows
from tests.engine.shopfront import SECRET
from ucp_server.engine.sources import Sources
from ucp_server.store.database import Pool
from ucp_server.store.seal import SealBrokenError
from ucp_server.store.violations import HandleTaken


@pytest.fixture
def sources(pool: Pool) -> Sources:
    return Sources(pool, SECRET)


async def test_a_source_is_found_with_its_secret(sources: Sources, pool: Pool):
    made = await sources.register("shop", "bank", milestones=["activated"])
    assert len(made.secret) >= 43
    assert made.secret not in repr(made)
    assert await sources.find("bank") == made
    assert await sources.find("nobody") is None
    given = await sources.register("shop", "till", secret="known to both")
    assert (await sources.find("till")) == given
    assert given.secret == "known to both"
    stored = await rows(pool, "select secret_sealed from evidence_sources")
    for row in stored:
        assert made.secret.encode() not in row["secret_sealed"]
    with pytest.raises(SealBrokenError):
        await Sources(pool, b"another secret of thirty-two chars").find("bank")


async def test_a_name_is_one_source_among_all_merchants(sources: Sources):
    made = await sources.register("shop", "bank")
    for merchant_id in ("shop", "other"):
        with pytest.raises(HandleTaken):
            await sources.register(merchant_id, "bank")
    assert await sources.find("bank") == made


@pytest.mark.parametrize("id_", ["", ":orders", "a b", "Bank", "x" * 65])
async def test_no_source_is_named_like_one_of_ours(sources: Sources, id_: str):
    with pytest.raises(ValueError, match="name for a source"):
        await sources.register("shop", id_)
    assert await sources.find(id_) is None


async def test_a_revoked_source_is_not_found(sources: Sources):
    await sources.register("shop", "bank")
    assert not await sources.revoke("other", "bank")
    assert await sources.revoke("shop", "bank")
    assert not await sources.revoke("shop", "bank")
    assert await sources.find("bank") is None
    with pytest.raises(HandleTaken):
        await sources.register("shop", "bank")
    (listed,) = await sources.listed("shop")
    assert listed.revoked_at is not None
