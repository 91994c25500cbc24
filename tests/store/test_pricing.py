from pathlib import Path

import pytest

from tests.store.shops import execute, imported
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.taxes import TaxRule
from ucp_server.store.database import Pool, recorded_statements
from ucp_server.store.pricing import PostgresPricing
from ucp_server.store.rules import RuleTables

DISCOUNTS = (
    "code,type,value,description\nTEN,percentage,10,Ten\nFive,fixed_amount,500,Five\n,percentage,12.5,All\n"
)
TAXES = (
    "country,region,category,rate_basis_points,included\n"
    "US,,,0,\nUS,,food,0,no\nUS,NY,,887.5,\nUS,NY,clothing,400,\nDE,,,1900,yes\n"
)


async def test_automatic_rules_come_always_and_codes_when_they_are_named(
    pool: Pool, tmp_path: Path
) -> None:
    await imported(
        pool,
        tmp_path,
        discounts=DISCOUNTS,
        promotions="id,type,min_subtotal,description\nfree,free_shipping,6000,Free\n",
    )
    pricing = PostgresPricing(RuleTables(pool))
    assert [rule.title for rule in await pricing.discounts("shop", [], [])] == ["Free", "All"]
    rules = await pricing.discounts("shop", [], ["five ", "NOPE", "ten"])
    assert [(rule.title, rule.code, rule.rate_ppm, rule.amount_minor) for rule in rules[2:]] == [
        ("Five", "Five", None, 500),
        ("Ten", "TEN", 100_000, None),
    ]
    assert rules[1].rate_ppm == 125_000
    assert await pricing.discounts("other", [], ["TEN"]) == []


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (
            Address(country="US", region="ny"),
            [("NY", "clothing"), ("NY", None), (None, "food"), (None, None)],
        ),
        (Address(country="us", region="TX"), [(None, "food"), (None, None)]),
        (Address(country="DE"), [(None, None)]),
        (Address(country="FR"), []),
        (Address(), []),
    ],
)
async def test_the_most_specific_tax_comes_first(
    pool: Pool, tmp_path: Path, place: Address, expected: list[tuple[str | None, str | None]]
) -> None:
    await imported(pool, tmp_path, taxes=TAXES)
    rules = await PostgresPricing(RuleTables(pool)).taxes("shop", place)
    assert [(rule.region, rule.category) for rule in rules] == expected


async def test_a_rate_may_have_a_fraction_of_a_basis_point(pool: Pool, tmp_path: Path) -> None:
    await imported(pool, tmp_path, taxes=TAXES)
    rules = await PostgresPricing(RuleTables(pool)).taxes("shop", Address(country="US", region="NY"))
    assert rules[1] == TaxRule(rate_ppm=88_750, country="US", region="NY")


async def test_rules_are_read_once_while_they_are_fresh(pool: Pool, tmp_path: Path) -> None:
    await imported(pool, tmp_path, discounts=DISCOUNTS)
    pricing = PostgresPricing(RuleTables(pool, ttl_s=3600))
    with recorded_statements() as statements:
        for _ in range(3):
            await pricing.discounts("shop", [], ["TEN"])
            await pricing.taxes("shop", Address(country="DE"))
    assert len(statements) == 1


async def test_rules_that_are_no_longer_fresh_are_read_again(pool: Pool, tmp_path: Path) -> None:
    await imported(pool, tmp_path, discounts=DISCOUNTS)
    pricing = PostgresPricing(RuleTables(pool, ttl_s=0))
    assert len(await pricing.discounts("shop", [], [])) == 1
    await execute(pool, "delete from shop_rules")
    assert await pricing.discounts("shop", [], []) == []
