"""Carts asked for in few words, and how they are answered in tests."""

from typing import Any

import msgspec

from tests.engine.world import SCOPE, wanted
from ucp_server.domain.cart import PricedCart
from ucp_server.engine.commands import (
    CancelCart,
    CartCall,
    CreateCart,
    CreateCheckout,
    Key,
    Scope,
    UpdateCart,
    Wanted,
)
from ucp_server.engine.runner import Engine

OTHER = Scope(merchant_id="shop", platform_id="https://other.example/profile")


def render(priced: PricedCart) -> bytes:
    """Answers in a few facts."""
    cart, quote = priced.cart, priced.quote
    return msgspec.json.encode(
        {
            "id": cart.id,
            "revision": cart.revision,
            "lines": {line.item_id: line.quantity for line in cart.basket.lines},
            "total": quote.total_minor,
            "problems": [problem.code for problem in quote.problems],
        }
    )


def cart_call(
    key: str | None = None, *, operation: str = "cart", fingerprint: bytes = b"same", scope: Scope = SCOPE
) -> CartCall:
    named = Key(operation=operation, key=key, fingerprint=fingerprint) if key else None
    return CartCall(scope=scope, render=render, key=named)


def create_cart(**quantities: int) -> CreateCart:
    return CreateCart(wanted=wanted(**quantities))


def update_cart(cart_id: str, **quantities: int) -> UpdateCart:
    return UpdateCart(cart_id=cart_id, wanted=wanted(**quantities))


def cancel_cart(cart_id: str) -> CancelCart:
    return CancelCart(cart_id=cart_id)


async def new_cart(engine: Engine, **quantities: int) -> str:
    """The id of a cart that was just filled."""
    answer = await engine.run_cart(cart_call(), create_cart(**quantities))
    assert answer.checkout_id is not None
    return answer.checkout_id


def convert(cart_id: str, **more: Any) -> CreateCheckout:
    return CreateCheckout(wanted=Wanted(lines=(), **more), cart_id=cart_id)
