from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.shapes import AT, CLAIMS, CODES, baskets, discount_rules, item, line
from ucp_server.domain.catalog import Item
from ucp_server.domain.discounts import Acquaintance, Discounted, DiscountRule, apply_discounts
from ucp_server.domain.money import Money
from ucp_server.domain.quote import Allocation, PricedLine

ROSES = [line(1, item(1, 3500))]
TEN = DiscountRule(title="10% Off", code="10OFF", rate_ppm=100_000)
TWENTY = DiscountRule(title="20% Off", code="WELCOME20", rate_ppm=200_000)
FIXED = DiscountRule(title="$5.00 Off", code="FIXED500", amount_minor=500)


def discounted(
    lines: Sequence[PricedLine],
    rules: Sequence[DiscountRule],
    codes: Sequence[str] = (),
    buyer: Acquaintance = Acquaintance.NAMELESS,
) -> Discounted:
    return apply_discounts(lines, rules, codes, buyer=buyer, at=AT)


def off(result: Discounted) -> list[tuple[str | None, int]]:
    return [(discount.code, discount.amount_minor) for discount in result.applied]


@pytest.mark.parametrize(
    ("codes", "expected", "left"),
    [
        (["10OFF"], [("10OFF", 350)], 3150),
        (["10OFF", "WELCOME20"], [("10OFF", 350), ("WELCOME20", 630)], 2520),
        (["WELCOME20", "10OFF"], [("WELCOME20", 700), ("10OFF", 280)], 2520),
        (["FIXED500"], [("FIXED500", 500)], 3000),
        (["FIXED500", "10OFF"], [("FIXED500", 500), ("10OFF", 300)], 2700),
        ([" welcome20 "], [("WELCOME20", 700)], 2800),
        ([], [], 3500),
    ],
)
def test_codes_work_one_after_the_other_on_what_is_left(
    codes: list[str], expected: list[tuple[str, int]], left: int
) -> None:
    result = discounted(ROSES, [TEN, TWENTY, FIXED], codes)
    assert off(result) == expected
    assert result.net_minor == {"li_1": left}
    assert result.order_minor == 3500 - left
    assert not result.problems


def test_a_percentage_cuts_what_is_left_to_whole_units() -> None:
    assert off(discounted([line(1, item(1, 999))], [TEN], ["10off"])) == [("10OFF", 100)]


def test_no_amount_falls_below_zero() -> None:
    big = DiscountRule(title="Big", code="BIG", amount_minor=10_000)
    result = discounted(ROSES, [big, TEN], ["BIG", "10OFF"])
    assert off(result) == [("BIG", 3500)]
    assert result.net_minor == {"li_1": 0}


PAPER = [line(1, item(1, 1000, "paper")), line(2, item(2, 505, "paper"), 3), line(3, item(3, 700, "tea"))]


def test_a_percentage_for_a_category_is_borne_by_each_of_its_lines() -> None:
    rule = DiscountRule(title="Paper", rate_ppm=100_000, categories=("paper",))
    result = discounted(PAPER, [rule])
    assert result.items_minor == {"li_1": 100, "li_2": 152, "li_3": 0}
    assert result.order_minor == 0
    (applied,) = result.applied
    assert applied.method == "each"
    assert applied.automatic
    assert applied.allocations == (
        Allocation(line_id="li_1", amount_minor=100),
        Allocation(line_id="li_2", amount_minor=152),
    )


def test_an_amount_for_some_items_is_spread_across_them() -> None:
    rule = DiscountRule(title="Two", code="TWO", amount_minor=1000, item_ids=("item_1", "item_3"))
    result = discounted(PAPER, [rule], ["two"])
    assert result.items_minor == {"li_1": 588, "li_2": 0, "li_3": 412}
    assert result.applied[0].method == "across"


def test_a_rule_for_a_product_covers_its_variants() -> None:
    rule = DiscountRule(title="Books", rate_ppm=500_000, item_ids=("notebook",))
    variant = Item(id="notebook-a5", title="A5", price=Money(800, "EUR"), product_id="notebook")
    assert off(discounted([line(1, variant)], [rule])) == [(None, 400)]


def test_priority_comes_before_the_order_of_codes() -> None:
    late = DiscountRule(title="Late", code="LATE", rate_ppm=500_000, priority=5)
    assert off(discounted(ROSES, [late, FIXED], ["LATE", "FIXED500"])) == [
        ("FIXED500", 500),
        ("LATE", 1500),
    ]


def test_an_automatic_rule_comes_before_codes_of_its_priority() -> None:
    spring = DiscountRule(title="Spring", amount_minor=500)
    assert off(discounted(ROSES, [spring, TEN], ["10OFF"])) == [(None, 500), ("10OFF", 300)]


ALONE = DiscountRule(title="Alone", code="ALONE", amount_minor=100, combinable=False)
PAST = DiscountRule(title="Past", code="PAST", amount_minor=100, ends_at=AT)
FUTURE = DiscountRule(title="Future", code="FUTURE", amount_minor=100, starts_at=AT + timedelta(seconds=1))
MEMBERS = DiscountRule(title="Members", code="MEMBERS", amount_minor=100, buyers_only=True)
ABOVE = DiscountRule(title="Above", code="ABOVE", amount_minor=100, subtotal_min_minor=3501)
TEA = DiscountRule(title="Tea", code="TEA", amount_minor=100, categories=("tea",))


@pytest.mark.parametrize(
    ("codes", "buyer", "rejected"),
    [
        (["NOPE"], Acquaintance.CUSTOMER, [("invalid", 0)]),
        (["10OFF", "10off"], Acquaintance.CUSTOMER, [("already_applied", 1)]),
        (["PAST"], Acquaintance.CUSTOMER, [("expired", 0)]),
        (["FUTURE"], Acquaintance.CUSTOMER, [("invalid", 0)]),
        (["MEMBERS"], Acquaintance.NAMELESS, [("user_not_logged_in", 0)]),
        (["MEMBERS"], Acquaintance.STRANGER, [("user_ineligible", 0)]),
        (["MEMBERS"], Acquaintance.CUSTOMER, []),
        (["ABOVE"], Acquaintance.CUSTOMER, [("user_ineligible", 0)]),
        (["TEA"], Acquaintance.CUSTOMER, [("user_ineligible", 0)]),
        (["ALONE", "10OFF"], Acquaintance.CUSTOMER, [("combination_disallowed", 1)]),
        (["10OFF", "ALONE"], Acquaintance.CUSTOMER, [("combination_disallowed", 1)]),
        (["10OFF", "NOPE", "FIXED500", ""], Acquaintance.CUSTOMER, [("invalid", 1), ("invalid", 3)]),
    ],
)
def test_a_rejected_code_is_named_by_its_warning_and_the_others_still_hold(
    codes: list[str], buyer: Acquaintance, rejected: list[tuple[str, int]]
) -> None:
    rules = [TEN, FIXED, ALONE, PAST, FUTURE, MEMBERS, ABOVE, TEA]
    result = discounted(ROSES, rules, codes, buyer)
    assert [(problem.code, problem.where) for problem in result.problems] == [
        (f"discount_code_{reason}", f"discount_codes[{index}]") for reason, index in rejected
    ]
    assert len(result.applied) == len(codes) - len(rejected)


def test_an_automatic_rule_never_displaces_a_code() -> None:
    alone = DiscountRule(title="Spring", amount_minor=900, combinable=False)
    assert off(discounted(ROSES, [alone, TEN], ["10OFF"])) == [("10OFF", 350)]
    assert off(discounted(ROSES, [alone, TEN])) == [(None, 900)]


def test_free_shipping_takes_nothing_off_the_goods() -> None:
    gift = DiscountRule(title="Gift", code="SHIP", free_shipping=True)
    result = discounted(ROSES, [gift], ["ship"])
    assert result.ships_free
    assert not result.applied
    assert [(problem.kind, problem.code) for problem in result.problems] == [("info", "free_shipping")]


@pytest.mark.parametrize(
    ("rule", "is_free"),
    [
        (DiscountRule(title="All", free_shipping=True), True),
        (DiscountRule(title="Roses", free_shipping=True, item_ids=("item_1",)), True),
        (DiscountRule(title="Tulips", free_shipping=True, item_ids=("item_2",)), False),
        (DiscountRule(title="Above", free_shipping=True, subtotal_min_minor=3500), True),
        (DiscountRule(title="Above", free_shipping=True, subtotal_min_minor=3501), False),
    ],
)
def test_a_promotion_frees_shipping_where_it_holds(rule: DiscountRule, is_free: bool) -> None:
    assert discounted(ROSES, [rule]).ships_free is is_free


@given(
    baskets(),
    st.lists(discount_rules(), max_size=6),
    st.lists(st.sampled_from(CODES), max_size=6),
    st.sampled_from(Acquaintance),
)
def test_what_is_taken_off_is_borne_by_the_lines_and_nobody_pays_less_than_nothing(
    lines: list[PricedLine], rules: list[DiscountRule], codes: list[str], buyer: Acquaintance
) -> None:
    result = discounted(lines, rules, codes, buyer)
    bases = {each.line_id: each.base_minor for each in lines}
    taken = sum(discount.amount_minor for discount in result.applied)
    assert sum(bases.values()) - taken == sum(result.net_minor.values())
    assert taken == result.order_minor + sum(result.items_minor.values())
    for line_id, base in bases.items():
        assert 0 <= result.net_minor[line_id] <= base - result.items_minor[line_id] <= base
    for discount in result.applied:
        assert discount.amount_minor > 0
        if discount.allocations:
            assert sum(part.amount_minor for part in discount.allocations) == discount.amount_minor
    rejected = {problem.where for problem in result.problems if problem.kind == "warning"}
    assert len({discount.code for discount in result.applied} - {None}) <= len(codes) - len(rejected)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"rate_ppm": 1, "amount_minor": 1},
        {"rate_ppm": 1, "free_shipping": True},
        {"rate_ppm": -1},
        {"rate_ppm": 1_000_001},
        {"amount_minor": -1},
    ],
)
def test_a_discount_takes_off_one_thing_between_nothing_and_all(members: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Odd"):
        DiscountRule(title="Odd", **members)


# --- claims ---

CLUB = DiscountRule(title="Members", rate_ppm=100_000, claim="com.example.club")
STUDENT = DiscountRule(title="Students", free_shipping=True, claim="org.school.student")


def claiming(rules: Sequence[DiscountRule], *claims: str, codes: Sequence[str] = ()) -> Discounted:
    return apply_discounts(ROSES, rules, codes, buyer=Acquaintance.NAMELESS, at=AT, claims=claims)


def test_a_claim_brings_its_discount_provisionally() -> None:
    result = claiming([CLUB], "com.example.other", "com.example.club")
    (applied,) = result.applied
    assert (applied.amount_minor, applied.automatic, applied.provisional) == (350, True, True)
    assert (applied.claim, applied.code) == ("com.example.club", None)
    assert result.claims == ("com.example.club",)
    assert [(problem.code, problem.where) for problem in result.problems] == [
        ("eligibility_not_accepted", "claims[0]"),
        ("eligibility_accepted", "claims[1]"),
    ]


def test_nobody_gets_what_nobody_claimed() -> None:
    result = claiming([CLUB, STUDENT])
    assert (result.applied, result.claims, result.problems, result.ships_free) == ((), (), (), False)


def test_free_delivery_can_be_claimed_and_has_to_be_verified_too() -> None:
    result = claiming([STUDENT], "org.school.student")
    assert (result.ships_free, result.applied, result.claims) == (True, (), ("org.school.student",))


@pytest.mark.parametrize(
    "rule",
    [
        msgspec.structs.replace(CLUB, subtotal_min_minor=3501),
        msgspec.structs.replace(CLUB, ends_at=AT),
        msgspec.structs.replace(CLUB, item_ids=("item_2",)),
        msgspec.structs.replace(CLUB, combinable=False),
    ],
)
def test_a_claim_that_brings_nothing_here_is_not_accepted(rule: DiscountRule) -> None:
    result = claiming([rule, TEN], "com.example.club", codes=["10OFF"])
    assert off(result) == [("10OFF", 350)]
    assert [problem.code for problem in result.problems] == ["eligibility_not_accepted"]
    assert result.claims == ()


@given(
    baskets(),
    st.lists(discount_rules(), max_size=6),
    st.lists(st.sampled_from(CODES), max_size=3),
    st.lists(st.sampled_from(CLAIMS), unique=True),
)
def test_every_claim_is_answered_and_what_it_brings_is_told(
    lines: list[PricedLine], rules: list[DiscountRule], codes: list[str], claims: list[str]
) -> None:
    result = apply_discounts(lines, rules, codes, buyer=Acquaintance.CUSTOMER, at=AT, claims=claims)
    answers = [problem for problem in result.problems if problem.code.startswith("eligibility_")]
    assert [problem.where for problem in answers] == [f"claims[{place}]" for place in range(len(claims))]
    accepted = {problem.where for problem in answers if problem.code == "eligibility_accepted"}
    assert accepted == {f"claims[{claims.index(claim)}]" for claim in result.claims}
    for discount in result.applied:
        assert discount.provisional == (discount.claim is not None)
        assert discount.claim is None or discount.claim in result.claims
        assert discount.claim is None or discount.automatic
    if not result.claims:
        unclaimed = [rule for rule in rules if rule.claim is None]
        plain = apply_discounts(lines, unclaimed, codes, buyer=Acquaintance.CUSTOMER, at=AT)
        assert (result.applied, result.net_minor) == (plain.applied, plain.net_minor)


def test_a_discount_has_a_code_or_a_claim() -> None:
    with pytest.raises(ValueError, match="a code and a claim"):
        DiscountRule(title="Odd", code="ODD", rate_ppm=1, claim="com.example.club")
