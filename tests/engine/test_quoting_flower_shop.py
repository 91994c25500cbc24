"""The shop of the official suite, and what the suite expects of it."""

import uuid

import pytest

from tests.engine.quoted import (
    FLOWER_SHOP,
    Customer,
    bill,
    buyer,
    codes,
    customer_of,
    destination_ids,
    only_method,
    options,
    shipping,
)
from ucp_server.domain.fulfillment import Address, WantedDestination, WantedMethod
from ucp_server.store.database import Pool

pytestmark = pytest.mark.skipif(
    not FLOWER_SHOP.is_dir(), reason="the official suite's shop is not beside the repository"
)

KEEP = frozenset({"buyer", "methods", "discount_codes"})
US = Address(country="US", postal_code="62704")
CANADA = Address(country="CA", postal_code="M5V 2H1")
MAIN_ST = Address(
    street_address="123 Main St", locality="Springfield", region="IL", postal_code="62704", country="US"
)
JOHN = buyer("john.doe@example.com")


@pytest.fixture
async def customer(pool: Pool) -> Customer:
    return await customer_of(pool, FLOWER_SHOP, remembers_addresses=True, complete_addresses=False)


async def test_prices_are_ours(customer: Customer) -> None:
    assert bill(await customer.wants("bouquet_roses")) == {"subtotal": 3500, "total": 3500}
    assert bill(await customer.wants(("bouquet_roses", 2), keep=KEEP))["total"] == 7000


@pytest.mark.parametrize(
    ("sent", "total", "applied"),
    [
        (("10OFF",), 3150, ["10OFF"]),
        (("10off",), 3150, ["10OFF"]),
        (("10OFF", "WELCOME20"), 2520, ["10OFF", "WELCOME20"]),
        (("10OFF", "INVALID_CODE"), 3150, ["10OFF"]),
        (("FIXED500",), 3000, ["FIXED500"]),
    ],
)
async def test_codes(customer: Customer, sent: tuple[str, ...], total: int, applied: list[str]) -> None:
    quote = await customer.wants("bouquet_roses", discount_codes=sent)
    assert bill(quote)["total"] == total
    assert [discount.code for discount in quote.discounts] == applied


async def test_destination_and_option_can_be_sent_at_once(customer: Customer) -> None:
    quote = await customer.wants("bouquet_roses", methods=shipping(Address(country="US"), "std-ship"))
    assert codes(quote) == []
    assert bill(quote) == {"subtotal": 3500, "fulfillment": 0, "total": 3500}


@pytest.mark.parametrize(
    ("address", "offered"), [(US, {"std-ship", "exp-ship-us"}), (CANADA, {"std-ship", "exp-ship-intl"})]
)
async def test_options_follow_the_address(customer: Customer, address: Address, offered: set[str]) -> None:
    quote = await customer.wants("pot_ceramic", methods=shipping(address))
    assert set(options(quote)) == offered


@pytest.mark.parametrize(
    ("items", "standard"),
    [
        (["pot_ceramic"], ("Standard Shipping", 500)),
        (["bouquet_roses"], ("Standard Shipping (Free)", 0)),
        ([("orchid_white", 3)], ("Standard Shipping (Free)", 0)),
    ],
)
async def test_promotions_free_the_standard_option(
    customer: Customer, items: list[str], standard: tuple[str, int]
) -> None:
    quote = await customer.wants(*items, methods=shipping(US))
    assert options(quote)["std-ship"] == standard
    assert options(quote)["exp-ship-us"] == ("Express Shipping (US)", 1500)


@pytest.mark.parametrize("email", ["unknown@example.com", "jane.doe@example.com"])
async def test_a_buyer_without_stored_addresses_has_no_destinations(customer: Customer, email: str) -> None:
    await customer.wants("bouquet_roses", buyer=buyer(email))
    quote = await customer.wants("bouquet_roses", methods=shipping(), keep=KEEP)
    assert destination_ids(quote) is None


async def test_a_known_buyer_chooses_among_the_stored_addresses(customer: Customer) -> None:
    await customer.wants("bouquet_roses", buyer=JOHN)
    quote = await customer.wants("bouquet_roses", methods=shipping(), keep=KEEP)
    assert destination_ids(quote) == ["addr_1", "addr_2"]
    quote = await customer.wants("bouquet_roses", methods=shipping(selected="addr_2"), keep=KEEP)
    destination = only_method(quote).destination
    assert destination is not None
    assert destination.address is not None
    assert (destination.address.street_address, destination.address.postal_code) == ("456 Oak Ave", "10012")


async def test_a_new_address_stands_alone_under_the_callers_id(customer: Customer) -> None:
    await customer.wants("bouquet_roses", buyer=JOHN, methods=shipping(Address(country="US"), id_="dest_1"))
    new = Address(country="CA", postal_code="M5V 2H1", street_address="123 New St")
    quote = await customer.wants("bouquet_roses", methods=shipping(new, id_="dest_new"), keep=KEEP)
    assert destination_ids(quote) == ["dest_new"]
    assert "exp-ship-intl" in options(quote)
    await customer.remembers(quote)

    customer.forgets()
    await customer.wants("bouquet_roses", buyer=JOHN)
    quote = await customer.wants("bouquet_roses", methods=shipping(), keep=KEEP)
    assert destination_ids(quote)[:2] == ["addr_1", "addr_2"]
    assert len(destination_ids(quote)) == 3


async def test_an_address_without_an_id_is_remembered_for_a_new_buyer(customer: Customer) -> None:
    somebody = buyer(f"new.user.{uuid.uuid4()}@example.com")
    quote = await customer.wants(
        "bouquet_roses",
        buyer=somebody,
        methods=(WantedMethod(type="shipping", destinations=(WantedDestination(address=MAIN_ST),)),),
    )
    (generated,) = destination_ids(quote)
    await customer.remembers(quote)
    again = await customer.looks_again()
    assert destination_ids(again) == [generated]
    assert again.new_addresses == ()

    customer.forgets()
    quote = await customer.wants("bouquet_roses", buyer=somebody, methods=shipping())
    assert destination_ids(quote) == [generated]


async def test_a_stored_address_is_known_again(customer: Customer) -> None:
    quote = await customer.wants(
        "bouquet_roses",
        buyer=JOHN,
        methods=(WantedMethod(type="shipping", destinations=(WantedDestination(address=MAIN_ST),)),),
    )
    assert destination_ids(quote) == ["addr_1"]
    assert quote.new_addresses == ()


@pytest.mark.parametrize(
    ("item", "quantity", "code", "text"),
    [
        ("gardenias", 1, "out_of_stock", "Insufficient stock"),
        ("bouquet_roses", 10_001, "out_of_stock", "Insufficient stock"),
        ("pink_wumpus", 1, "item_unavailable", "not found"),
    ],
)
async def test_what_cannot_be_had_is_told(
    customer: Customer, item: str, quantity: int, code: str, text: str
) -> None:
    quote = await customer.wants((item, quantity), methods=shipping(US, "std-ship"))
    (problem, *_) = quote.problems
    assert problem.code == code
    assert text in problem.text


async def test_without_a_way_to_the_buyer_the_order_is_not_complete(customer: Customer) -> None:
    quote = await customer.wants("bouquet_roses")
    assert codes(quote) == ["fulfillment_required"]
    assert quote.problems[0].text == "Fulfillment address and option must be selected."


async def test_an_unknown_code_makes_no_row(customer: Customer) -> None:
    quote = await customer.wants(
        "bouquet_roses", methods=shipping(US, "std-ship"), discount_codes=("INVALID_CODE_123",)
    )
    assert codes(quote) == ["discount_code_invalid"]
    assert set(bill(quote)) == {"subtotal", "fulfillment", "total"}
