import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import pytest

from tests.engine.quoted import (
    AT,
    BERLIN,
    DEMO_SHOP,
    NEW_YORK,
    SHOPS,
    Customer,
    bill,
    buyer,
    codes,
    customer_of,
    destination_ids,
    item_ids,
    only_method,
    options,
    shipping,
)
from ucp_server.domain.catalog import Item
from ucp_server.domain.checkout import Buyer
from ucp_server.domain.errors import HandlerUnavailable, InvalidRequest, StoreUnavailable
from ucp_server.domain.fulfillment import Address, Option, WantedDestination, WantedGroup, WantedMethod
from ucp_server.domain.lines import WantedLine
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.money import AMOUNT_MAX, Money
from ucp_server.domain.quote import PricedLine
from ucp_server.engine import quoting as module
from ucp_server.engine.commands import Scope, Wanted
from ucp_server.engine.quoting import Quoting
from ucp_server.engine.shelves import PluggedShop
from ucp_server.ports import Customer as KnownCustomer
from ucp_server.ports import Shelf
from ucp_server.store.database import Pool, recorded_statements
from ucp_server.store.pricing import PostgresPricing
from ucp_server.store.rates import PostgresRates
from ucp_server.store.rules import RuleTables

REPLACE = msgspec.structs.replace


@pytest.fixture
async def customer(pool: Pool) -> Customer:
    return await customer_of(pool, SHOPS / "second_shop")


@pytest.fixture
async def demo(pool: Pool) -> Customer:
    return await customer_of(
        pool,
        DEMO_SHOP,
        "EUR",
        "DE",
        tax_included=True,
        escalate_above_minor=20_000,
        remembers_addresses=True,
    )


# --- prices, taxes, totals ---


async def test_tax_is_added_per_line_after_discounts(customer: Customer) -> None:
    quote = await customer.wants(
        ("mug", 2), "apron", methods=shipping(NEW_YORK, "ground"), discount_codes=("KITCHEN15", "MINUS7")
    )
    assert codes(quote) == []
    # The mugs' share of the $7.00 is 291: 8.875 % of 2980 - 447 - 291. The apron's category is free.
    assert bill(quote) == {
        "subtotal": 7180,
        "items_discount": -447 - 630,
        "discount": -700,
        "fulfillment": 795,
        "tax": 199 + 71,
        "total": 7180 - 1077 - 700 + 795 + 270,
    }
    assert [line.tax_minor for line in quote.lines] == [199, 0]


async def test_no_tax_is_added_before_it_is_known_where_to(customer: Customer) -> None:
    quote = await customer.wants("mug")
    assert bill(quote) == {"subtotal": 1490, "total": 1490}


async def test_a_region_without_tax_shows_none_to_pay(customer: Customer) -> None:
    portland = Address(
        street_address="1 Elm St", locality="Portland", region="or", postal_code="97201", country="US"
    )
    quote = await customer.wants("mug", methods=shipping(portland, "ground"))
    assert bill(quote) == {"subtotal": 1490, "fulfillment": 795, "tax": 0, "total": 2285}


async def test_included_taxes_stand_in_no_row(demo: Customer) -> None:
    quote = await demo.wants(
        "tea-darjeeling-100", "postcards-birds", methods=shipping(BERLIN, "de-standard")
    )
    assert codes(quote) == []
    assert bill(quote) == {"subtotal": 2580, "fulfillment": 490, "total": 3070}
    # 1590 at 7 %, 990 and the delivery at 19 %
    assert [line.tax_minor for line in quote.lines] == [104, 158]
    assert quote.included_tax_minor == 104 + 158 + 78


async def test_a_place_can_tax_otherwise_than_the_shop(demo: Customer) -> None:
    quote = await demo.wants("postcards-birds", methods=shipping(NEW_YORK, "us-standard"))
    assert bill(quote)["tax"] == 88 + 221
    assert quote.included_tax_minor == 0


@pytest.mark.parametrize(
    ("shop", "currency", "country", "item", "expected"),
    [
        (
            "yen_shop",
            "JPY",
            "JP",
            "fan",
            {"subtotal": 333, "fulfillment": 715, "tax": 33 + 72, "total": 1153},
        ),
        (
            "yen_shop",
            "JPY",
            "JP",
            "rice",
            {"subtotal": 105, "fulfillment": 715, "tax": 8 + 72, "total": 900},
        ),
        (
            "dinar_shop",
            "KWD",
            "KW",
            "lantern",
            {"subtotal": 12345, "fulfillment": 1750, "tax": 617 + 88, "total": 14800},
        ),
    ],
)
async def test_every_currency_counts_in_its_own_units(
    pool: Pool, shop: str, currency: str, country: str, item: str, expected: dict[str, int]
) -> None:
    customer = await customer_of(pool, SHOPS / shop, currency, country, complete_addresses=False)
    quote = await customer.wants(item, methods=shipping(Address(country=country), "post"))
    assert quote.currency == currency
    assert bill(quote) == expected


async def test_a_third_off_in_yen(pool: Pool) -> None:
    customer = await customer_of(pool, SHOPS / "yen_shop", "JPY", "JP")
    quote = await customer.wants("fan", discount_codes=("third",))
    assert bill(quote) == {"subtotal": 333, "discount": -111, "total": 222}


async def test_the_callers_currency_is_not_ours(customer: Customer) -> None:
    quote = await customer.wants("class", currency="EUR")
    assert quote.currency == "USD"
    assert codes(quote) == ["currency_not_offered"]


# --- what needs no fulfilment ---


async def test_what_is_not_shipped_needs_nothing(demo: Customer) -> None:
    quote = await demo.wants("gift-card-25")
    assert codes(quote) == []
    assert quote.methods is None
    assert bill(quote) == {"subtotal": 2500, "total": 2500}


async def test_a_method_for_what_is_not_shipped_is_none(demo: Customer) -> None:
    quote = await demo.wants("gift-card-25", methods=shipping(BERLIN, "de-standard"))
    assert quote.methods is None
    assert demo.basket is not None
    assert demo.basket.methods is None


async def test_only_what_is_shipped_travels(customer: Customer) -> None:
    quote = await customer.wants("class", "mug", methods=shipping(NEW_YORK, "ground"))
    assert only_method(quote).line_ids == ("li_2",)
    assert bill(quote)["tax"] == 0 + 132 + 71


# --- ways to the buyer ---


async def test_who_says_nothing_is_shown_how_it_can_be_shipped(customer: Customer) -> None:
    quote = await customer.wants("mug")
    method = only_method(quote)
    assert (method.type, method.line_ids, method.destinations) == ("shipping", ("li_1",), None)
    assert codes(quote) == ["fulfillment_required"]
    assert customer.basket is not None
    assert customer.basket.methods is None


@pytest.mark.parametrize(
    ("region", "country", "items", "offered"),
    [
        ("NY", "US", ["mug"], {"ground": 795, "air": 2495}),
        ("NY", "US", [("mug", 6)], {"ground-heavy": 1895, "air": 2495}),
        ("HI", "US", ["mug"], {"ground-hi": 2995}),
        ("ON", "CA", ["mug"], {"canada": 1995}),
    ],
)
async def test_one_option_per_service_level(
    customer: Customer, region: str, country: str, items: list[str], offered: dict[str, int]
) -> None:
    place = Address(street_address="1 Main", locality="X", region=region, postal_code="1", country=country)
    quote = await customer.wants(*items, methods=shipping(place))
    assert {id_: price for id_, (_, price) in options(quote).items()} == offered


async def test_a_country_without_rates_is_not_delivered_to(customer: Customer) -> None:
    quote = await customer.wants("mug", methods=shipping(BERLIN))
    assert codes(quote) == ["address_undeliverable"]
    assert quote.problems[0].where == "methods[0].destinations[0]"


async def test_goods_can_be_collected(demo: Customer) -> None:
    wanted = (
        WantedMethod(
            type="pickup",
            selected_destination_id="workshop-berlin",
            groups=(WantedGroup(selected_option_id="collect-workshop-berlin"),),
        ),
    )
    quote = await demo.wants("tea-peppermint", methods=wanted)
    assert codes(quote) == []
    assert destination_ids(quote) == ["market-leipzig", "workshop-berlin"]
    assert options(quote) == {"collect-workshop-berlin": ("Collect at Workshop Berlin-Wedding", 0)}
    assert bill(quote) == {"subtotal": 550, "fulfillment": 0, "total": 550}
    assert quote.included_tax_minor == 36


async def test_lines_can_go_two_ways(customer: Customer) -> None:
    await customer.wants("mug", "apron")
    quote = await customer.wants(
        "mug",
        "apron",
        methods=(
            REPLACE(*shipping(NEW_YORK, "air"), line_ids=("li_2",)),
            WantedMethod(
                type="pickup",
                selected_destination_id="brooklyn",
                groups=(WantedGroup(selected_option_id="collect-brooklyn"),),
            ),
        ),
    )
    assert codes(quote) == []
    assert quote.methods is not None
    assert [(method.type, method.line_ids) for method in quote.methods] == [
        ("shipping", ("li_2",)),
        ("pickup", ("li_1",)),
    ]
    assert bill(quote)["fulfillment"] == 2495


async def test_an_address_that_the_post_cannot_use_is_told(customer: Customer) -> None:
    quote = await customer.wants("mug", methods=shipping(Address(country="US", region="NY"), "ground"))
    assert [(problem.code, problem.text) for problem in quote.problems] == [
        ("address_incomplete", "The address lacks its street address."),
        ("address_incomplete", "The address lacks its locality."),
        ("address_incomplete", "The address lacks its postal code."),
    ]
    assert bill(quote)["fulfillment"] == 795


async def test_an_option_that_is_no_longer_offered_is_deselected_and_told(customer: Customer) -> None:
    await customer.wants("mug", methods=shipping(NEW_YORK, "ground"))
    quote = await customer.wants(("mug", 6), keep=frozenset({"methods"}))
    assert codes(quote) == ["fulfillment_changed", "fulfillment_required"]
    assert "fulfillment" not in bill(quote)
    assert codes(await customer.looks_again()) == ["fulfillment_required"]


async def test_an_option_that_never_was_offered_is_an_error(customer: Customer) -> None:
    quote = await customer.wants("mug", methods=shipping(NEW_YORK, "rocket"))
    assert codes(quote) == ["invalid", "fulfillment_required"]


# --- replacing and keeping ---


async def test_an_update_replaces_what_it_leaves_out(customer: Customer) -> None:
    await customer.wants(
        "mug",
        buyer=buyer("a@example.com"),
        methods=shipping(NEW_YORK, "ground"),
        discount_codes=("MINUS7",),
    )
    quote = await customer.wants("mug")
    assert customer.basket is not None
    assert (customer.basket.buyer, customer.basket.methods, customer.basket.discount_codes) == (
        None,
        None,
        None,
    )
    assert bill(quote) == {"subtotal": 1490, "total": 1490}


async def test_an_update_keeps_what_it_is_told_to_keep(customer: Customer) -> None:
    keep = frozenset({"buyer", "methods", "discount_codes"})
    before = await customer.wants(
        "mug",
        buyer=buyer("a@example.com"),
        methods=shipping(NEW_YORK, "ground"),
        discount_codes=("MINUS7",),
    )
    assert await customer.wants("mug", keep=keep) == before
    assert await customer.looks_again() == before
    cleared = await customer.wants("mug", keep=keep, discount_codes=())
    assert "discount" not in bill(cleared)
    assert "fulfillment" in bill(cleared)


async def test_lines_keep_their_ids(customer: Customer) -> None:
    await customer.wants("mug", "apron")
    await customer.wants("apron")
    quote = await customer.wants("mug", "apron")
    assert [(line.line_id, line.item_id) for line in quote.lines] == [("li_3", "mug"), ("li_2", "apron")]


async def test_another_buyer_is_not_shown_the_addresses_of_the_first(demo: Customer) -> None:
    quote = await demo.wants(
        "tea-peppermint", buyer=buyer("Mira.Falk@example.com"), methods=shipping(selected="mira-home")
    )
    assert destination_ids(quote) == ["mira-home", "mira-studio"]
    quote = await demo.wants(
        "tea-peppermint", buyer=buyer("jonas.brandt@example.com"), keep=frozenset({"methods"})
    )
    assert destination_ids(quote) == ["jonas-home"]
    assert only_method(quote).selected_destination_id is None
    assert codes(quote) == ["destination_unknown", "fulfillment_required"]


async def test_addresses_are_shown_only_where_the_merchant_wants_it(pool: Pool) -> None:
    customer = await customer_of(pool, DEMO_SHOP, "EUR", "DE")
    quote = await customer.wants(
        "tea-peppermint", buyer=buyer("mira.falk@example.com"), methods=shipping(BERLIN)
    )
    assert destination_ids(quote) == ["here"]
    assert quote.new_addresses == ()
    quote = await customer.wants("tea-peppermint", buyer=buyer("mira.falk@example.com"), methods=shipping())
    assert destination_ids(quote) == ["here"]
    customer.forgets()
    quote = await customer.wants("tea-peppermint", buyer=buyer("mira.falk@example.com"), methods=shipping())
    assert destination_ids(quote) is None


async def test_a_country_alone_is_not_remembered(demo: Customer) -> None:
    vague = WantedDestination(address=Address(country="DE"))
    quote = await demo.wants(
        "tea-peppermint",
        buyer=buyer("new@example.com"),
        methods=(WantedMethod(destinations=(vague, WantedDestination(address=BERLIN))),),
    )
    assert [new.address for new in quote.new_addresses] == [BERLIN]


# --- problems ---


async def test_everything_that_stands_in_the_way_is_told_at_once(pool: Pool) -> None:
    customer = await customer_of(
        pool, SHOPS / "second_shop", required_buyer_fields=("email",), escalate_above_minor=100_000
    )
    quote = await customer.wants(
        "lamp", "saw", ("apron", 3), "unicorn", buyer=Buyer(first_name="Ada"), discount_codes=("NOPE",)
    )
    assert [(problem.code, problem.where) for problem in quote.problems] == [
        ("item_review_required", "lines[0]"),
        ("out_of_stock", "lines[1]"),
        ("quantity_invalid_limit_exceeded", "lines[2]"),
        ("item_unavailable", "lines[3]"),
        ("missing_buyer_info", "buyer.email"),
        ("fulfillment_required", "methods[0].selected_destination_id"),
        ("discount_code_invalid", "discount_codes[0]"),
        ("high_value_order", None),
    ]
    assert item_ids(quote) == ["lamp", "saw", "apron", "unicorn"]


async def test_an_empty_order_is_told(customer: Customer) -> None:
    quote = await customer.wants()
    assert codes(quote) == ["missing"]
    assert bill(quote) == {"subtotal": 0, "total": 0}


@pytest.mark.parametrize(
    ("email", "code"),
    [
        (None, "discount_code_user_not_logged_in"),
        ("stranger@example.com", "discount_code_user_ineligible"),
        ("sam.rivera@example.com", None),
    ],
)
async def test_a_code_for_customers_needs_one(demo: Customer, email: str | None, code: str | None) -> None:
    quote = await demo.wants(
        "gift-card-25", buyer=buyer(email) if email else None, discount_codes=("regulars20",)
    )
    assert codes(quote) == ([code] if code else [])
    assert bill(quote)["total"] == (2500 if code else 2000)


# --- limits ---


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        (Wanted(lines=(WantedLine(item_id="mug", quantity=1),) * (module.LINES_MAX + 1)), "lines"),
        (Wanted(lines=(), discount_codes=("X",) * (module.CODES_MAX + 1)), "discount_codes"),
        (Wanted(lines=(), methods=(WantedMethod(),) * (module.METHODS_MAX + 1)), "methods"),
        (
            Wanted(
                lines=(),
                methods=(
                    WantedMethod(destinations=(WantedDestination(id="x"),) * (module.DESTINATIONS_MAX + 1)),
                ),
            ),
            "methods",
        ),
        (Wanted(lines=(WantedLine(item_id="mug", quantity=AMOUNT_MAX),)), "lines"),
    ],
)
async def test_what_is_beyond_all_limits_is_refused(customer: Customer, wanted: Wanted, where: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await customer.quoting.quote(
            Scope(merchant_id="shop", platform_id="agent"), customer.merchant, None, wanted=wanted, at=AT
        )
    assert refused.value.where == where


async def test_the_largest_order_is_quoted(customer: Customer) -> None:
    quote = await customer.wants(*["mug"] * module.LINES_MAX)
    assert bill(quote)["subtotal"] == 1490 * module.LINES_MAX
    assert codes(quote).count("out_of_stock") == module.LINES_MAX - 20


async def test_a_merchant_is_not_asked_in_the_name_of_another(customer: Customer) -> None:
    with pytest.raises(ValueError, match="in the name of"):
        await customer.quoting.quote(
            Scope(merchant_id="other", platform_id="agent"), customer.merchant, None, wanted=None, at=AT
        )


# --- round trips ---


async def test_a_quote_is_one_round_trip_and_one_more_for_rules_that_are_not_fresh(
    customer: Customer,
) -> None:
    with recorded_statements() as first:
        await customer.wants("mug", buyer=buyer("a@example.com"), methods=shipping(NEW_YORK, "ground"))
    assert len(first) == 2
    with recorded_statements() as second:
        await customer.wants("apron", buyer=buyer("a@example.com"), methods=shipping(NEW_YORK, "ground"))
    assert len(second) == 1


# --- plug-ins of others ---

TEA = Item(id="tea", title="Tea", price=Money(500, "USD"), ships=False)


class Elsewhere:
    """A catalog and a stock that somebody else keeps."""

    def __init__(self, items: Sequence[Item] = (TEA,), fault: Exception | None = None) -> None:
        self._items = {item.id: item for item in items}
        self._fault = fault

    async def items(self, merchant_id: str, item_ids: Sequence[str]) -> Mapping[str, Item]:
        if self._fault is not None:
            raise self._fault
        return {id_: self._items[id_] for id_ in item_ids if id_ in self._items}

    async def available(self, merchant_id: str, item_ids: Sequence[str]) -> Mapping[str, int]:
        return {"tea": 3}

    async def reserve(self, merchant_id: str, attempt_id: str, wanted: Mapping[str, int]) -> bool:
        return True

    async def release(self, merchant_id: str, attempt_id: str) -> None:
        return None

    async def confirm(self, merchant_id: str, attempt_id: str) -> None:
        return None

    async def find(self, merchant_id: str, email: str) -> KnownCustomer:
        return KnownCustomer(known=email == "known@example.com")


class Silence:
    """A shop that never answers."""

    async def look(self, merchant_id: str, item_ids: Sequence[str], email: str | None) -> Shelf:
        await asyncio.Event().wait()
        raise AssertionError


def elsewhere(pool: Pool, shop: Elsewhere | Silence, *, within_s: float = 3.0) -> Customer:
    tables = RuleTables(pool)
    plugged = PluggedShop(shop, shop, shop) if isinstance(shop, Elsewhere) else shop
    quoting = Quoting(plugged, PostgresPricing(tables), PostgresRates(tables), within_s=within_s)
    merchant = Merchant(id="shop", title="Shop", currency="USD", home_country="US", mail_sender="")
    return Customer(quoting, pool, merchant)


async def test_others_may_keep_catalog_stock_and_customers(pool: Pool) -> None:
    customer = elsewhere(pool, Elsewhere())
    quote = await customer.wants(("tea", 4), "pen", buyer=buyer("known@example.com"))
    assert codes(quote) == ["out_of_stock", "item_unavailable"]
    assert bill(quote)["total"] == 2000


@pytest.mark.parametrize("price", [Money(500, "EUR"), Money(-1, "USD")])
async def test_a_price_that_makes_no_sense_is_not_for_sale(pool: Pool, price: Money) -> None:
    customer = elsewhere(pool, Elsewhere([REPLACE(TEA, price=price)]))
    assert codes(await customer.wants("tea")) == ["item_unavailable"]


async def test_a_plug_in_that_fails_does_not_answer(pool: Pool) -> None:
    customer = elsewhere(pool, Elsewhere(fault=RuntimeError("disk on fire")))
    with pytest.raises(HandlerUnavailable, match="catalog") as refused:
        await customer.wants("tea")
    assert "fire" not in refused.value.text


async def test_a_refusal_of_a_plug_in_is_passed_on(pool: Pool) -> None:
    customer = elsewhere(pool, Elsewhere(fault=StoreUnavailable()))
    with pytest.raises(StoreUnavailable):
        await customer.wants("tea")


class Swindler(PostgresRates):
    """A delivery service that pays the buyer."""

    async def options(self, merchant_id: str, to: Address, lines: Sequence[PricedLine]) -> list[Option]:
        return [Option(id="gift", title="Gift", price_minor=-1)]


async def test_a_way_that_costs_less_than_nothing_is_no_answer(pool: Pool) -> None:
    tables = RuleTables(pool)
    shop = Elsewhere([REPLACE(TEA, ships=True)])
    quoting = Quoting(PluggedShop(shop, shop), PostgresPricing(tables), Swindler(tables))
    merchant = Merchant(id="shop", title="Shop", currency="USD", home_country="US", mail_sender="")
    with pytest.raises(HandlerUnavailable, match="delivery"):
        await Customer(quoting, pool, merchant).wants("tea", methods=shipping(NEW_YORK))


async def test_a_plug_in_that_is_silent_is_not_waited_for(pool: Pool) -> None:
    with pytest.raises(HandlerUnavailable):
        await elsewhere(pool, Silence(), within_s=0.01).wants("tea")
