import msgspec
import pytest
from joserfc.jwk import ECKey

from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store.database import Pool, open_pool, statement
from ucp_server.ucp.signing_keys import SigningKeys

SECRET = b"a secret of thirty-two characters"


@pytest.fixture
def keys(pool: Pool) -> SigningKeys:
    return SigningKeys(pool, SECRET)


async def test_a_merchant_without_a_key_gets_one_and_keeps_it(keys: SigningKeys):
    assert await keys.published("demo") == ()
    assert await keys.signer("demo") is None
    await keys.ensure("demo")
    await keys.ensure("demo")
    fresh = SigningKeys(keys._pool, SECRET)
    (public,) = await fresh.published("demo")
    assert (public["kty"], public["crv"], public["use"], public["alg"]) == ("EC", "P-256", "sig", "ES256")
    assert "d" not in public
    signer = await fresh.signer("demo")
    assert isinstance(signer, ECKey)
    assert signer.kid == public["kid"] == signer.thumbprint()
    assert await fresh.published("other") == ()


async def test_a_new_key_is_published_before_it_signs(keys: SigningKeys):
    await keys.ensure("demo")
    old = (await SigningKeys(keys._pool, SECRET).signer("demo")).kid
    new = await keys.rotate("demo")
    assert {key["kid"] for key in await keys.published("demo")} == {old, new}
    assert (await keys.signer("demo")).kid == old


async def test_the_old_key_stays_published_when_the_new_one_signs(keys: SigningKeys):
    await keys.ensure("demo")
    old = (await SigningKeys(keys._pool, SECRET).signer("demo")).kid
    new = await keys.rotate("demo", signs_in_s=0)
    assert (await keys.signer("demo")).kid == new
    assert {key["kid"] for key in await keys.published("demo")} == {old, new}


async def test_a_key_that_is_long_retired_is_no_longer_published(keys: SigningKeys, pool: Pool):
    await keys.ensure("demo")
    new = await keys.rotate("demo", signs_in_s=0)
    async with statement(pool) as tx:
        await tx.execute(
            "UPDATE signing_keys SET retired_at = now() - interval '8 days' WHERE kid <> $1", new
        )
    fresh = SigningKeys(pool, SECRET)
    assert [key["kid"] for key in await fresh.published("demo")] == [new]


async def test_a_leaked_key_is_gone_at_once(keys: SigningKeys):
    await keys.ensure("demo")
    (public,) = await keys.published("demo")
    assert await keys.retire("demo", public["kid"])
    assert not await keys.retire("demo", public["kid"])
    assert await keys.published("demo") == ()


async def test_the_private_half_is_nowhere_in_the_clear(keys: SigningKeys, pool: Pool):
    await keys.ensure("demo")
    signer = await keys.signer("demo")
    private = signer.as_dict(private=True)["d"].encode()
    (stored,) = await keys.stored("demo")
    assert private not in stored.private_sealed + stored.public_jwk


async def test_a_store_that_does_not_answer_costs_nothing_that_was_known(database: str):
    async with open_pool(database, size=2) as pool:
        keys = SigningKeys(pool, SECRET)
        await keys.ensure("demo")
        known = await keys.published("demo")
    keys._known = {name: msgspec.structs.replace(entry, until_s=0.0) for name, entry in keys._known.items()}
    assert await keys.published("demo") == known
    with pytest.raises(StoreUnavailable):
        await keys.published("other")
