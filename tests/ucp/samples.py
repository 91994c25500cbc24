"""Checkouts and orders that hold a bit of everything, for tests of the wire."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ucp_server.domain import problems
from ucp_server.domain.checkout import Basket, Buyer, Checkout, Consent, Instrument, Line, PlacedOrder
from ucp_server.domain.fulfillment import Address, Destination, Group, Method, Option
from ucp_server.domain.lifecycle import State
from ucp_server.domain.order import Adjustment, Expectation, FulfillmentEvent, Order, Quantity
from ucp_server.domain.quote import Allocation, AppliedDiscount, Quote, QuotedLine, Total
from ucp_server.ucp.checkout import Surroundings
from ucp_server.ucp.releases import BUYER_CONSENT, CHECKOUT, DISCOUNT, FULFILLMENT

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
WIRE_ID = "chk_01890a5dac96774bbcceb302099a8057"
ORDER_WIRE_ID = "ord_01890a5dac96774bbcceb302099a8057"
AT = datetime(2026, 1, 11, 9, 30, 0, 250_000, tzinfo=UTC)
LATER = datetime(2026, 1, 11, 15, 30, tzinfo=UTC)

ALL = frozenset({CHECKOUT, FULFILLMENT, DISCOUNT, BUYER_CONSENT})
PLAIN = frozenset({CHECKOUT})
AROUND = Surroundings(
    site="https://shop.example",
    continue_url="https://shop.example/checkout/1/t",
    permalink_url="https://shop.example/order/1/p",
    links=({"type": "terms_of_service", "url": "https://shop.example/terms"},),
)

HOME = Address(
    full_name="Ada Agent",
    street_address="Main Street 1",
    locality="Springfield",
    region="IL",
    postal_code="62704",
    country="US",
)
STORE = Destination(id="store_1", kind="business_location", name="Market Square", address=HOME)
STANDARD = Option(
    id="std-ship",
    title="Standard",
    price_minor=500,
    description="Three to five days",
    carrier="Post",
    earliest_at=AT,
    latest_at=LATER,
)
CARD = Instrument(
    id="instr_1",
    handler_id="mock_payment_handler",
    type="card",
    selected=True,
    display={
        "brand": "Visa",
        "last_digits": "1234",
        "expiry_month": 12,
        "description": "Visa, ends in 1234",
    },
    billing_address=HOME,
)
LINES = (
    QuotedLine(
        line_id="line_1",
        item_id="roses",
        title="Roses",
        unit_price_minor=3500,
        quantity=2,
        image_url="pictures/roses.jpg",
        totals=(
            Total(type="subtotal", amount_minor=7000),
            Total(type="items_discount", amount_minor=-700),
            Total(type="total", amount_minor=6300),
        ),
    ),
)
TOTALS = (
    Total(type="subtotal", amount_minor=7000),
    Total(type="items_discount", amount_minor=-700, text="10 % off"),
    Total(type="fulfillment", amount_minor=500),
    Total(type="total", amount_minor=6800),
)
DISCOUNTS = (
    AppliedDiscount(
        title="10 % off",
        amount_minor=700,
        code="10OFF",
        priority=1,
        method="each",
        allocations=(Allocation(line_id="line_1", amount_minor=700),),
    ),
)


def checkout(**changes: Any) -> Checkout:
    """An open checkout with everything that the wire can show; ``changes`` to its own members."""
    full = Checkout(
        id=ID,
        merchant_id="demo",
        platform_id="https://platform.example/profile",
        revision=3,
        state=State.OPEN,
        currency="USD",
        basket=Basket(
            lines=(Line(id="line_1", item_id="roses", quantity=2),),
            buyer=Buyer(
                email="ada@example.com",
                first_name="Ada",
                last_name="Agent",
                consents=(
                    Consent(purpose="dev.ucp.consent.marketing", granted=True),
                    Consent(purpose="dev.ucp.consent.sale_or_sharing", granted=False),
                ),
            ),
            discount_codes=("10OFF", "NOPE"),
            instruments=(CARD,),
        ),
        quote=Quote(
            currency="USD",
            lines=LINES,
            totals=TOTALS,
            discounts=DISCOUNTS,
            methods=(shipping(), pickup()),
            problems=(problems.discount_rejected("NOPE", "invalid", "This code is not known.", 1),),
        ),
        link_token="t" * 26,
        created_at=AT,
        updated_at=AT,
        expires_at=LATER,
    )
    return msgspec.structs.replace(full, **changes)


def shipping() -> Method:
    return Method(
        id="method_1",
        type="shipping",
        line_ids=("line_1",),
        destinations=(Destination(id="dest_1", kind="shipping_address", address=HOME),),
        selected_destination_id="dest_1",
        groups=(
            Group(id="group_1", line_ids=("line_1",), options=(STANDARD,), selected_option_id="std-ship"),
        ),
    )


def pickup() -> Method:
    return Method(id="method_2", type="pickup", line_ids=(), destinations=(STORE,))


def with_problems(*found: problems.Problem, **changes: Any) -> Checkout:
    before = checkout(**changes)
    return msgspec.structs.replace(before, quote=msgspec.structs.replace(before.quote, problems=found))


def completed() -> Checkout:
    return checkout(state=State.COMPLETED, order=PlacedOrder(id=ID, permalink_token="p" * 26))


def order(**changes: Any) -> Order:
    """An order of which one piece is on its way and one was canceled and paid back."""
    full = Order(
        id=ID,
        merchant_id="demo",
        platform_id="https://platform.example/profile",
        version=3,
        currency="USD",
        lines=LINES,
        totals=TOTALS,
        permalink_token="p" * 26,
        placed_at=AT,
        payment="captured",
        expectations=(
            Expectation(
                id="exp_1",
                method_type="shipping",
                lines=(Quantity(line_id="line_1", quantity=2),),
                address=HOME,
                description="Standard",
            ),
        ),
        events=(
            FulfillmentEvent(
                id="evt_1",
                type="shipped",
                occurred_at=AT,
                lines=(Quantity(line_id="line_1", quantity=1),),
                tracking_number="TRACK123",
                tracking_url="https://post.example/TRACK123",
            ),
        ),
        adjustments=(
            Adjustment(
                id="adj_1",
                type="cancellation",
                occurred_at=AT,
                status="completed",
                lines=(Quantity(line_id="line_1", quantity=1),),
                amount_minor=3150,
            ),
        ),
    )
    return msgspec.structs.replace(full, **changes)
