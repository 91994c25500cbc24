"""From cart to checkout: what goes over, that one is open at a time, and what becomes of the cart."""

import asyncio
import dataclasses
from collections import Counter
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.engine.carts import OTHER, cancel_cart, cart_call, convert, new_cart, update_cart
from tests.engine.driver import Errand, open_shop
from tests.engine.dying import kill, strike
from tests.engine.quoted import BERLIN, DEMO_SHOP, codes, customer_of, shipping
from tests.engine.rows import one
from tests.engine.world import (
    BUYER,
    SCOPE,
    SHOP,
    SUBSCRIBER,
    SetClock,
    call,
    cancel,
    complete,
    prices_of,
    seen,
    update,
)
from ucp_server.domain.checkout import Buyer, Checkout
from ucp_server.domain.errors import (
    CartNotFound,
    ProblemRefused,
    RevisionConflict,
)
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.lifecycle import State
from ucp_server.domain.lines import WantedLine
from ucp_server.engine.commands import CreateCart, CreateCheckout, Wanted
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.store.database import Pool, open_pool, recorded_statements


async def converted(engine: Engine, cart_id: str) -> str:
    answer = await engine.run(call(), convert(cart_id))
    assert answer.checkout_id is not None
    return answer.checkout_id


async def cart_lines(engine: Engine, cart_id: str) -> dict[str, int]:
    cart = (await engine.read_cart(SCOPE, cart_id)).cart
    return {line.item_id: line.quantity for line in cart.basket.lines}


# --- what goes over ---


@pytest.fixture
async def demo(setup: Setup, pool: Pool) -> Engine:
    customer = await customer_of(pool, DEMO_SHOP, "EUR", "DE", tax_included=True)
    merchants = {"shop": customer.merchant}
    return Engine(dataclasses.replace(setup, merchants=merchants, quoting=customer.quoting))


async def checkout_of(engine: Engine, cart: Wanted, asked: Wanted) -> Checkout:
    made = await engine.run_cart(cart_call(), CreateCart(wanted=cart))
    command = CreateCheckout(wanted=asked, cart_id=made.checkout_id, subscriber=SUBSCRIBER)
    answer = await engine.run(call(), command)
    assert answer.checkout_id is not None
    return await engine.read(SCOPE, answer.checkout_id)


NOTEBOOK = WantedLine(item_id="notebook-meadow-a5-dotted", quantity=2)
BOOK = WantedLine(item_id="book-tea-school", quantity=1)


async def test_the_cart_holds_where_the_request_says_otherwise(demo: Engine) -> None:
    cart = Wanted(
        lines=(NOTEBOOK, BOOK),
        buyer=BUYER,
        context={"country": "DE"},
        discount_codes=("hello10",),
        attribution={"source": "cart"},
        ship_to=Address(country="DE"),
    )
    asked = Wanted(
        lines=(WantedLine(item_id="book-tea-school", quantity=9),),
        buyer=Buyer(email="other@example.com"),
        context={"country": "FR"},
        discount_codes=(),
        methods=shipping(BERLIN, "de-express"),
        attribution={"source": "checkout"},
    )
    checkout = await checkout_of(demo, cart, asked)
    basket = checkout.basket
    assert [(line.id, line.item_id, line.quantity) for line in basket.lines] == [
        ("li_1", NOTEBOOK.item_id, 2),
        ("li_2", BOOK.item_id, 1),
    ]
    assert (basket.buyer, basket.context, basket.discount_codes) == (BUYER, {"country": "DE"}, ("hello10",))
    # what a cart knows nothing of, and who brought the buyer last, is the request's
    assert basket.attribution == {"source": "checkout"}
    assert [row.type for row in checkout.quote.totals] == ["subtotal", "discount", "fulfillment", "total"]
    assert (checkout.subscriber, checkout.cart_id is not None, codes(checkout.quote)) == (
        SUBSCRIBER,
        True,
        [],
    )


async def test_what_the_cart_does_not_know_is_taken_from_the_request(demo: Engine) -> None:
    asked = Wanted(lines=(), buyer=BUYER, context={"country": "DE"}, discount_codes=("hello10",))
    checkout = await checkout_of(
        demo,
        Wanted(lines=(NOTEBOOK,), attribution={"source": "cart"}, ship_to=Address(country="DE")),
        asked,
    )
    basket = checkout.basket
    assert (basket.buyer, basket.context, basket.discount_codes) == (BUYER, {"country": "DE"}, ("hello10",))
    assert basket.attribution == {"source": "cart"}
    # a place for taxes is no address to send parcels to
    assert (basket.ship_to, codes(checkout.quote)) == (None, ["fulfillment_required"])


async def test_a_release_that_refuses_a_problem_refuses_the_conversion(
    engine: Engine, setup: Setup
) -> None:
    cart_id = await new_cart(engine)
    del prices_of(setup).prices["rose"]
    with pytest.raises(ProblemRefused):
        await engine.run(call("k1", refusing=["item_unavailable"]), convert(cart_id))
    assert await one(setup.pool, "select count(*) from checkouts") == 0
    assert await one(setup.pool, "select count(*) from claims") == 0


# --- one at a time ---


async def test_the_same_cart_is_the_same_open_checkout(engine: Engine, setup: Setup) -> None:
    cart_id = await new_cart(engine, rose=2)
    first = await engine.run(call("k1", operation="create"), convert(cart_id))
    second = await engine.run(call("k2", operation="create"), convert(cart_id))
    assert (first.reply, first.replayed) == (second.reply, second.replayed)
    # the key of a request that found one is bound like any other
    again = await engine.run(call("k2", operation="create"), convert(cart_id))
    assert (again.reply, again.replayed, again.checkout_id) == (second.reply, True, first.checkout_id)
    assert await one(setup.pool, "select count(*) from checkouts") == 1
    assert (await engine.read_cart(SCOPE, cart_id)).cart.revision == 1


async def test_a_conversion_takes_one_look_and_one_statement(engine: Engine) -> None:
    cart_id = await new_cart(engine)
    with recorded_statements() as statements:
        await converted(engine, cart_id)
    assert len(statements) == 2
    with recorded_statements() as statements:
        await converted(engine, cart_id)
    assert len(statements) == 2
    with recorded_statements() as statements:
        await engine.run(call("k1", operation="create"), convert(cart_id))
    assert len(statements) == 3


async def test_after_it_is_canceled_or_over_a_new_one_is_made(engine: Engine, setup: Setup) -> None:
    cart_id = await new_cart(engine)
    first = await converted(engine, cart_id)
    await engine.run(call(), cancel(first))
    begun = datetime.now(UTC) - timedelta(seconds=SHOP.ttl_s + 1)
    second = await converted(Engine(dataclasses.replace(setup, clock=SetClock(begun))), cart_id)
    third = await converted(engine, cart_id)
    assert len({first, second, third}) == 3
    states = [(await engine.read(SCOPE, id_)).state for id_ in (first, second, third)]
    assert states == [State.CANCELED, State.EXPIRED, State.OPEN]


async def test_while_it_is_paid_it_is_still_the_one(engine: Engine) -> None:
    cart_id = await new_cart(engine)
    checkout_id = await converted(engine, cart_id)
    declined = await engine.run(call("k1"), complete(checkout_id, "lost_after_token"))
    assert seen(declined.reply)["standing"] == "in_progress"
    assert await converted(engine, cart_id) == checkout_id


async def test_the_cart_goes_with_its_order(engine: Engine) -> None:
    cart_id = await new_cart(engine)
    await engine.run(call("k1"), complete(await converted(engine, cart_id)))
    with pytest.raises(CartNotFound):
        await engine.read_cart(SCOPE, cart_id)
    with pytest.raises(CartNotFound):
        await engine.run(call("k2", operation="create"), convert(cart_id))
    for command in (update_cart(cart_id), cancel_cart(cart_id)):
        with pytest.raises(CartNotFound):
            await engine.run_cart(cart_call(), command)


async def test_a_foreign_an_unknown_and_a_canceled_cart_are_not_found(engine: Engine, setup: Setup) -> None:
    cart_id = await new_cart(engine)
    with pytest.raises(CartNotFound):
        await engine.run(call(scope=OTHER), convert(cart_id))
    await engine.run_cart(cart_call(), cancel_cart(cart_id))
    for unknown in (cart_id, "", "nonsense"):
        with pytest.raises(CartNotFound):
            await engine.run(call(), convert(unknown))
    assert await one(setup.pool, "select count(*) from checkouts") == 0


async def test_a_crowd_gets_one_checkout(engine: Engine, setup: Setup, database: str) -> None:
    """Half of it through another pool, as another process would; each with its own key."""
    carts = [await new_cart(engine, rose=n) for n in range(1, 6)]
    async with open_pool(database, size=4) as pool:
        elsewhere = Engine(dataclasses.replace(setup, pool=pool))
        crowd = [
            ((engine, elsewhere)[n % 2].run(call(f"{cart_id}-{n}", operation="create"), convert(cart_id)))
            for n in range(12)
            for cart_id in carts
        ]
        answers = await asyncio.gather(*crowd)
    by_checkout = Counter(answer.checkout_id for answer in answers)
    assert sorted(by_checkout.values()) == [12] * 5
    assert await one(setup.pool, "select count(*) from checkouts") == 5
    assert await one(setup.pool, "select count(*) from claims") == 60
    assert (
        await one(setup.pool, "select count(*) from carts c join checkouts k on k.id = c.checkout_id") == 5
    )


async def test_twins_of_a_conversion_run_once(engine: Engine, setup: Setup) -> None:
    cart_id = await new_cart(engine)
    named = call("k1", operation="create")
    answers = await asyncio.gather(*(engine.run(named, convert(cart_id)) for _ in range(12)))
    assert len({answer.reply for answer in answers}) == 1
    assert await one(setup.pool, "select count(*) from replies") == 1


# --- the cart beside its checkout ---


async def test_a_cart_that_changed_meanwhile_is_read_again(engine: Engine, setup: Setup) -> None:
    cart_id = await new_cart(engine, rose=1)
    prices = prices_of(setup)
    price_as_usual = prices.quote

    async def quote_late(*args: object, **how: object) -> object:
        prices.quote = price_as_usual
        await engine.run_cart(cart_call(), update_cart(cart_id, tulip=4))
        return await price_as_usual(*args, **how)

    prices.quote = quote_late
    checkout = await engine.read(SCOPE, await converted(engine, cart_id))
    assert [(line.item_id, line.quantity) for line in checkout.basket.lines] == [("tulip", 4)]


async def test_a_cart_that_never_stands_still_is_not_converted(engine: Engine, setup: Setup) -> None:
    cart_id = await new_cart(engine, rose=1)
    prices = prices_of(setup)
    price_as_usual = prices.quote

    async def quote_late(*args: object, **how: object) -> object:
        prices.quote = price_as_usual
        await engine.run_cart(cart_call(), update_cart(cart_id, tulip=4))
        prices.quote = quote_late
        return await price_as_usual(*args, **how)

    prices.quote = quote_late
    with pytest.raises(RevisionConflict):
        await engine.run(call("k1", operation="create"), convert(cart_id))
    assert await one(setup.pool, "select count(*) from checkouts") == 0


async def test_what_the_buyer_changes_in_the_checkout_is_found_in_the_cart(engine: Engine) -> None:
    cart_id = await new_cart(engine, rose=1)
    checkout_id = await converted(engine, cart_id)
    await engine.run(call(), update(checkout_id, rose=3, vase=1))
    assert await cart_lines(engine, cart_id) == {"rose": 3, "vase": 1}
    # not the other way round: the cart is for looking around, the checkout is being bought
    await engine.run_cart(cart_call(), update_cart(cart_id, tulip=2))
    assert (await engine.read(SCOPE, checkout_id)).quote.total_minor == 3 * 1200 + 3000
    await engine.run(call(), cancel(checkout_id))
    assert await cart_lines(engine, cart_id) == {"tulip": 2}


async def test_a_checkout_outlives_its_cart(engine: Engine) -> None:
    cart_id = await new_cart(engine)
    checkout_id = await converted(engine, cart_id)
    await engine.run_cart(cart_call(), cancel_cart(cart_id))
    changed = await engine.run(call(), update(checkout_id, rose=2))
    assert seen(changed.reply)["total"] == 2400
    done = await engine.run(call("k1"), complete(checkout_id))
    assert seen(done.reply)["standing"] == "completed"


# --- crashes ---

NEW = ("conversion.loaded", "conversion.quoted", "conversion.before_commit", "conversion.committed")
FOUND = ("conversion.before_answer", "conversion.answered")


@pytest.mark.parametrize("action", ["kill", "raise", "cancel"])
@pytest.mark.parametrize("point", [*NEW, *FOUND])
async def test_whatever_dies_the_same_request_ends_it(
    engine: Engine, forks: ForkServerContext, database: str, tmp_path: Path, point: str, action: str
) -> None:
    setup, delivery = open_shop(engine.setup.pool, tmp_path, "convert")
    cart_id = await new_cart(engine)
    before = await converted(engine, cart_id) if point in FOUND else None
    errand = Errand(database=database, folder=str(tmp_path), work="convert", checkout_id=cart_id, key="k1")
    if action == "kill":
        await kill(forks, errand, point)
    else:
        await strike(errand, setup, delivery, point, action)
    again = await engine.run(call("k1", operation="convert"), convert(cart_id))
    assert again.replayed == (point in {"conversion.committed", "conversion.answered"})
    assert before in {None, again.checkout_id}
    assert await one(setup.pool, "select count(*) from checkouts") == 1
    assert await one(setup.pool, "select count(*) from replies") == 1
    assert await one(setup.pool, "select checkout_id::text from carts") == again.checkout_id
