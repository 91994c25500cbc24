"""Whatever buyers, agents, shops and carriers write: it stays text."""

from collections.abc import Callable
from typing import Any

import httpx2
import msgspec
import pytest

from tests.pages.browser import Buyer, Page
from tests.pages.hostile import STRINGS
from tests.ucp import samples
from tests.ucp.conftest import Agent, Open, create_body, shipping
from ucp_server.domain import problems
from ucp_server.domain.cart import Cart, PricedCart
from ucp_server.domain.checkout import Buyer as Person
from ucp_server.domain.checkout import Instrument
from ucp_server.domain.fulfillment import Address, Destination, Option
from ucp_server.domain.order import Order
from ucp_server.pages.cart import cart_page
from ucp_server.pages.checkout import checkout_page
from ucp_server.pages.contexts import Link, Shop
from ucp_server.pages.order import order_page
from ucp_server.pages.payment import Paying
from ucp_server.pages.receipt import receipt_page
from ucp_server.pages.rendering import ASSETS, SHOP_ASSETS, say, show
from ucp_server.ports import OnPage

Rendered = bytes
replace = msgspec.structs.replace


def shop(text: str) -> Shop:
    return Shop(
        merchant_id=text,
        title=text,
        origin=text,
        links=(Link(type="terms_of_service", title=text, url=f"https://shop.example/{text}"),),
    )


def address(text: str) -> Address:
    return Address(**dict.fromkeys(Address.__struct_fields__, text))


def checkout_with(text: str) -> Rendered:
    """A page with ``text`` in every place that anybody outside can fill."""
    full = samples.checkout()
    quote, basket = full.quote, full.basket
    shipped, collected = quote.methods  # type: ignore[misc]  # the sample has both
    option = Option(id=text, title=text, price_minor=1, description=text, carrier=text)
    group = replace(shipped.groups[0], id=text, options=(option,), selected_option_id=text)
    places = tuple(
        Destination(id=f"{n}{text}", kind="shipping_address", address=address(text), name=name)
        for n, name in enumerate((None, text))
    )
    full = replace(
        full,
        platform_id=f"https://{text}/profile",
        challenge_url=f"https://bank.example/{text}",
        basket=replace(
            basket,
            buyer=Person(**dict.fromkeys(("email", "phone_number", "first_name", "last_name"), text)),
            discount_codes=(text,),
        ),
        quote=replace(
            quote,
            lines=tuple(replace(line, title=text, image_url=f"https://x/{text}") for line in quote.lines),
            totals=tuple(replace(row, text=text) for row in quote.totals),
            methods=(
                replace(shipped, destinations=places, groups=(group,)),
                replace(collected, type=text, destinations=places),
            ),
            problems=(
                problems.item_unavailable(text, "lines[0]"),
                problems.discount_rejected(text, "invalid", text, 0),
                problems.address_undeliverable(f"methods[0].{text}"),
                problems.other_currency(text, text),
            ),
        ),
        payment_problems=(problems.payment_failed(text),),
    )
    payment = Instrument(id=text, handler_id=text, type=text, display={"description": text})
    paying = Paying(payment=OnPage(instrument=payment))
    page = checkout_page(full, shop(text), form_token=text, said=text, assets=ASSETS, paying=paying)
    return show(page).body


def cart_with(text: str) -> Rendered:
    sold = samples.checkout()
    line, quote = sold.basket.lines[0], sold.quote
    cart = Cart(
        id=sold.id,
        merchant_id=text,
        platform_id=text,
        revision=1,
        basket=replace(sold.basket, lines=(line, replace(line, id="unsold", item_id=text))),
        link_token=text,
        created_at=sold.created_at,
        updated_at=sold.updated_at,
        expires_at=sold.expires_at,
    )
    estimate = replace(
        quote,
        lines=tuple(replace(line, title=text, image_url=f"https://x/{text}") for line in quote.lines),
        totals=tuple(replace(row, text=text) for row in quote.totals),
        problems=(
            problems.item_unavailable(text, "lines[1]"),
            problems.discount_rejected(text, "invalid", text, 0),
        ),
    )
    priced = PricedCart(cart=cart, quote=estimate)
    return show(cart_page(priced, shop(text), form_token=text, said=text, assets=ASSETS)).body


def hostile_order(text: str) -> Order:
    full = samples.order()
    return replace(
        full,
        lines=tuple(replace(line, title=text) for line in full.lines),
        totals=tuple(replace(row, text=text) for row in full.totals),
        expectations=tuple(replace(e, address=address(text), description=text) for e in full.expectations),
        events=tuple(
            replace(e, carrier=text, tracking_number=text, tracking_url=f"https://post.example/{text}")
            for e in full.events
        ),
        adjustments=tuple(replace(adjustment, description=text) for adjustment in full.adjustments),
    )


def order_with(text: str) -> Rendered:
    return show(order_page(hostile_order(text), shop(text), assets=SHOP_ASSETS)).body


def receipt_with(text: str) -> Rendered:
    return show(receipt_page(hostile_order(text), shop(text), assets=SHOP_ASSETS)).body


def words_with(text: str) -> Rendered:
    return say(shop(text), text, text, order_url=f"/order/{text}").body


def skeleton(body: Rendered) -> list[tuple[str, tuple[str, ...]]]:
    """Tags and the names of their attributes: what a text must not change."""
    request = httpx2.Request("GET", "http://shop.test/")
    page = Page(httpx2.Response(200, content=body, request=request))
    return [(tag, tuple(given)) for tag, given in page.tags]


@pytest.mark.parametrize("render", [checkout_with, cart_with, order_with, receipt_with, words_with])
def test_no_text_becomes_markup(render: Callable[[str], Rendered]):
    expected = skeleton(render("calm"))
    for text in STRINGS:
        body = render(text)
        assert skeleton(body) == expected, text
        assert text.encode() not in body or not set(text) & set("<>\"'&"), text


def test_there_are_enough_of_them():
    assert len(set(STRINGS)) >= 60


# What a form cannot carry, and what an agent's body may not either.
TYPED = [text for text in STRINGS if text.isprintable()]


async def test_what_is_typed_is_shown_as_it_was_typed(agent: Agent, buyer: Buyer):
    page = await buyer.open((await agent.ready())["continue_url"])
    for text in TYPED[::9]:
        page = await buyer.press(
            page, "update", first_name=text, last_name=text, phone_number=text, m0__place="written",
            m0__street_address=text, m0__locality=text, m0__postal_code=text, codes=text.split()[0],
        )  # fmt: skip
        assert page.fields()["first_name"] == text.strip()
        assert page.title == "Finish your order"


async def test_what_an_agent_sends_stays_text(town: Open):
    async with town(required_buyer_fields=()) as here:
        agent, buyer = here.agent(), Buyer(here.client)
        everything = " ".join(TYPED)[:400]
        told: dict[str, Any] = dict.fromkeys(("first_name", "last_name"), everything)
        checkout = await agent.create(
            create_body("vase"),
            buyer=told | {"email": "ada@example.com"},
            fulfillment=shipping(street_address=everything, full_name=everything),
            discounts={"codes": ["<script>", '"><img src=x>']},
        )
        page = await buyer.open(checkout["continue_url"])
        assert page.fields()["first_name"] == everything
        assert not [tag for tag, _ in page.tags if tag in ("iframe", "style", "base")]
        assert [tag for tag, _ in page.tags].count("script") == 1
        done = await buyer.press(page, "pay")
        assert done.title == "Thank you for your order"
        assert everything.split()[0] in done.text
