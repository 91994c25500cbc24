"""Codes: whoever changes one character of one, or signs for us, is not believed."""

import asyncio
import random
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.engine.rows import one, rows
from tests.engine.shopfront import ISSUER, SECRET, TEN_PER_CENT
from tests.engine.world import SetClock
from ucp_server.domain.attribution import Offer
from ucp_server.domain.codes import encode_payload, join, split
from ucp_server.domain.money import Money
from ucp_server.engine.codes import CODE_TTL_S, Codes, Issuer, NotVerified, Verified
from ucp_server.store.database import Pool
from ucp_server.store.seal import SealBrokenError

OFFER = Offer(
    id="offer-1",
    merchant_id="shop",
    item_id="rose",
    vertical="sim",
    provider="Harbour",
    name="60 GB, monthly",
    price=Money(1800, "GBP"),
    commission=TEN_PER_CENT,
)


@pytest.fixture
def codes(pool: Pool) -> Codes:
    return Codes(pool, SECRET, ISSUER)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


async def test_what_was_issued_verifies_here_and_in_other_processes_and_by_the_public_key(
    codes: Codes, clock: SetClock, pool: Pool
):
    code = await codes.issue(OFFER, clock.now())
    assert (code.expires_at - clock.now()).total_seconds() == CODE_TTL_S
    assert await codes.verify(code.text, clock.now()) == Verified(code.payload)
    assert await Codes(pool, SECRET, ISSUER).verify(code.text, clock.now()) == Verified(code.payload)
    (key,) = await codes.public_keys()
    public = load_pem_public_key(key.pem.encode())
    assert isinstance(public, Ed25519PublicKey)
    payload, signature = split(ISSUER.prefix, code.text)
    public.verify(signature, payload)


async def test_no_changed_character_goes_unnoticed(codes: Codes, clock: SetClock):
    text = (await codes.issue(OFFER, clock.now())).text
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=/"
    dice = random.Random(7)
    for position in range(len(text)):
        changed = dice.choice([c for c in alphabet if c != text[position]])
        forged = text[:position] + changed + text[position + 1 :]
        assert isinstance(await codes.verify(forged, clock.now()), NotVerified), position
    for cut in range(1, 90):
        assert isinstance(await codes.verify(text[:-cut], clock.now()), NotVerified)


async def test_a_better_price_under_an_old_signature_is_refused(codes: Codes, clock: SetClock):
    code = await codes.issue(OFFER, clock.now())
    _, signature = split(ISSUER.prefix, code.text)
    better = encode_payload(msgspec.structs.replace(code.payload, merchant_id="theirs"))
    forged = join(ISSUER.prefix, better, signature)
    assert await codes.verify(forged, clock.now()) == NotVerified("bad_signature")


async def test_a_stranger_who_signs_is_refused(codes: Codes, clock: SetClock):
    code = await codes.issue(OFFER, clock.now())
    raw, _ = split(ISSUER.prefix, code.text)
    theirs = join(ISSUER.prefix, raw, Ed25519PrivateKey.generate().sign(raw))
    assert await codes.verify(theirs, clock.now()) == NotVerified("bad_signature")


async def test_a_code_of_another_issuer_or_of_before_our_time_is_refused(
    codes: Codes, clock: SetClock, pool: Pool
):
    other = Codes(pool, SECRET, Issuer(name="other.test", prefix=ISSUER.prefix))
    foreign = (await other.issue(OFFER, clock.now())).text
    assert await codes.verify(foreign, clock.now()) == NotVerified("foreign_issuer")
    code = await codes.issue(OFFER, clock.now())
    for when_s in (0, -(2**62), 2**62):
        raw = encode_payload(msgspec.structs.replace(code.payload, issued_at_s=when_s))
        forged = join(ISSUER.prefix, raw, bytes(64))
        assert await codes.verify(forged, clock.now()) == NotVerified("unknown_key")


async def test_a_code_ends(codes: Codes, clock: SetClock):
    code = await codes.issue(OFFER, clock.now())
    last = code.expires_at - timedelta(seconds=1)
    assert isinstance(await codes.verify(code.text, last), Verified)
    assert await codes.verify(code.text, code.expires_at) == NotVerified("expired")


async def test_a_key_is_changed_without_an_outage(codes: Codes, clock: SetClock, pool: Pool):
    before = await codes.issue(OFFER, clock.now())
    await codes.rotate(signs_in_s=600)
    assert len(await codes.public_keys()) == 2
    clock.at += timedelta(seconds=700)
    after = await codes.issue(OFFER, clock.now())
    for code in (before, after):
        assert isinstance(await codes.verify(code.text, clock.now()), Verified)
    newest, oldest = await codes.public_keys()
    assert newest.retired_at is None
    assert oldest.retired_at == newest.signs_from
    public = load_pem_public_key(newest.pem.encode())
    assert isinstance(public, Ed25519PublicKey)
    payload, signature = split(ISSUER.prefix, after.text)
    public.verify(signature, payload)

    # A key that is taken out takes its codes with it.
    assert await codes.retire(oldest.kid)
    assert not await codes.retire(oldest.kid)
    assert await codes.verify(before.text, clock.now()) == NotVerified("unknown_key")
    assert await Codes(pool, SECRET, ISSUER).verify(before.text, clock.now()) == NotVerified("unknown_key")


async def test_after_the_key_in_use_was_taken_out_another_one_signs(
    codes: Codes, clock: SetClock, pool: Pool
):
    await codes.issue(OFFER, clock.now())
    leaked = await codes.rotate(signs_in_s=0)
    clock.at += timedelta(seconds=120)
    await codes.issue(OFFER, clock.now())
    assert await codes.retire(leaked)
    several = [codes, Codes(pool, SECRET, ISSUER), Codes(pool, SECRET, ISSUER)]
    issued = await asyncio.gather(*(one_.issue(OFFER, clock.now()) for one_ in several))
    for code in issued:
        assert isinstance(await Codes(pool, SECRET, ISSUER).verify(code.text, clock.now()), Verified)
    signing = [key for key in await codes.public_keys() if key.retired_at is None]
    assert leaked not in {key.kid for key in signing}
    assert signing


async def test_a_key_signs_for_a_year(codes: Codes, clock: SetClock):
    assert await codes.keep_fresh(clock.now()) == 0
    await codes.issue(OFFER, clock.now())
    clock.at += timedelta(days=364)
    assert await codes.keep_fresh(clock.now()) == 0
    clock.at += timedelta(days=1)
    assert await codes.keep_fresh(clock.now()) == 1
    assert len(await codes.public_keys()) == 2


async def test_processes_that_begin_at_once_agree_on_a_key(clock: SetClock, pool: Pool):
    several = [Codes(pool, SECRET, ISSUER) for _ in range(4)]
    issued = await asyncio.gather(*(codes.issue(OFFER, clock.now()) for codes in several))
    for codes in several:
        assert len(await codes.public_keys()) == 1
        for code in issued:
            assert isinstance(await codes.verify(code.text, clock.now()), Verified)


async def test_keys_are_sealed(codes: Codes, clock: SetClock, pool: Pool):
    await codes.issue(OFFER, clock.now())
    (row,) = await rows(pool, "select merchant_id, private_sealed, public_jwk from signing_keys")
    assert row["merchant_id"] == "@network"
    assert b"OKP" in row["public_jwk"]
    assert len(row["private_sealed"]) > 32
    with pytest.raises(SealBrokenError):
        await Codes(pool, b"another secret of thirty-two chars", ISSUER).issue(OFFER, clock.now())
    assert await one(pool, "select count(*) from signing_keys") == 1
