"""What a posted form may hold, and what it makes of a basket."""

from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ucp import samples
from ucp_server.domain import problems
from ucp_server.domain.checkout import Buyer, Checkout
from ucp_server.domain.fulfillment import Address
from ucp_server.languages import LANGUAGES
from ucp_server.pages.contexts import Shop
from ucp_server.pages.forms import BadFormError, is_changed, read_form, wanted_from

BASKET: Any = samples.checkout().basket


def posted(**fields: str) -> dict[str, str]:
    return {name.replace("__", "."): text for name, text in fields.items()}


# --- reading ---


@given(
    st.dictionaries(
        st.text(min_size=1), st.text(alphabet=st.characters(exclude_categories=["C"])), max_size=20
    )
)
def test_what_a_browser_posts_is_read_back(fields: dict[str, str]):
    fields = {name: text[:500] for name, text in fields.items()}
    assert read_form(urlencode(fields).encode()) == {name: text.strip() for name, text in fields.items()}


@pytest.mark.parametrize(
    "body",
    [
        b"a",
        b"a=1&b",
        b"a=1;b=2&c",
        b"a=%ff",
        b"a=%ed%a0%80",
        "a=é".encode(),
        b"a=" + b"x" * 20_001,
        b"&".join(b"f%d=1" % n for n in range(701)),
    ],
    ids=lambda body: body[:20].decode("latin-1"),
)
def test_what_no_browser_posts_is_refused(body: bytes):
    with pytest.raises(BadFormError):
        read_form(body)


@pytest.mark.parametrize("body", [b"a=%00one%09two", b"a=one%0atwo", b"a=one%1btwo%c2%85"])
def test_a_field_is_one_line_without_controls(body: bytes):
    assert read_form(body)["a"] == "one two"


def test_the_largest_order_fits_into_a_form():
    lines = {f"quantity.li_{n}": "1" for n in range(500)}
    ways = {f"m{n}.{name}": "x" for n in range(20) for name in "abcdefgh"}
    assert len(read_form(urlencode(lines | ways).encode())) == 660


def test_an_empty_body_is_an_empty_form():
    assert read_form(b"") == {}


# --- wanting ---


@pytest.mark.parametrize("checkout", [samples.checkout(), samples.completed()])
def test_without_fields_everything_stays(checkout: Checkout):
    wanted = wanted_from(checkout, {})
    assert not is_changed(checkout, wanted)
    assert [(line.id, line.quantity) for line in wanted.lines] == [("line_1", 2)]
    assert (wanted.buyer, wanted.discount_codes) == (BASKET.buyer, BASKET.discount_codes)
    assert (wanted.instruments, wanted.context) == (BASKET.instruments, BASKET.context)


def test_the_buyer_changes_what_was_told_and_keeps_the_rest():
    wanted = wanted_from(
        samples.checkout(), posted(first_name="Grace", phone_number="", email="g@example.com")
    )
    assert wanted.buyer == msgspec.structs.replace(BASKET.buyer, first_name="Grace", email="g@example.com")


def test_fields_left_empty_make_no_buyer():
    checkout = samples.checkout(basket=msgspec.structs.replace(BASKET, buyer=None))
    assert wanted_from(checkout, posted(first_name="", email="")).buyer is None
    assert wanted_from(checkout, posted(email="g@example.com")).buyer == Buyer(email="g@example.com")


@pytest.mark.parametrize(
    ("typed", "codes"),
    [("A b", ("A", "b")), ("A,b ,  C", ("A", "b", "C")), ("", ()), ("10OFF NOPE", ("10OFF", "NOPE"))],
)
def test_codes_are_words(typed: str, codes: tuple[str, ...]):
    assert wanted_from(samples.checkout(), {"codes": typed}).discount_codes == codes


ENGLISH_SHOP = Shop(merchant_id="demo", title="Kiosk", origin="https://shop.example")
GERMAN_PAGE = msgspec.structs.replace(ENGLISH_SHOP, language=LANGUAGES["de"])
GERMAN_SHOP = msgspec.structs.replace(GERMAN_PAGE, own_language="de")


@pytest.mark.parametrize(
    ("before", "shop", "after"),
    [
        (None, ENGLISH_SHOP, None),
        (None, GERMAN_SHOP, None),
        (None, GERMAN_PAGE, {"language": "de"}),
        ({"language": "de-AT"}, GERMAN_PAGE, {"language": "de-AT"}),
        ({"language": "de"}, ENGLISH_SHOP, {"language": "en"}),
        ({"language": 7, "intent": "gift"}, GERMAN_PAGE, {"language": "de", "intent": "gift"}),
        ({"language": "tlh"}, ENGLISH_SHOP, {"language": "tlh"}),
    ],
)
def test_the_buyer_is_written_to_in_the_language_of_the_page(before: Any, shop: Shop, after: Any):
    checkout = samples.checkout(basket=msgspec.structs.replace(BASKET, context=before))
    wanted = wanted_from(checkout, {}, shop)
    assert wanted.context == after
    assert is_changed(checkout, wanted) == (before != after)


def test_no_codes_stay_no_codes():
    checkout = samples.checkout(basket=msgspec.structs.replace(BASKET, discount_codes=None))
    assert wanted_from(checkout, {"codes": ""}).discount_codes is None


@pytest.mark.parametrize(("typed", "quantity"), [("5", 5), ("", 2), ("9999", 9999)])
def test_a_quantity_is_a_small_number(typed: str, quantity: int):
    (line,) = wanted_from(samples.checkout(), posted(quantity__line_1=typed)).lines
    assert (line.quantity, line.item_id) == (quantity, "roses")


@pytest.mark.parametrize("typed", ["-1", "1.5", "1e3", "10000", "²", "٣", "many", "0x10", "+1"])
def test_a_quantity_that_is_none_is_refused(typed: str):
    with pytest.raises(BadFormError):
        wanted_from(samples.checkout(), posted(quantity__line_1=typed))


def test_a_line_of_none_is_removed_and_lines_of_others_are_no_concern():
    assert wanted_from(samples.checkout(), posted(quantity__line_1="0")).lines == ()
    assert len(wanted_from(samples.checkout(), posted(quantity__line_2="0")).lines) == 1


# --- where and how ---


def method_of(checkout: Checkout, **fields: str) -> Any:
    methods = wanted_from(checkout, posted(**fields)).methods
    assert methods is not None
    return methods[0]


def test_a_written_address_joins_those_that_were_there():
    checkout = samples.checkout()
    method = method_of(
        checkout,
        m0__place="written",
        m0__street_address="Ahornweg 7",
        m0__locality="Berlin",
        m0__country="de",
        first_name="Grace",
    )
    assert method.selected_destination_id == "buyer"
    assert [d.id for d in method.destinations] == [*(d.id for d in places(checkout)), "buyer"]
    assert method.destinations[-1].address == Address(
        street_address="Ahornweg 7", locality="Berlin", country="DE", first_name="Grace"
    )


def places(checkout: Checkout) -> Any:
    assert checkout.quote.methods is not None
    return checkout.quote.methods[0].destinations


def test_what_was_written_counts_only_where_it_was_chosen():
    checkout = samples.checkout()
    chosen = checkout.quote.methods[0].selected_destination_id  # type: ignore[index]  # the sample has methods
    method = method_of(checkout, m0__place=chosen, m0__street_address="Ahornweg 7")
    assert (method.selected_destination_id, method.destinations) == (chosen, None)


@pytest.mark.parametrize("country", ["", "DE"])
def test_an_address_is_more_than_a_country(country: str):
    checkout = samples.checkout()
    wanted = wanted_from(checkout, posted(m0__place="written", m0__country=country, m0__locality=""))
    assert not is_changed(checkout, wanted)


def test_an_address_that_does_not_do_gives_way_to_the_written_one():
    checkout = samples.checkout()
    chosen = checkout.quote.methods[0].destination  # type: ignore[index]  # the sample has methods
    at = places(checkout).index(chosen)
    problem = problems.address_incomplete("postal_code", f"methods[0].destinations[{at}]")
    broken = samples.checkout(quote=msgspec.structs.replace(checkout.quote, problems=(problem,)))
    method = method_of(broken, m0__place="written", m0__street_address="Ahornweg 7")
    assert [d.id for d in method.destinations] == [
        *(d.id for d in places(checkout) if d != chosen),
        "buyer",
    ]


def test_an_option_is_chosen_by_its_group():
    checkout = samples.checkout()
    group = checkout.quote.methods[0].groups[0]  # type: ignore[index]  # the sample has methods
    method = method_of(checkout, **{f"m0.option.{group.id}": "exp-ship"})
    assert method.groups[0].selected_option_id == "exp-ship"
