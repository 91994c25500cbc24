"""Offers are found by what is asked of them, across merchants, and by the handle that is theirs alone."""

import pytest

from tests.engine.shopfront import TEN_PER_CENT, put_offer
from tests.store.shops import execute
from ucp_server.domain.attribution import OfferQuery
from ucp_server.domain.money import Money
from ucp_server.store.database import Pool
from ucp_server.store.offers import OFFERS_MAX, PostgresOffers


@pytest.fixture
async def offers(pool: Pool) -> PostgresOffers:
    await put_offer(
        pool,
        "small",
        item_id="sim-10",
        title="Small plan",
        price_minor=500,
        provider="Harbour",
        data_gb=10,
        contract_months=0,
    )
    await put_offer(
        pool,
        "large",
        item_id="sim-60",
        title="Large plan",
        price_minor=1800,
        provider="Meadow Mobile",
        data_gb=60.5,
        contract_months=12,
    )
    await put_offer(
        pool,
        "endless",
        item_id="sim-all",
        title="All you can",
        price_minor=3000,
        merchant_id="other",
        provider="Meadow Mobile",
        data_gb="unlimited",
        contract_months=12,
    )
    await put_offer(
        pool,
        "line",
        item_id="dsl",
        title="A line at home",
        price_minor=2500,
        vertical="broadband",
        provider="Harbour",
        contract_months="as you like",
    )
    return PostgresOffers(pool)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (OfferQuery(), ["small", "large", "line", "endless"]),
        (OfferQuery(limit=2), ["small", "large"]),
        (OfferQuery(limit=OFFERS_MAX + 1), ["small", "large", "line", "endless"]),
        (OfferQuery(vertical="sim"), ["small", "large", "endless"]),
        (OfferQuery(vertical="SIM"), ["small", "large", "endless"]),
        (OfferQuery(vertical="hotels"), []),
        (OfferQuery(provider="meadow mobile"), ["large", "endless"]),
        (OfferQuery(provider="Meadow"), []),
        (OfferQuery(min_price_minor=1800, max_price_minor=2500), ["large", "line"]),
        (OfferQuery(data_gb_min=10), ["small", "large", "endless"]),
        (OfferQuery(data_gb_min=60.5), ["large", "endless"]),
        (OfferQuery(data_gb_min=61), ["endless"]),
        (OfferQuery(contract_months=0), ["small"]),
        (OfferQuery(contract_months=12, vertical="sim", max_price_minor=2000), ["large"]),
        (OfferQuery(text="plan"), ["small", "large"]),
        (OfferQuery(text="meadow plan"), ["large"]),
        (OfferQuery(text="plan -large"), ["small"]),
        (OfferQuery(text="broadband harbour"), ["line"]),
        (OfferQuery(text="' ; drop table offers; --"), []),
        (OfferQuery(text="pl\0an"), []),
        (OfferQuery(vertical="sim\0"), []),
        (OfferQuery(provider="\0"), []),
    ],
)
async def test_search(offers: PostgresOffers, query: OfferQuery, found: list[str]):
    assert [offer.id for offer in await offers.search(query)] == found


async def test_an_offer_is_the_item_as_it_is_now(offers: PostgresOffers, pool: Pool):
    offer = await offers.find("large")
    assert offer is not None
    assert (offer.merchant_id, offer.item_id, offer.name, offer.price, offer.commission, offer.active) == (
        "shop",
        "sim-60",
        "Large plan",
        Money(1800, "EUR"),
        TEN_PER_CENT,
        True,
    )
    assert offer.criteria == {"data_gb": 60.5, "contract_months": 12}
    await execute(pool, "update items set price_minor = 1900 where id = 'sim-60'")
    offer = await offers.find("large")
    assert offer is not None
    assert offer.price == Money(1900, "EUR")


async def test_what_is_not_offered_any_more_is_known_and_not_found_in_searches(
    offers: PostgresOffers, pool: Pool
):
    await execute(pool, "update offers set active = false where id = 'small'")
    assert "small" not in [offer.id for offer in await offers.search(OfferQuery())]
    offer = await offers.find("small")
    assert offer is not None
    assert not offer.active
    assert await offers.find("nothing") is None
    await execute(pool, "delete from items where id = 'dsl'")
    assert await offers.find("line") is None
