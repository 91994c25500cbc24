from pathlib import Path

import msgspec
import pytest

from tests.domain.shapes import item, line
from tests.store.shops import imported
from ucp_server.domain.fulfillment import Address, Destination
from ucp_server.store.database import Pool
from ucp_server.store.rates import PostgresRates, options_to
from ucp_server.store.rules import RuleTables, ShippingRate


def rate(
    id_: str, level: str, price: int | None, country: str | None = None, **more: object
) -> ShippingRate:
    return ShippingRate(id=id_, title=id_, service_level=level, price_minor=price, country=country, **more)


RATES = [
    rate("world", "standard", 500),
    rate("world-express", "express", 2500),
    rate("us-express", "express", 1500, "US"),
    rate("de-small", "standard", 300, "DE", weight_max_g=1000),
    rate("de-large", "standard", 700, "DE"),
    rate("hawaii", "standard", 900, "US", region="HI"),
    rate("no-express-to-hawaii", "express", None, "US", region="HI"),
]


@pytest.mark.parametrize(
    ("place", "weight_g", "offered"),
    [
        (Address(country="US"), 0, ["world", "us-express"]),
        (Address(country="us", region="hi "), 0, ["hawaii"]),
        (Address(country="CA"), 0, ["world", "world-express"]),
        (Address(country="DE"), 1000, ["de-small", "world-express"]),
        (Address(country="DE"), 1001, ["de-large", "world-express"]),
        (Address(), 0, ["world", "world-express"]),
    ],
)
def test_each_service_level_has_the_rate_of_the_narrowest_place(
    place: Address, weight_g: int, offered: list[str]
) -> None:
    options = options_to(RATES, place, weight_g)
    assert [option.id for option in options] == offered
    assert [option.price_minor for option in options] == sorted(option.price_minor for option in options)


def test_without_a_rate_there_is_no_way() -> None:
    assert options_to([rate("de", "standard", 300, "DE")], Address(country="FR"), 0) == []
    assert options_to([], Address(country="FR"), 0) == []


async def test_weight_is_that_of_all_pieces(pool: Pool, tmp_path: Path) -> None:
    rates = (
        "id,country_code,service_level,price,title,weight_max_g,carrier,description\n"
        "small,default,standard,300,Small,1000,Bird,Two days\nlarge,default,standard,700,Large,,,\n"
    )
    await imported(pool, tmp_path, shipping_rates=rates)
    service = PostgresRates(RuleTables(pool))
    heavy = line(1, msgspec.structs.replace(item(1, 100), weight_g=400), 3)
    (option,) = await service.options("shop", Address(country="DE"), [heavy])
    assert option.id == "large"
    (option,) = await service.options("shop", Address(country="DE"), [])
    assert (option.id, option.carrier, option.description) == ("small", "Bird", "Two days")


async def test_goods_can_be_collected_where_the_merchant_is(pool: Pool, tmp_path: Path) -> None:
    places = (
        "id,name,street_address,city,postal_code,country,opening_hours,price\n"
        "b,Berlin,Ahornweg 7,Berlin,10437,de,Daily 10-18,100\n"
    )
    await imported(pool, tmp_path, pickup_locations=places)
    ((place, option),) = await PostgresRates(RuleTables(pool)).locations("shop", [])
    assert place == Destination(
        id="b",
        kind="business_location",
        name="Berlin",
        address=Address(street_address="Ahornweg 7", locality="Berlin", postal_code="10437", country="DE"),
    )
    assert (option.id, option.title, option.price_minor, option.description) == (
        "collect-b",
        "Collect at Berlin",
        100,
        "Daily 10-18",
    )
