"""Carts and their checkouts in any order of events, held against a model of a few facts."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.engine.carts import OTHER, cancel_cart, cart_call, convert, create_cart, update_cart
from tests.engine.world import SCOPE, call, cancel, complete, make_setup, update
from ucp_server.domain.cart import PricedCart
from ucp_server.domain.errors import CartNotFound, ProblemRefused, WrongState
from ucp_server.domain.lifecycle import State
from ucp_server.engine.commands import Answer, Scope
from ucp_server.engine.runner import Engine
from ucp_server.store.database import Pool, open_pool

T = TypeVar("T")
Basket = Mapping[str, int]

BASKETS = st.dictionaries(
    st.sampled_from(["rose", "tulip", "vase", "unicorn"]), st.integers(1, 5), min_size=1, max_size=3
)
SCOPES = st.sampled_from([SCOPE, OTHER])


@dataclass
class CheckoutModel:
    cart_id: str
    state: State = State.OPEN


@dataclass
class CartModel:
    lines: dict[str, int]
    is_there: bool = True
    checkout_id: str | None = None


class CartMachine(RuleBasedStateMachine):
    """All examples share one shop; each knows only of its own carts."""

    runner: ClassVar[asyncio.Runner]
    engine: ClassVar[Engine]
    pool: ClassVar[Pool]

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.carts: dict[str, CartModel] = {}
        self.checkouts: dict[str, CheckoutModel] = {}

    def now(self, work: Awaitable[T]) -> T:
        async def do() -> T:
            return await work

        return self.runner.run(do())

    def is_found(self, cart_id: str, scope: Scope) -> bool:
        return self.carts[cart_id].is_there and scope == SCOPE

    @rule(target=ids, lines=BASKETS)
    def create(self, lines: Basket) -> Any:
        work = self.engine.run_cart(cart_call(), create_cart(**lines))
        if set(lines) == {"unicorn"}:
            with pytest.raises(ProblemRefused):
                self.now(work)
            return multiple()
        answer = self.now(work)
        assert answer.checkout_id is not None
        self.carts[answer.checkout_id] = CartModel(dict(lines))
        return answer.checkout_id

    @rule(cart_id=ids, lines=BASKETS, scope=SCOPES)
    def change(self, cart_id: str, lines: Basket, scope: Scope) -> None:
        work = self.engine.run_cart(cart_call(scope=scope), update_cart(cart_id, **lines))
        if self.found(cart_id, scope, work):
            self.carts[cart_id].lines = dict(lines)

    @rule(cart_id=ids, scope=SCOPES)
    def cancel_cart(self, cart_id: str, scope: Scope) -> None:
        if self.found(cart_id, scope, self.engine.run_cart(cart_call(scope=scope), cancel_cart(cart_id))):
            self.carts[cart_id].is_there = False

    @rule(cart_id=consumes(ids))
    def let_time_pass(self, cart_id: str) -> None:
        self.now(self.set_over("carts", cart_id))
        self.carts[cart_id].is_there = False

    @rule(cart_id=ids, scope=SCOPES)
    def convert(self, cart_id: str, scope: Scope) -> None:
        cart = self.carts[cart_id]
        answer = self.found(cart_id, scope, self.engine.run(call(scope=scope), convert(cart_id)))
        if answer is None:
            return
        assert answer.checkout_id is not None
        current = self.checkouts[cart.checkout_id] if cart.checkout_id else None
        if current and current.state is State.OPEN:
            assert answer.checkout_id == cart.checkout_id
            return
        assert answer.checkout_id not in self.checkouts
        checkout = self.now(self.engine.read(SCOPE, answer.checkout_id))
        assert {line.item_id: line.quantity for line in checkout.basket.lines} == cart.lines
        self.checkouts[answer.checkout_id] = CheckoutModel(cart_id)
        cart.checkout_id = answer.checkout_id

    @rule(cart_id=ids, callers=st.integers(2, 4))
    def convert_at_once(self, cart_id: str, callers: int) -> None:
        """Several at once are as one."""

        async def crowd() -> list[Answer | BaseException]:
            work = (self.engine.run(call(), convert(cart_id)) for _ in range(callers))
            return await asyncio.gather(*work, return_exceptions=True)

        answers = self.now(crowd())
        if not self.carts[cart_id].is_there:
            assert all(isinstance(answer, CartNotFound) for answer in answers)
            return
        ids = {answer.checkout_id for answer in answers if isinstance(answer, Answer)}
        assert len(ids) == 1
        assert all(isinstance(answer, Answer) for answer in answers)
        (checkout_id,) = ids
        assert checkout_id is not None
        before = self.carts[cart_id].checkout_id
        assert (checkout_id == before) == (
            before is not None and self.checkouts[before].state is State.OPEN
        )
        self.checkouts.setdefault(checkout_id, CheckoutModel(cart_id))
        self.carts[cart_id].checkout_id = checkout_id

    @rule(cart_id=ids, what=st.sampled_from(["cancel", "complete", "expire"]))
    def end_checkout(self, cart_id: str, what: str) -> None:
        cart = self.carts[cart_id]
        if cart.checkout_id is None or self.checkouts[cart.checkout_id].state is not State.OPEN:
            return
        checkout_id, model = cart.checkout_id, self.checkouts[cart.checkout_id]
        match what:
            case "cancel":
                self.now(self.engine.run(call(), cancel(checkout_id)))
                model.state = State.CANCELED
            case "complete":
                # whatever cannot be had keeps the checkout open
                self.now(self.engine.run(call(), update(checkout_id, rose=1)))
                self.now(self.engine.run(call(), complete(checkout_id)))
                model.state, cart.is_there = State.COMPLETED, False
            case "expire":
                self.now(self.set_over("checkouts", checkout_id))
                model.state = State.EXPIRED

    @rule(cart_id=ids, lines=BASKETS)
    def change_checkout(self, cart_id: str, lines: Basket) -> None:
        cart = self.carts[cart_id]
        if cart.checkout_id is None:
            return
        work = self.engine.run(call(), update(cart.checkout_id, **lines))
        if self.checkouts[cart.checkout_id].state is not State.OPEN:
            with pytest.raises(WrongState):
                self.now(work)
            return
        before = self.now(self.engine.read(SCOPE, cart.checkout_id)).basket.lines
        self.now(work)
        after = self.now(self.engine.read(SCOPE, cart.checkout_id)).basket.lines
        if after != before:
            cart.lines = dict(lines)

    @invariant()
    def every_cart_is_as_it_was_left(self) -> None:
        for cart_id, cart in self.carts.items():
            if cart.is_there:
                priced = self.now(self.engine.read_cart(SCOPE, cart_id))
                assert isinstance(priced, PricedCart)
                lines = {line.item_id: line.quantity for line in priced.cart.basket.lines}
                assert lines == cart.lines
            else:
                with pytest.raises(CartNotFound):
                    self.now(self.engine.read_cart(SCOPE, cart_id))

    @invariant()
    def at_most_one_checkout_of_a_cart_is_not_over(self) -> None:
        going_on = [model.cart_id for model in self.checkouts.values() if model.state is State.OPEN]
        assert len(going_on) == len(set(going_on))

    def found(self, cart_id: str, scope: Scope, work: Awaitable[Answer]) -> Answer | None:
        """The answer; None where the cart is not there for ``scope``, and that was said."""
        if self.is_found(cart_id, scope):
            return self.now(work)
        with pytest.raises(CartNotFound):
            self.now(work)
        return None

    async def set_over(self, table: str, id_: str) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(f"update {table} set expires_at = now() where id = $1", id_)


def test_whatever_happens_to_carts_and_their_checkouts(database: str, tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        opening = open_pool(database, size=4)
        pool = runner.run(opening.__aenter__())
        try:
            world = {"runner": runner, "pool": pool, "engine": Engine(make_setup(pool, tmp_path / "books"))}
            run_state_machine_as_test(
                type("CartsOfThisShop", (CartMachine,), world),
                settings=settings(
                    max_examples=15,
                    stateful_step_count=20,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(opening.__aexit__(None, None, None))
