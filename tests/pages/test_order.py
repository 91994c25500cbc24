"""The page behind a permalink."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.ucp import samples
from ucp_server.domain.checkout import Instrument
from ucp_server.domain.order import Adjustment, Expectation, FulfillmentEvent, Quantity
from ucp_server.languages import LANGUAGES
from ucp_server.pages.contexts import Link, OrderPage, Piece, Row, Shop
from ucp_server.pages.order import order_page
from ucp_server.pages.rendering import SHOP_ASSETS, show

SHOP = Shop(merchant_id="demo", title="Kiosk", origin="https://shop.example")
ALL_OF_IT = (Quantity(line_id="line_1", quantity=2),)
HALF = (Quantity(line_id="line_1", quantity=1),)


def page_of(shop: Shop = SHOP, **changes: Any) -> OrderPage:
    return order_page(samples.order(**changes), shop, assets=SHOP_ASSETS)


def happened(
    type_: str, lines: tuple[Quantity, ...] = ALL_OF_IT, days: int = 0, **more: Any
) -> FulfillmentEvent:
    at = samples.AT + timedelta(days=days)
    return FulfillmentEvent(id=f"{type_}-{days}", type=type_, occurred_at=at, lines=lines, **more)


def changed(
    type_: str, lines: tuple[Quantity, ...] = (), amount_minor: int = 0, status: str = "completed"
) -> Adjustment:
    return Adjustment(
        id=f"{type_}-{amount_minor}",
        type=type_,
        occurred_at=samples.AT,
        status=status,
        lines=lines,
        amount_minor=amount_minor,
    )


COLLECTED = Expectation(
    id="exp", method_type="pickup", lines=ALL_OF_IT, address=samples.HOME, place="Market Square"
)

STANDINGS: dict[str, tuple[dict[str, Any], tuple[str, str, list[str]]]] = {
    "fresh": (
        {"events": (), "adjustments": ()},
        ("Thank you for your order", "In preparation", ["done", "now", "ahead"]),
    ),
    "being prepared": (
        {"events": (happened("processing"),), "adjustments": ()},
        ("We are preparing your order", "In preparation", ["done", "now", "ahead"]),
    ),
    "half of it sent": (
        {"events": (happened("shipped", HALF),), "adjustments": ()},
        ("A part of your order is on its way", "Partly sent", ["done", "now", "ahead"]),
    ),
    "all of it sent": (
        {"events": (happened("shipped"),), "adjustments": ()},
        ("Your order is on its way", "On its way", ["done", "now", "ahead"]),
    ),
    "what was not canceled is sent": (
        {},
        ("Your order is on its way", "On its way", ["done", "now", "ahead"]),
    ),
    "there": (
        {"events": (happened("shipped"), happened("delivered", days=2)), "adjustments": ()},
        ("Your order has arrived", "Delivered", ["done", "done", "done"]),
    ),
    "to be collected": (
        {"events": (), "adjustments": (), "expectations": (COLLECTED,)},
        ("Thank you for your order", "In preparation", ["done", "now", "ahead"]),
    ),
    "half of it collected": (
        {"events": (happened("delivered", HALF),), "adjustments": (), "expectations": (COLLECTED,)},
        ("You have collected a part of your order", "Partly collected", ["done", "now", "ahead"]),
    ),
    "collected": (
        {"events": (happened("delivered"),), "adjustments": (), "expectations": (COLLECTED,)},
        ("You have collected your order", "Collected", ["done", "done"]),
    ),
    "came by mail": (
        {"events": (happened("delivered"),), "adjustments": (), "expectations": ()},
        ("Your order has arrived", "Delivered", ["done", "done"]),
    ),
    "canceled": (
        {"events": (), "adjustments": (changed("cancellation", ALL_OF_IT),)},
        ("Your order was canceled", "Canceled", []),
    ),
    "back again": (
        {
            "events": (happened("shipped"), happened("delivered")),
            "adjustments": (changed("return", ALL_OF_IT), changed("refund", amount_minor=6800)),
        },
        ("Your order came back to us", "Returned", []),
    ),
}


@pytest.mark.parametrize("standing", STANDINGS)
def test_a_glance_tells_how_far_it_has_come(standing: str):
    changes, (title, status, steps) = STANDINGS[standing]
    page = page_of(**changes)
    assert (page.title, page.status, [step.state for step in page.steps]) == (title, status, steps)


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("standing", STANDINGS)
def test_every_standing_is_rendered_in_every_language(standing: str, code: str):
    language = LANGUAGES[code]
    page = page_of(msgspec.structs.replace(SHOP, language=language), **STANDINGS[standing][0])
    assert f'<html lang="{code}"' in show(page).body.decode()


def test_a_parcel_says_what_is_in_it_and_where_it_is():
    (parcel,) = page_of().parcels
    assert (parcel.title, parcel.state, parcel.number) == ("Your parcel", "Sent", "TRACK123")
    assert parcel.url == "https://post.example/TRACK123"
    assert parcel.pieces == (Piece(title="Roses", quantity=1),)


def test_several_parcels_are_numbered():
    events = (happened("shipped", HALF, 1), happened("shipped", HALF, 2), happened("delivered", HALF, 3))
    page = page_of(events=events, adjustments=())
    assert [(p.title, p.state, p.is_delivered) for p in page.parcels] == [
        ("Parcel 1", "Delivered", True),
        ("Parcel 2", "Sent", False),
    ]
    assert (page.steps[1].title, page.steps[1].detail) == ("On its way", "14 Jan 2026")


def test_the_part_that_left_is_counted():
    page = page_of(events=(happened("shipped", HALF),), adjustments=())
    assert page.steps[1].detail == "1 of 2 pieces"
    assert page.lines[0].note == "1 sent"


def test_what_comes_where_is_shown_as_long_as_something_comes():
    (promise,) = page_of().promises
    assert (promise.title, promise.how) == ("Delivery", "Standard")
    assert promise.where == ("Ada Agent", "Main Street 1", "Springfield, IL 62704", "United States")
    (collected,) = page_of(expectations=(COLLECTED,), adjustments=()).promises
    assert (collected.title, collected.where[0]) == ("Collect in person", "Market Square")
    assert page_of(events=(), adjustments=(changed("cancellation", ALL_OF_IT),)).promises == ()


def test_money_that_went_back_is_told_with_what_is_left():
    page = page_of()
    (change,) = page.changes
    assert (change.title, change.amount, change.kind) == ("Canceled", "$31.50", "done")
    assert page.settlement == (
        Row(label="Paid back", amount="−$31.50"),
        Row(label="New total", amount="$36.50", is_total=True),
    )


def test_a_refund_under_way_and_one_that_failed_say_so():
    page = page_of(
        adjustments=(
            changed("refund", amount_minor=100, status="pending"),
            changed("refund", amount_minor=200, status="failed"),
        )
    )
    assert [(change.kind, change.state) for change in page.changes] == [
        ("pending", "On its way back to you."),
        ("failed", "Not possible so far."),
    ]
    assert [(row.label, row.amount) for row in page.settlement] == [
        ("Being paid back", "−$1.00"),
        ("New total", "$67.00"),
    ]
    assert [notice.text for notice in page.notices] != []


def test_what_happened_stands_in_its_order():
    late, early = samples.AT + timedelta(days=2), samples.AT
    refund = Adjustment(id="r", type="refund", occurred_at=early, status="failed", amount_minor=100)
    event = FulfillmentEvent(id="e", type="delivered", occurred_at=late, lines=())
    page = page_of(events=(event,), adjustments=(refund,))
    assert [(row.when, row.text) for row in page.events] == [
        ("11 Jan 2026", "Order placed"),
        ("11 Jan 2026", "Refunded, $1.00, not possible"),
        ("13 Jan 2026", "Delivered"),
    ]


def test_nothing_happened_yet_to_a_fresh_order():
    page = page_of(events=(), adjustments=())
    assert (page.events, page.parcels, page.changes, page.settlement) == ((), (), (), ())


@pytest.mark.parametrize(
    ("instrument", "text"),
    [
        (samples.CARD, "Visa •••• 1234"),
        (
            Instrument(id="i", handler_id="h", type="card", display={"brand": "visa", "last_digits": "42"}),
            "Visa •••• 42",
        ),
        (Instrument(id="i", handler_id="h", type="card", display={"last_digits": "42"}), "Card •••• 42"),
        (Instrument(id="i", handler_id="h", type="card"), "Card"),
        (
            Instrument(id="i", handler_id="h", type="account", display={"description": "Your account"}),
            "Your account",
        ),
        (Instrument(id="i", handler_id="h", type="shell_money"), "Shell money"),
        (None, ""),
    ],
)
def test_what_was_paid_with_is_recognised(instrument: Instrument | None, text: str):
    assert page_of(paid_with=instrument).paid_with == text


def test_who_has_a_question_is_led_to_the_shop():
    links = (
        Link(type="faq", title="Questions", url="https://shop.example/faq"),
        Link(type="contact", title="Contact", url="https://shop.example/contact"),
    )
    shop = msgspec.structs.replace(SHOP, links=links)
    assert page_of(shop).contact == "https://shop.example/contact"
    assert page_of().contact == ""


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "post/1", "//x", " "],
)
def test_a_parcel_is_followed_on_the_web_alone(url: str):
    event = msgspec.structs.replace(samples.order().events[0], tracking_url=url)
    page = page_of(events=(event,))
    assert page.parcels[0].url is None
    assert url.strip() == "" or f'href="{url}' not in show(page).body.decode()


def test_money_that_did_not_come_is_told():
    (notice,) = page_of(payment="payment_failed").notices
    assert "could not be collected" in notice.text
