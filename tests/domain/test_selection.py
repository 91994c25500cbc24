"""Choosing among variants (T3:D/catalog/lookup, Option Selection and Filters)."""

from itertools import product as combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.domain.catalog import (
    Availability,
    Category,
    Choice,
    Filters,
    Product,
    ProductOption,
    Variant,
)
from ucp_server.domain.money import Money
from ucp_server.domain.selection import Selection, featured_first, in_categories, passing, select

SIZES = ("S", "M", "L")
COLOURS = ("Red", "Blue")
IN_STOCK = Availability(available=True, status="in_stock")
SOLD_OUT = Availability(available=False, status="out_of_stock")


def variant(size: str, colour: str, *, price: int = 1000, sold_out: bool = False) -> Variant:
    return Variant(
        id=f"{size}-{colour}".lower(),
        title=f"{size} {colour}",
        description="",
        price=Money(price, "EUR"),
        availability=SOLD_OUT if sold_out else IN_STOCK,
        choices=(Choice("Size", size), Choice("Colour", colour)),
    )


def shirt(*variants: Variant, categories: tuple[str, ...] = ()) -> Product:
    return Product(
        id="shirt",
        title="Shirt",
        description="",
        variants=variants,
        options=(ProductOption("Size", SIZES), ProductOption("Colour", COLOURS)),
        categories=tuple(Category(one) for one in categories),
    )


# Large is only there in red, medium blue is sold out.
SHIRT = shirt(
    variant("S", "Red"),
    variant("S", "Blue"),
    variant("M", "Red"),
    variant("M", "Blue", sold_out=True),
    variant("L", "Red"),
)


def ids(chosen: Selection) -> list[str]:
    return [one.id for one in chosen.variants]


def signals(product: Product, *choices: Choice) -> dict[tuple[str, str], tuple[bool, bool]]:
    chosen = select(product, choices)
    return {
        (option.name, value.label): (value.available, value.exists)
        for option in chosen.options
        for value in option.values
    }


def test_without_a_choice_the_featured_variant_is_chosen():
    chosen = select(SHIRT, ())
    assert chosen.choices == (Choice("Size", "S"), Choice("Colour", "Red"))
    assert ids(chosen) == ["s-red"]


def test_the_featured_variant_is_one_that_can_be_bought():
    product = shirt(variant("S", "Red", sold_out=True), variant("M", "Red"))
    assert select(product, ()).choices == (Choice("Size", "M"), Choice("Colour", "Red"))
    assert [one.id for one in featured_first(product.variants)] == ["m-red", "s-red"]
    assert featured_first(()) == ()


def test_a_partial_choice_leaves_all_that_fit():
    chosen = select(SHIRT, [Choice("size", " m ")])
    assert chosen.choices == (Choice("Size", "M"),)
    assert ids(chosen) == ["m-red", "m-blue"]


@pytest.mark.parametrize(
    ("preferences", "left"),
    [
        ((), [Choice("Size", "L")]),
        (("Size", "Colour"), [Choice("Size", "L")]),
        (("Colour", "Size"), [Choice("Colour", "Blue")]),
        (("colour",), [Choice("Colour", "Blue")]),
    ],
)
def test_what_counts_least_is_dropped_first(preferences: tuple[str, ...], left: list[Choice]):
    chosen = select(SHIRT, [Choice("Size", "L"), Choice("Colour", "Blue")], preferences)
    assert list(chosen.choices) == left


def test_an_option_that_nobody_has_is_dropped():
    assert select(SHIRT, [Choice("Cut", "wide"), Choice("Size", "L")]).choices == (Choice("Size", "L"),)


def test_a_variant_s_id_decides_alone():
    chosen = select(SHIRT, [Choice("Size", "S")], (), "m-blue")
    assert chosen.choices == (Choice("Size", "M"), Choice("Colour", "Blue"))
    assert ids(chosen) == ["m-blue"]


def test_options_tell_what_another_choice_leads_to():
    told = signals(SHIRT, Choice("Size", "M"), Choice("Colour", "Red"))
    assert told == {
        ("Size", "S"): (True, True),
        ("Size", "M"): (True, True),
        ("Size", "L"): (True, True),
        ("Colour", "Red"): (True, True),
        ("Colour", "Blue"): (False, True),
    }
    assert signals(SHIRT, Choice("Colour", "Blue"))["Size", "L"] == (False, False)


@given(
    there=st.lists(st.sampled_from(list(combinations(SIZES, COLOURS))), min_size=1, unique=True),
    wanted=st.lists(
        st.sampled_from([*(Choice("Size", s) for s in SIZES), *(Choice("Colour", c) for c in COLOURS)]),
        unique_by=lambda choice: choice.name,
    ),
    preferences=st.permutations(["Size", "Colour"]),
)
def test_there_is_always_a_variant_and_no_choice_is_dropped_in_vain(
    there: list[tuple[str, str]], wanted: list[Choice], preferences: list[str]
):
    product = shirt(*(variant(size, colour) for size, colour in there))
    chosen = select(product, wanted, preferences)
    assert chosen.variants
    assert all(set(chosen.choices) <= set(one.choices) for one in chosen.variants)
    if wanted:
        assert set(chosen.choices) <= set(wanted)
        for dropped in set(wanted) - set(chosen.choices):
            assert not any({dropped, *chosen.choices} <= set(one.choices) for one in product.variants)


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        (Filters(), True),
        (Filters(price_min_minor=1000, price_max_minor=1000), True),
        (Filters(price_min_minor=1001), False),
        (Filters(price_max_minor=999), False),
        (Filters(available=True), True),
        (Filters(available=False), False),
        (Filters(choices=(Choice("size", "s"), Choice("Size", "M"))), True),
        (Filters(choices=(Choice("Size", "M"), Choice("Size", "L"))), False),
        (Filters(choices=(Choice("Size", "S"), Choice("Colour", "Blue"))), False),
        (Filters(choices=(Choice("Cut", "wide"),)), False),
    ],
)
def test_filters_hold_together(filters: Filters, fits: bool):
    assert passing(filters)(variant("S", "Red")) is fits


@pytest.mark.parametrize(
    ("asked", "is_in"),
    [
        ((), True),
        (("apparel",), True),
        (("Apparel > shirts",), True),
        (("Shoes", "Apparel>Shirts"), False),
        (("Shirts",), False),
    ],
)
def test_a_category_is_named_by_its_path_or_what_it_lies_in(asked: tuple[str, ...], is_in: bool):
    assert in_categories(shirt(variant("S", "Red"), categories=("Apparel > Shirts",)), asked) is is_in
