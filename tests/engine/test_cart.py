"""Carts through the engine's front: what is told, what is refused, and that a key runs once."""

import asyncio
import dataclasses
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

import msgspec
import pytest

from tests.engine.carts import OTHER, cancel_cart, cart_call, create_cart, new_cart, update_cart
from tests.engine.driver import Errand
from tests.engine.dying import kill
from tests.engine.quoted import AT, SHOPS, Customer, bill, codes, customer_of
from tests.engine.rows import one
from tests.engine.world import BUYER, SCOPE, SHOP, SetClock, prices_of, seen
from ucp_server.domain.cart import PricedCart
from ucp_server.domain.errors import (
    CartNotFound,
    KeyReused,
    ProblemRefused,
    RevisionConflict,
    StoreUnavailable,
)
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.lines import WantedLine
from ucp_server.domain.quote import Quote
from ucp_server.engine.commands import CartCommand, CreateCart, Key, Wanted
from ucp_server.engine.faults import armed
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.store.database import Pool, recorded_statements
from ucp_server.store.ids import new_id
from ucp_server.worker import trim


async def test_a_cart_is_created_read_replaced_and_canceled(engine: Engine) -> None:
    cart_id = await new_cart(engine, rose=2)
    priced = await engine.read_cart(SCOPE, cart_id)
    assert (priced.cart.revision, priced.quote.total_minor, priced.cart.basket.buyer) == (1, 2400, BUYER)
    changed = await engine.run_cart(cart_call(), update_cart(cart_id, tulip=3))
    assert seen(changed.reply) == {
        "id": cart_id,
        "revision": 2,
        "lines": {"tulip": 3},
        "total": 1500,
        "problems": [],
    }
    canceled = await engine.run_cart(cart_call(), cancel_cart(cart_id))
    assert canceled.reply == changed.reply
    for command in (update_cart(cart_id), cancel_cart(cart_id)):
        with pytest.raises(CartNotFound):
            await engine.run_cart(cart_call(), command)
    with pytest.raises(CartNotFound):
        await engine.read_cart(SCOPE, cart_id)


async def test_a_cart_is_shown_at_todays_prices(engine: Engine, setup: Setup) -> None:
    cart_id = await new_cart(engine, rose=2)
    prices_of(setup).prices["rose"] = 1300
    assert (await engine.read_cart(SCOPE, cart_id)).quote.total_minor == 2600
    del prices_of(setup).prices["rose"]
    priced = await engine.read_cart(SCOPE, cart_id)
    assert codes(priced.quote) == ["item_unavailable"]
    # it stays the buyer's: they may want it when it is back
    canceled = await engine.run_cart(cart_call(), cancel_cart(cart_id))
    assert seen(canceled.reply)["problems"] == ["item_unavailable"]


async def test_writes_take_one_statement_and_what_must_be_read_one_more(engine: Engine) -> None:
    with recorded_statements() as statements:
        cart_id = await new_cart(engine)
    assert len(statements) == 1
    for command in (update_cart(cart_id), cancel_cart(cart_id)):
        with recorded_statements() as statements:
            await engine.run_cart(cart_call("k1", operation=type(command).__name__), command)
        assert len(statements) == 2


async def test_an_empty_cart_is_a_cart(engine: Engine) -> None:
    answer = await engine.run_cart(cart_call(), CreateCart(wanted=Wanted(lines=())))
    assert (seen(answer.reply)["lines"], seen(answer.reply)["problems"]) == ({}, [])


async def test_a_cart_of_nothing_that_can_be_had_is_refused_and_leaves_nothing(
    engine: Engine, setup: Setup
) -> None:
    with pytest.raises(ProblemRefused) as refused:
        await engine.run_cart(cart_call("k1"), create_cart(unicorn=1, dragon=2))
    assert refused.value.problem.code == "item_unavailable"
    for table in ("carts", "claims", "replies"):
        assert await one(setup.pool, f"select count(*) from {table}") == 0
    answer = await engine.run_cart(cart_call("k1"), create_cart(unicorn=1, rose=1))
    assert seen(answer.reply)["problems"] == ["item_unavailable"]
    # a cart that is there may lose all that it had; it is told, and can be mended
    assert answer.checkout_id is not None
    lost = await engine.run_cart(cart_call(), update_cart(answer.checkout_id, unicorn=1))
    assert seen(lost.reply)["problems"] == ["item_unavailable"]


@pytest.mark.parametrize("operation", ["create", "update", "cancel"])
async def test_a_repeated_request_gets_the_first_reply(engine: Engine, operation: str) -> None:
    cart_id = await new_cart(engine)
    commands: dict[str, CartCommand] = {
        "create": create_cart(rose=3),
        "update": update_cart(cart_id, rose=3),
        "cancel": cancel_cart(cart_id),
    }
    named = cart_call("k1", operation=operation)
    first = await engine.run_cart(named, commands[operation])
    second = await engine.run_cart(named, commands[operation])
    assert (first.replayed, second.replayed) == (False, True)
    assert (first.reply, first.checkout_id) == (second.reply, second.checkout_id)
    assert await engine.replay(SCOPE, Key(operation=operation, key="k1", fingerprint=b"same")) == second
    with pytest.raises(KeyReused):
        await engine.run_cart(cart_call("k1", operation=operation, fingerprint=b"x"), commands[operation])


@pytest.mark.parametrize("operation", ["create", "update", "cancel"])
async def test_twins_run_once(engine: Engine, setup: Setup, operation: str) -> None:
    cart_id = await new_cart(engine)
    commands: dict[str, CartCommand] = {
        "create": create_cart(rose=3),
        "update": update_cart(cart_id, rose=3),
        "cancel": cancel_cart(cart_id),
    }
    named = cart_call("k1", operation=operation)
    answers = await asyncio.gather(*(engine.run_cart(named, commands[operation]) for _ in range(12)))
    assert len({answer.reply for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    left = {"create": 2, "update": 1, "cancel": 0}
    assert await one(setup.pool, "select count(*) from carts") == left[operation]


async def test_changes_at_once_come_one_after_the_other(engine: Engine) -> None:
    cart_id = await new_cart(engine)
    answers = await asyncio.gather(
        *(engine.run_cart(cart_call(f"k{n}"), update_cart(cart_id, rose=n)) for n in (1, 2, 3))
    )
    assert sorted(seen(answer.reply)["revision"] for answer in answers) == [2, 3, 4]


async def test_who_loses_too_often_is_told_to_come_back(engine: Engine, setup: Setup) -> None:
    cart_id = await new_cart(engine)
    prices = prices_of(setup)
    price_as_usual = prices.quote

    async def quote_late(*args: object, **how: object) -> object:
        prices.quote = price_as_usual
        await engine.run_cart(cart_call(), update_cart(cart_id, tulip=1))
        prices.quote = quote_late
        return await price_as_usual(*args, **how)

    prices.quote = quote_late
    with pytest.raises(RevisionConflict):
        await engine.run_cart(cart_call("k1"), update_cart(cart_id, rose=1))
    assert await one(setup.pool, "select count(*) from claims") == 0


@pytest.mark.parametrize("cart_id", [new_id(), "nonsense", "", "a\0b"], ids=["new", "word", "empty", "nul"])
async def test_an_unknown_cart_is_not_found(engine: Engine, cart_id: str) -> None:
    with pytest.raises(CartNotFound):
        await engine.read_cart(SCOPE, cart_id)
    for command in (update_cart(cart_id), cancel_cart(cart_id)):
        with pytest.raises(CartNotFound) as refused:
            await engine.run_cart(cart_call("k1"), command)
        assert refused.value.cart_id == cart_id


async def test_a_foreign_cart_looks_like_an_unknown_one(engine: Engine) -> None:
    cart_id = await new_cart(engine)
    with pytest.raises(CartNotFound):
        await engine.read_cart(OTHER, cart_id)
    for command in (update_cart(cart_id), cancel_cart(cart_id)):
        with pytest.raises(CartNotFound):
            await engine.run_cart(cart_call(scope=OTHER), command)
    assert (await engine.read_cart(SCOPE, cart_id)).cart.revision == 1


async def test_only_its_link_opens_a_cart_for_the_buyer(engine: Engine) -> None:
    cart_id = await new_cart(engine)
    token = (await engine.read_cart(SCOPE, cart_id)).cart.link_token
    assert (await engine.read_cart_by_link("shop", cart_id, token)).cart.id == cart_id
    for wrong in ("", "x" * 22, token[:-1]):
        with pytest.raises(CartNotFound):
            await engine.read_cart_by_link("shop", cart_id, wrong)


async def test_a_cart_is_kept_from_its_last_change_on(engine: Engine, setup: Setup) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=SHOP.cart_ttl_s - 60)
    cart_id = await new_cart(Engine(dataclasses.replace(setup, clock=SetClock(begun))))
    assert (await engine.read_cart(SCOPE, cart_id)).cart.expires_at < datetime.now(UTC) + timedelta(hours=1)
    await engine.run_cart(cart_call(), update_cart(cart_id))
    assert (await engine.read_cart(SCOPE, cart_id)).cart.expires_at > datetime.now(UTC) + timedelta(days=6)


async def test_a_cart_that_is_over_is_not_found_and_then_removed(engine: Engine, setup: Setup) -> None:
    then = datetime.now(UTC) - timedelta(seconds=SHOP.cart_ttl_s + 1)
    cart_id = await new_cart(Engine(dataclasses.replace(setup, clock=SetClock(then))))
    with pytest.raises(CartNotFound):
        await engine.read_cart(SCOPE, cart_id)
    with pytest.raises(CartNotFound):
        await engine.run_cart(cart_call(), update_cart(cart_id))
    await trim.run_once(setup.pool, setup.clock)
    assert await one(setup.pool, "select count(*) from carts") == 0


CHANGES = ("update", "cancel")
PASSES = (
    *(("cart.loaded", operation) for operation in CHANGES),
    *(("cart.estimated", operation) for operation in ("create", *CHANGES)),
    *(("cart.before_commit", operation) for operation in ("create", *CHANGES)),
    *(("cart.committed", operation) for operation in ("create", *CHANGES)),
)


@pytest.mark.parametrize("action", ["raise", "cancel"])
@pytest.mark.parametrize(("point", "operation"), PASSES)
async def test_whatever_dies_the_same_request_ends_it(
    engine: Engine, setup: Setup, operation: str, point: str, action: str
) -> None:
    cart_id = await new_cart(engine)
    commands: dict[str, CartCommand] = {
        "create": create_cart(rose=3),
        "update": update_cart(cart_id, rose=3),
        "cancel": cancel_cart(cart_id),
    }
    named = cart_call("k1", operation=operation)
    with armed(f"{point}={action}") as struck:
        with suppress(StoreUnavailable, asyncio.CancelledError):
            await engine.run_cart(named, commands[operation])
        assert struck == [point]
    again = await engine.run_cart(named, commands[operation])
    assert again.replayed == (point == "cart.committed")
    assert seen(again.reply)["revision"] == {"create": 1, "update": 2, "cancel": 1}[operation]
    left = {"create": 2, "update": 1, "cancel": 0}
    assert await one(setup.pool, "select count(*) from carts") == left[operation]
    assert await one(setup.pool, "select count(*) from replies") == 1


@pytest.mark.parametrize("point", [point for point, operation in PASSES if operation == "update"])
async def test_a_killed_change_is_ended_by_the_same_request(
    engine: Engine, forks: ForkServerContext, database: str, tmp_path: Path, point: str
) -> None:
    cart_id = await new_cart(engine)
    errand = Errand(
        database=database, folder=str(tmp_path), work="change cart", checkout_id=cart_id, key="k1"
    )
    await kill(forks, errand, point)
    again = await engine.run_cart(cart_call("k1", operation="change cart"), update_cart(cart_id, rose=2))
    assert (again.replayed, seen(again.reply)["revision"]) == (point == "cart.committed", 2)


# --- estimates, over a shop with taxes, rates and discounts ---


class Shopper:
    """Somebody who fills one cart in a real shop."""

    def __init__(self, setup: Setup, customer: Customer) -> None:
        merchants = {"shop": customer.merchant}
        self.engine = Engine(
            dataclasses.replace(setup, merchants=merchants, quoting=customer.quoting, clock=SetClock(AT))
        )
        self.priced: list[Quote] = []

    async def wants(self, *items: str | tuple[str, int], **more: object) -> Quote:
        pairs = [(item, 1) if isinstance(item, str) else item for item in items]
        lines = tuple(WantedLine(item_id=item, quantity=n) for item, n in pairs)
        call = msgspec.structs.replace(cart_call(), render=self._render)
        await self.engine.run_cart(call, CreateCart(wanted=Wanted(lines=lines, **more)))
        return self.priced[-1]

    def _render(self, priced: PricedCart) -> bytes:
        self.priced.append(priced.quote)
        return b""


@pytest.fixture
async def shopper(setup: Setup, pool: Pool) -> Shopper:
    merchant = {"required_buyer_fields": ("email",), "escalate_above_minor": 100_000}
    return Shopper(setup, await customer_of(pool, SHOPS / "second_shop", **merchant))


async def test_an_estimate_asks_for_nothing_that_only_an_order_needs(shopper: Shopper) -> None:
    quote = await shopper.wants("lamp", "mug")
    assert (codes(quote), quote.methods) == ([], None)
    assert bill(quote) == {"subtotal": 131390, "total": 131390}


async def test_taxes_are_estimated_where_the_place_is_known(shopper: Shopper) -> None:
    new_york = Address(country="US", region="NY")
    quote = await shopper.wants("mug", "apron", ship_to=new_york, discount_codes=("KITCHEN15",))
    assert bill(quote)["tax"] == round((1490 - 224) * 0.08875)
    assert "fulfillment" not in bill(quote)
    assert quote.methods is None


async def test_a_place_nobody_delivers_to_is_no_matter_yet(shopper: Shopper) -> None:
    quote = await shopper.wants("mug", ship_to=Address(country="FR"))
    assert (codes(quote), bill(quote)["total"]) == ([], 1490)


async def test_short_lines_and_rejected_codes_are_told(shopper: Shopper) -> None:
    quote = await shopper.wants(("apron", 9), "saw", discount_codes=("NOSUCH",))
    assert codes(quote) == [
        "quantity_invalid_limit_exceeded",
        "out_of_stock",
        "out_of_stock",
        "discount_code_invalid",
    ]
