"""Rows of carts: what each conditional write does and does not touch, and who may convert."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tests.store.test_attempts import PLATFORM, open_checkout
from ucp_server.domain.cart import Cart
from ucp_server.domain.checkout import Basket, Buyer, Checkout, Line
from ucp_server.domain.lifecycle import State
from ucp_server.store.carts import (
    CartWrite,
    StoredCart,
    delete_cart,
    delete_expired_carts,
    insert_cart,
    load_cart,
    update_cart,
)
from ucp_server.store.checkouts import (
    Source,
    Write,
    insert_checkout_of_cart,
    load_checkout,
    update_checkout,
)
from ucp_server.store.claims import Claim, claim_answer, load_claim
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.ids import new_id
from ucp_server.store.violations import KeyTaken, RowExists

CLAIM = Claim("shop", PLATFORM, "cart", "k1", b"fingerprint")
ROSE = Line(id="li_1", item_id="rose", quantity=2)
TULIP = Line(id="li_2", item_id="tulip", quantity=1)


async def new_cart(pool: Pool, *, lives_s: float = 3600) -> Cart:
    now = datetime.now(UTC)
    cart = Cart(
        id=new_id(),
        merchant_id="shop",
        platform_id=PLATFORM,
        revision=1,
        basket=Basket(lines=(ROSE,), lines_made=1, buyer=Buyer(email="ada@example.com")),
        link_token="token",
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=lives_s),
    )
    async with statement(pool) as tx:
        await insert_cart(tx, CartWrite(cart, b"created"))
    return cart


async def stored(pool: Pool, cart: Cart) -> StoredCart | None:
    async with read(pool) as db:
        return await load_cart(db, "shop", cart.id, platform_id=PLATFORM)


async def checkout_for(pool: Pool, cart: Cart) -> Checkout:
    """One that is not in the store yet."""
    basket = Basket(lines=cart.basket.lines, lines_made=cart.basket.lines_made)
    return replace(await open_checkout(pool), id=new_id(), cart_id=cart.id, basket=basket)


async def converted(pool: Pool, cart: Cart) -> Checkout:
    checkout = await checkout_for(pool, cart)
    async with statement(pool) as tx:
        assert await insert_checkout_of_cart(tx, Write(checkout, b""), Source(cart.id, cart.revision, None))
    return checkout


async def test_what_is_written_is_read_back_by_its_platform(pool: Pool) -> None:
    cart = await new_cart(pool)
    assert await stored(pool, cart) == StoredCart(cart, None)
    async with read(pool) as db:
        assert await load_cart(db, "shop", cart.id, platform_id=None) == StoredCart(cart, None)
        assert await load_cart(db, "shop", cart.id, platform_id="https://other.example") is None
        assert await load_cart(db, "other", cart.id, platform_id=PLATFORM) is None


async def test_the_same_row_twice_is_noticed(pool: Pool) -> None:
    cart = await new_cart(pool)
    with pytest.raises(RowExists):
        async with statement(pool) as tx:
            await insert_cart(tx, CartWrite(cart, b""))


async def test_a_lost_revision_writes_neither_cart_nor_claim(pool: Pool) -> None:
    cart = await new_cart(pool)
    async with statement(pool) as tx:
        assert not await update_cart(tx, CartWrite(replace(cart, revision=3), b"reply", CLAIM))
        assert not await delete_cart(tx, CartWrite(replace(cart, revision=2), b"reply", CLAIM))
        assert await load_claim(tx, CLAIM) is None
        assert await update_cart(tx, CartWrite(replace(cart, revision=2), b"reply", CLAIM))
        found = await load_claim(tx, CLAIM)
    assert found is not None
    assert (found.reply, found.checkout_id) == (b"reply", cart.id)


async def test_a_taken_key_undoes_the_write(pool: Pool) -> None:
    cart = await new_cart(pool)
    async with statement(pool) as tx:
        await claim_answer(tx, CLAIM, cart.id, b"first")
    for write, revision in ((update_cart, 2), (delete_cart, 1)):
        with pytest.raises(KeyTaken):
            async with statement(pool) as tx:
                await write(tx, CartWrite(replace(cart, revision=revision), b"second", CLAIM))
    with pytest.raises(KeyTaken):
        async with statement(pool) as tx:
            await claim_answer(tx, CLAIM, cart.id, b"second")
    assert await stored(pool, cart) == StoredCart(cart, None)


async def test_what_is_over_or_removed_is_not_found_and_not_written(pool: Pool) -> None:
    over, kept = await new_cart(pool, lives_s=-1), await new_cart(pool)
    async with statement(pool) as tx:
        assert not await update_cart(tx, CartWrite(replace(over, revision=2), b""))
        assert not await delete_cart(tx, CartWrite(over, b""))
        assert await delete_cart(tx, CartWrite(kept, b"last", CLAIM))
        assert not await delete_cart(tx, CartWrite(kept, b"last"))
    assert await stored(pool, over) is None
    assert await stored(pool, kept) is None


async def test_carts_that_are_over_are_removed_a_few_at_a_time(pool: Pool) -> None:
    for _ in range(3):
        await new_cart(pool, lives_s=-1)
    kept = await new_cart(pool)
    async with statement(pool) as tx:
        removed = [await delete_expired_carts(tx, datetime.now(UTC), 2) for _ in range(3)]
    assert removed == [2, 1, 0]
    assert await stored(pool, kept) is not None


async def test_of_many_conversions_one_is_written(pool: Pool) -> None:
    cart = await new_cart(pool)
    checkouts = [await checkout_for(pool, cart) for _ in range(8)]

    async def convert(n: int) -> bool:
        claim = replace_key(f"k{n}")
        async with statement(pool) as tx:
            return await insert_checkout_of_cart(
                tx, Write(checkouts[n], b"", claim), Source(cart.id, 1, None)
            )

    won = await asyncio.gather(*(convert(n) for n in range(8)))
    assert won.count(True) == 1
    winner = checkouts[won.index(True)]
    assert await stored(pool, cart) == StoredCart(cart, winner.id)
    async with read(pool) as db:
        found = [await load_checkout(db, "shop", PLATFORM, checkout.id) for checkout in checkouts]
        claims = [await load_claim(db, replace_key(f"k{n}")) for n in range(8)]
    assert [one is not None for one in found] == won
    assert [one is not None for one in claims] == won


def replace_key(key: str) -> Claim:
    return Claim("shop", PLATFORM, "create", key, b"fingerprint")


async def test_a_conversion_names_the_revision_and_the_checkout_before_it(pool: Pool) -> None:
    cart = await new_cart(pool)
    first = await converted(pool, cart)
    for source in (Source(cart.id, 1, None), Source(cart.id, 2, first.id), Source(new_id(), 1, first.id)):
        checkout = await checkout_for(pool, cart)
        async with statement(pool) as tx:
            assert not await insert_checkout_of_cart(tx, Write(checkout, b""), source)
    second = await checkout_for(pool, cart)
    async with statement(pool) as tx:
        assert await insert_checkout_of_cart(tx, Write(second, b""), Source(cart.id, 1, first.id))
    assert await stored(pool, cart) == StoredCart(cart, second.id)


async def test_a_cart_that_was_sold_after_it_was_read_is_left_as_it_is(pool: Pool) -> None:
    cart = await new_cart(pool)
    first, second = await converted(pool, cart), await checkout_for(pool, cart)
    changed = CartWrite(replace(cart, revision=2), b"changed")
    async with statement(pool) as tx:
        await tx.execute("update checkouts set state = 'completed' where id = $1", first.id)
    async with statement(pool) as tx:
        source = Source(cart.id, cart.revision, first.id)
        assert not await insert_checkout_of_cart(tx, Write(second, b""), source)
        assert not await update_cart(tx, changed)
        assert not await delete_cart(tx, CartWrite(cart, b"canceled"))
    async with read(pool) as db:
        assert await load_checkout(db, "shop", PLATFORM, second.id) is None


async def test_a_foreign_cart_is_not_converted(pool: Pool) -> None:
    cart = await new_cart(pool)
    foreign = replace(await checkout_for(pool, cart), platform_id="https://other.example")
    async with statement(pool) as tx:
        assert not await insert_checkout_of_cart(tx, Write(foreign, b""), Source(cart.id, 1, None))


async def test_a_taken_key_undoes_the_link_too(pool: Pool) -> None:
    cart = await new_cart(pool)
    checkout = await checkout_for(pool, cart)
    async with statement(pool) as tx:
        await claim_answer(tx, CLAIM, cart.id, b"first")
    with pytest.raises(KeyTaken):
        async with statement(pool) as tx:
            await insert_checkout_of_cart(tx, Write(checkout, b"", CLAIM), Source(cart.id, 1, None))
    assert await stored(pool, cart) == StoredCart(cart, None)


async def test_what_changes_in_the_checkout_changes_in_its_cart(pool: Pool) -> None:
    cart = await new_cart(pool)
    checkout = await converted(pool, cart)
    basket = Basket(lines=(replace(ROSE, quantity=5), TULIP), lines_made=2)
    async with statement(pool) as tx:
        assert await update_checkout(
            tx, Write(replace(checkout, revision=2, basket=basket), b"", lines_changed=True)
        )
    reflected = replace(cart.basket, lines=basket.lines, lines_made=2)
    after = replace(cart, revision=2, basket=reflected)
    assert await stored(pool, cart) == StoredCart(after, checkout.id)
    # whoever read the cart before has to look again
    async with statement(pool) as tx:
        assert not await update_cart(tx, CartWrite(replace(cart, revision=2), b""))


async def test_a_checkout_that_has_a_successor_no_longer_changes_the_cart(pool: Pool) -> None:
    cart = await new_cart(pool)
    first = await converted(pool, cart)
    second = await checkout_for(pool, cart)
    async with statement(pool) as tx:
        assert await insert_checkout_of_cart(tx, Write(second, b""), Source(cart.id, 1, first.id))
        late = replace(first, revision=2, basket=Basket(lines=(TULIP,), lines_made=2))
        assert await update_checkout(tx, Write(late, b"", lines_changed=True))
    assert await stored(pool, cart) == StoredCart(cart, second.id)


async def test_the_cart_goes_with_its_order(pool: Pool) -> None:
    cart = await new_cart(pool)
    checkout = await converted(pool, cart)
    async with statement(pool) as tx:
        await update_checkout(tx, Write(replace(checkout, revision=2, state=State.COMPLETED), b""))
    assert await stored(pool, cart) is None
