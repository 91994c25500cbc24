"""The context of the hand-off page: each problem once and at its place, and when it can be paid."""

import re
from typing import Any

import msgspec
import pytest

from tests.ucp import samples
from ucp_server.domain import problems
from ucp_server.domain.checkout import Buyer, Checkout, Instrument, Line
from ucp_server.domain.problems import Problem
from ucp_server.languages import LANGUAGES
from ucp_server.pages.checkout import checkout_page
from ucp_server.pages.contexts import CheckoutPage, Link, Shop
from ucp_server.pages.forms import ADDRESS_FIELDS
from ucp_server.pages.payment import Paying
from ucp_server.pages.rendering import ASSETS, show
from ucp_server.pages.words import refusal_code
from ucp_server.ports import OnPage

SHOP = Shop(
    merchant_id="demo",
    title="Kiosk",
    origin="https://shop.example",
    links=(Link(type="terms_of_service", title="Terms", url="https://shop.example/terms"),),
    required=("email",),
    country="DE",
)
ACCOUNT = Instrument(id="a", handler_id="h", type="account", display={"description": "Your account"})
GROUPS = "methods[0].groups[0].selected_option_id"


def page_of(
    checkout: Checkout,
    *,
    said: str | None = None,
    payment: Instrument | None = ACCOUNT,
    code: str = "en",
) -> CheckoutPage:
    shop = msgspec.structs.replace(SHOP, language=LANGUAGES[code])
    paying = Paying(payment=OnPage(instrument=payment) if payment else None)
    return checkout_page(checkout, shop, form_token="f", said=said, assets=ASSETS, paying=paying)


def told(page: CheckoutPage) -> list[str]:
    """Every sentence about something wrong, wherever it stands."""
    return [
        *(notice.text for notice in (*page.notices, *page.code_notices)),
        *(field.problem for field in page.buyer if field.problem),
        *(method.place_problem for method in page.methods if method.place_problem),
        *(field.problem for method in page.methods for field in method.address if field.problem),
        *(group.problem for method in page.methods for group in method.groups if group.problem),
        *(text for line in page.lines for text in (line.problem, line.note) if text),
    ]


PROBLEMS = [
    (problems.buyer_field_missing("email"), "Please fill this in."),
    (problems.buyer_field_missing("full_name"), "Please fill this in."),
    (problems.item_needs_review("Roses", "lines[0]"), "Needs your own confirmation"),
    (problems.out_of_stock("Roses", 1, "lines[0]"), "Only 1 is left."),
    (problems.quantity_limit("Roses", 1, "lines[0]"), "At most 1 per order."),
    (problems.nothing_ordered(), "Nothing is in this order yet."),
    (problems.stock_unknown(), "We cannot see at the moment"),
    (problems.high_value_order("10 USD"), "An order of this value"),
    (problems.other_currency("EUR", "USD"), "This shop sells in USD"),
    (problems.fulfillment_missing("methods"), "Please choose where to collect it."),
    (problems.fulfillment_missing("methods[0].selected_destination_id"), "Please tell us where it goes."),
    (problems.fulfillment_missing("methods[1].selected_destination_id"), "Please choose where"),
    (problems.fulfillment_missing(GROUPS), "Please choose one."),
    (problems.option_unknown(GROUPS), "Your earlier choice is not possible here"),
    (problems.fulfillment_changed(GROUPS), "Your earlier choice is not possible here"),
    (problems.address_undeliverable("methods[0].destinations[0]"), "We do not deliver to this address."),
    (problems.address_incomplete("locality", "methods[0].destinations[0]"), "Please fill this in."),
    (
        problems.destination_unknown("methods[0].selected_destination_id"),
        "one of the places that are offered here",
    ),
    (problems.method_unavailable("drone", "methods[3].type"), "This way of delivery is not offered"),
    (
        problems.discount_rejected("NOPE", "invalid", "This code is not known here.", 1),
        "NOPE: This code is not known here.",
    ),
    (problems.free_shipping_granted("FREE", 0), "FREE: standard delivery is free."),
    (problems.payment_failed("No money."), "No money."),
    (problems.payment_needs_buyer("Ask the bank."), "one more confirmation by you"),
    (problems.price_changed(), "A price changed a moment ago."),
]


def ids(value: object) -> str:
    return f"{value.code} {value.where}" if isinstance(value, Problem) else ""


@pytest.mark.parametrize(("problem", "text"), PROBLEMS, ids=ids)
def test_a_problem_is_told_once(problem: Problem, text: str):
    page = page_of(samples.with_problems(problem))
    (found,) = told(page)
    assert text in found
    assert text.partition(":")[0].encode() in show(page).body


@pytest.mark.parametrize("problem", [found for found, _ in PROBLEMS if found.text != "No money."], ids=ids)
def test_a_problem_is_told_in_the_buyers_language(problem: Problem):
    for code, letters in {"de": "[a-z]", "ar": "[\u0600-\u06ff]", "ja": "[\u3040-\u30ff]"}.items():
        (found,) = told(page_of(samples.with_problems(problem), code=code))
        assert re.search(letters, found), found
        assert found not in told(page_of(samples.with_problems(problem)))


def test_problems_together_are_all_told():
    found = [problem for problem, _ in PROBLEMS if problem.where != "lines[0]"]
    sentences = " ".join(told(page_of(samples.with_problems(*found))))
    for problem, text in PROBLEMS:
        assert problem.where == "lines[0]" or problem.code.startswith("fulfillment") or text in sentences


def test_what_is_missing_is_listed_with_its_place():
    page = page_of(
        samples.with_problems(
            problems.buyer_field_missing("email"),
            problems.fulfillment_missing("methods[0].selected_destination_id"),
            problems.fulfillment_missing(GROUPS),
            problems.fulfillment_missing("methods[1].selected_destination_id"),
        )
    )
    assert [(need.text, need.anchor) for need in page.needs] == [
        ("Your e-mail", "email"),
        ("Where it goes", "m0"),
        ("How it reaches you", "m0.option.group_1.problem"),
        ("Where you collect it", "m1"),
    ]
    html = show(page).body.decode()
    assert all(f'id="{need.anchor}"' in html for need in page.needs)


# --- when it can be paid ---


@pytest.mark.parametrize(
    ("found", "is_payable"),
    [
        ([], True),
        ([problems.high_value_order("1 USD")], True),
        ([problems.item_needs_review("Roses", "lines[0]")], True),
        ([problems.buyer_field_missing("email")], True),
        ([problems.discount_rejected("NOPE", "invalid", "Not known.", 0)], True),
        ([problems.out_of_stock("Roses", 0, "lines[0]")], False),
        ([problems.fulfillment_missing(GROUPS)], False),
        ([problems.address_undeliverable("methods[0].destinations[0]")], False),
        ([problems.stock_unknown()], False),
        ([problems.terms_not_agreed()], True),
        ([problems.high_value_order("1 USD"), problems.stock_unknown()], False),
    ],
)
def test_it_can_be_paid_when_nothing_but_the_buyer_is_missing(found: list[Problem], is_payable: bool):
    page = page_of(samples.with_problems(*found))
    assert (page.pay_text != "") == is_payable
    assert (b'value="pay"' in show(page).body) == is_payable


def test_a_failed_payment_does_not_bar_the_next():
    page = page_of(samples.checkout(payment_problems=(problems.payment_failed("No."),)))
    assert page.pay_text == "$68.00"


def test_a_page_without_a_way_to_pay_shows_no_button():
    page = page_of(samples.with_problems(), payment=None)
    assert (page.pay_text, page.pays_with) == ("", "")
    assert b'value="pay"' not in show(page).body
    assert page.lead.endswith("please go back there.")


def test_nobody_is_sent_back_to_an_assistant_who_cannot_pay_either():
    page = page_of(samples.with_problems(problems.high_value_order("1 USD")), payment=None)
    assert page.lead.endswith("please turn to the shop.")


def test_what_became_of_a_press_is_told_unless_the_checkout_tells_it_better():
    assert told(page_of(samples.with_problems(), said="payment_failed")) == [
        "The payment was declined. Nothing was charged; you can try again."
    ]
    failed = samples.with_problems(payment_problems=(problems.payment_failed("Card expired."),))
    assert told(page_of(failed, said="payment_failed")) == ["Card expired."]
    assert told(page_of(samples.with_problems(), said="<b>")) == [
        "That was not possible; please look at your order again."
    ]
    assert refusal_code("Call 0900!") == "other"


# --- parts ---


def buyer_page(**told: Any) -> CheckoutPage:
    basket = msgspec.structs.replace(samples.checkout().basket, buyer=Buyer(**told))
    return page_of(samples.with_problems(basket=basket))


def test_a_buyer_of_one_name_keeps_it_in_one_field():
    page = buyer_page(full_name="Ada Agent")
    assert [field.name for field in page.buyer] == ["full_name", "email", "phone_number"]
    page = buyer_page(full_name="Ada Agent", first_name="Ada")
    assert [field.name for field in page.buyer] == ["first_name", "last_name", "email", "phone_number"]


def test_what_the_shop_asks_for_is_required():
    fields = {field.name: field for field in buyer_page(email="a@b.example").buyer}
    assert (fields["email"].is_required, fields["email"].is_optional) == (True, False)
    assert (fields["first_name"].is_required, fields["first_name"].is_optional) == (False, True)


def test_what_is_not_sold_any_more_is_shown_so_that_it_can_be_removed():
    basket = msgspec.structs.replace(
        samples.checkout().basket,
        lines=(Line(id="line_9", item_id="gone", quantity=1), *samples.checkout().basket.lines),
    )
    page = page_of(samples.with_problems(problems.item_unavailable("gone", "lines[0]"), basket=basket))
    first, second = page.lines
    assert (first.name, first.title, first.amount) == ("quantity.line_9", "gone", "")
    assert "not sold here any more" in first.problem
    assert (second.title, second.problem) == ("Roses", "")


def test_an_address_that_does_not_do_is_offered_for_writing():
    page = page_of(samples.with_problems(problems.address_incomplete("x", "methods[0].destinations[0]")))
    method = page.methods[0]
    assert (method.places, method.writes_address) == ((), True)
    values = {field.name: field.value for field in method.address}
    assert values["m0.street_address"] == "Main Street 1"
    country = method.address[-1]
    assert [choice.title for choice in country.choices if choice.is_chosen] == ["United States"]


def test_names_and_addresses_are_asked_for_in_the_order_in_which_people_write_them():
    page = page_of(samples.checkout(), code="ja")
    assert [field.name for field in page.buyer][:2] == ["last_name", "first_name"]
    address = [field.name.partition(".")[2] for field in page.methods[0].address]
    assert address[0] == "country"
    assert sorted(address) == sorted(ADDRESS_FIELDS)


def test_an_address_starts_in_the_shops_own_country():
    method = page_of(samples.with_problems()).methods[0]
    assert not any(field.is_required for field in method.address), "there is another to choose"
    assert [choice.value for choice in method.address[-1].choices if choice.is_chosen] == ["DE"]


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "https://", "//bank", "http://["]
)
def test_a_challenge_is_a_web_page(url: str):
    assert page_of(samples.with_problems(challenge_url=url)).challenge is None


def test_a_platform_without_a_name_is_an_assistant_all_the_same():
    assert page_of(samples.with_problems(platform_id="http://[")).lead.startswith("Your assistant has")
    assert "(platform.example)" in page_of(samples.with_problems()).lead
