"""The page behind a permalink."""

from datetime import timedelta

import msgspec
import pytest

from tests.ucp import samples
from ucp_server.domain.order import Adjustment, FulfillmentEvent, Quantity
from ucp_server.pages.contexts import OrderPage, Row, Shop
from ucp_server.pages.order import order_page
from ucp_server.pages.rendering import ASSETS, show

SHOP = Shop(merchant_id="demo", title="Kiosk", origin="https://shop.example")


def page_of(**changes: object) -> OrderPage:
    return order_page(samples.order(**changes), SHOP, assets=ASSETS)


def test_an_order_shows_what_was_bought_and_what_happened():
    page = page_of()
    assert page.title == "Your order"
    assert [(line.title, line.quantity, line.amount, line.note) for line in page.lines] == [
        ("Roses", 2, "$70.00", "sent")
    ]
    assert [(event.text, event.url) for event in page.events] == [
        ("Sent, TRACK123", "https://post.example/TRACK123"),
        ("Canceled, $31.50", None),
    ]
    assert page.totals[-1] == Row(label="Refunded", amount="−$31.50")
    assert (page.promises[0].how, page.promises[0].where) == (
        "Standard",
        "Ada Agent, Main Street 1, 62704 Springfield, IL, United States",
    )


def test_a_fresh_order_says_thank_you():
    page = page_of(events=(), adjustments=())
    assert page.title == "Thank you for your order"
    assert page.totals[-1].is_total


def test_an_order_of_which_nothing_is_left_was_canceled():
    gone = Adjustment(
        id="a",
        type="cancellation",
        occurred_at=samples.AT,
        status="completed",
        lines=(Quantity(line_id="line_1", quantity=2),),
    )
    page = page_of(events=(), adjustments=(gone,))
    assert (page.title, page.promises) == ("Your order was canceled", ())


def test_what_happened_stands_in_its_order():
    late, early = samples.AT + timedelta(days=2), samples.AT
    refund = Adjustment(id="r", type="refund", occurred_at=early, status="failed", amount_minor=100)
    event = FulfillmentEvent(id="e", type="delivered", occurred_at=late, lines=())
    page = page_of(events=(event,), adjustments=(refund,))
    assert [(row.when, row.text) for row in page.events] == [
        ("11 Jan 2026", "Refunded, $1.00, not possible"),
        ("13 Jan 2026", "Delivered"),
    ]
    assert [row.label for row in page.totals].count("Refunded") == 0


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "post/1", "//x", " "],
)
def test_a_parcel_is_followed_on_the_web_alone(url: str):
    event = msgspec.structs.replace(samples.order().events[0], tracking_url=url)
    page = page_of(events=(event,))
    assert page.events[0].url is None
    assert url.strip() == "" or f'href="{url}' not in show(page).body.decode()


def test_money_that_did_not_come_is_told():
    (notice,) = page_of(payment="payment_failed").notices
    assert "could not be collected" in notice.text
