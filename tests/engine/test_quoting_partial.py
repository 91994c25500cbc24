"""Callers with an address and no methods, and updates that tell a part: what is not said stays."""

import pytest

from tests.engine.quoted import (
    BERLIN,
    NEW_YORK,
    SHOPS,
    Customer,
    bill,
    codes,
    customer_of,
    only_method,
    options,
)
from ucp_server.domain.checkout import Buyer
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.tools import SoldAs
from ucp_server.engine.commands import Wanted, WantedLine
from ucp_server.store.database import Pool

KEEP = frozenset({"lines", "buyer", "buyer_members", "ship_to"})


@pytest.fixture
async def customer(pool: Pool) -> Customer:
    return await customer_of(pool, SHOPS / "second_shop")


async def test_goods_go_to_the_address_in_the_cheapest_way(customer: Customer) -> None:
    quote = await customer.wants("mug", ship_to=NEW_YORK)
    method = only_method(quote)
    assert codes(quote) == []
    assert method.destination is not None
    assert method.destination.address == NEW_YORK
    prices = [price for _, price in options(quote).values()]
    assert bill(quote)["fulfillment"] == min(prices)
    assert method.groups[0].selected_option_id == next(iter(options(quote)))


async def test_the_way_is_chosen_anew_with_every_quote(customer: Customer) -> None:
    await customer.wants("mug", ship_to=NEW_YORK)
    heavier = await customer.wants(("mug", 6), ship_to=NEW_YORK)
    assert codes(heavier) == []
    assert only_method(heavier).groups[0].selected_option_id == "ground-heavy"
    assert await customer.looks_again() == heavier


async def test_an_address_that_is_no_good_is_told(customer: Customer) -> None:
    assert codes(await customer.wants("mug", ship_to=BERLIN)) == ["address_undeliverable"]
    assert codes(await customer.wants("mug", ship_to=Address(country="US"))) != []


async def test_what_is_not_told_stays(customer: Customer) -> None:
    buyer = Buyer(email="a@example.com", full_name="Ada")
    before = await customer.wants("mug", "apron", ship_to=NEW_YORK, buyer=buyer)
    assert await customer.wants(keep=KEEP) == before
    await customer.wants(keep=KEEP, buyer=Buyer(email="b@example.com"))
    assert customer.basket is not None
    assert customer.basket.buyer == Buyer(email="b@example.com", full_name="Ada")
    assert customer.basket.ship_to == NEW_YORK
    fewer = await customer.wants("apron", keep=KEEP)
    assert [(line.line_id, line.item_id) for line in fewer.lines] == [("li_2", "apron")]
    assert codes(fewer) == []


async def test_without_lines_to_keep_nothing_is_ordered(customer: Customer) -> None:
    await customer.wants("mug")
    assert "missing" in codes(await customer.wants())


async def test_a_line_keeps_what_it_was_sold_as(customer: Customer) -> None:
    sold_as = SoldAs(product_id="p", sku="S", tools=("engrave",))
    wanted = Wanted(lines=(WantedLine(item_id="mug", quantity=1, sold_as=sold_as),))
    await customer._ask(wanted)
    await customer.wants(keep=KEEP)
    await customer.looks_again()
    assert customer.basket is not None
    assert [line.sold_as for line in customer.basket.lines] == [sold_as]
