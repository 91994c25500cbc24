"""Orders on the wire: counts and states of lines, signs, and the forms of all releases.

The golden files hold an order to which everything has happened that an order knows.
"""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ucp import samples
from tests.ucp.test_golden import compare
from tests.ucp.test_webhooks import REPLIES, SCHEMAS, Now
from ucp_server.domain.events import Job, JobKind, Notice
from ucp_server.domain.order import Adjustment, Expectation, FulfillmentEvent, Order, Quantity
from ucp_server.domain.quote import QuotedLine, Total
from ucp_server.domain.tools import ToolRun
from ucp_server.ucp import order as orders
from ucp_server.ucp.releases import RELEASES, Release, downgrade_order
from ucp_server.ucp.terms import EventTerms
from ucp_server.ucp.webhooks import OrderEvents

Wire = dict[str, Any]

SITE = "https://shop.example"
PERMALINK = "https://shop.example/order/1/p"
# Until 2026-01-23 nothing in an order is negative, and no line is removed (digest 2.14).
UNSIGNED = [row for row in RELEASES if row.events_name_themselves]
SIGNED = [row for row in RELEASES if not row.events_name_themselves]


def line(line_id: str, quantity: int) -> QuotedLine:
    worth_minor = 3500 * quantity
    return QuotedLine(
        line_id=line_id,
        item_id=f"item_{line_id}",
        title=f"Item {line_id}",
        unit_price_minor=3500,
        quantity=quantity,
        totals=(
            Total(type="subtotal", amount_minor=worth_minor),
            Total(type="items_discount", amount_minor=-350 * quantity),
            Total(type="total", amount_minor=worth_minor - 350 * quantity),
        ),
    )


def pieces(**lines: int) -> tuple[Quantity, ...]:
    return tuple(Quantity(line_id=line_id, quantity=quantity) for line_id, quantity in lines.items())


def happened(id_: str, type_: Any, **lines: int) -> FulfillmentEvent:
    return FulfillmentEvent(id=id_, type=type_, occurred_at=samples.AT, lines=pieces(**lines))


def adjusted(
    id_: str, type_: Any, amount_minor: int, status: Any = "completed", **lines: int
) -> Adjustment:
    return Adjustment(
        id=id_,
        type=type_,
        occurred_at=samples.LATER,
        status=status,
        lines=pieces(**lines),
        amount_minor=amount_minor,
        description="Wilted" if type_ == "return" else None,
    )


def eventful() -> Order:
    """A line that is all there, one of which some is, one that is gone, one that nobody touched."""
    return samples.order(
        lines=(line("whole", 2), line("partly", 3), line("gone", 1), line("waiting", 1)),
        totals=(
            Total(type="subtotal", amount_minor=24500),
            Total(type="items_discount", amount_minor=-2450, text="10 % off"),
            Total(type="fulfillment", amount_minor=500),
            Total(type="total", amount_minor=22550),
        ),
        expectations=(
            Expectation(
                id="exp_1",
                method_type="shipping",
                lines=pieces(whole=2, partly=3, gone=1, waiting=1),
                address=samples.HOME,
                description="Standard",
                fulfillable_on="now",
            ),
        ),
        events=(
            msgspec.structs.replace(
                happened("evt_1", "shipped", whole=1, partly=1),
                tracking_number="TRACK123",
                tracking_url="https://post.example/TRACK123",
                carrier="Post",
            ),
            happened("evt_2", "delivered", whole=1),
        ),
        adjustments=(
            adjusted("adj_1", "cancellation", 6300, whole=1, gone=1),
            adjusted("adj_2", "return", 0, partly=1),
            adjusted("adj_3", "refund", 3150),
            adjusted("adj_4", "refund", 100, "failed"),
        ),
    )


def job(order: Order, release: Release) -> Job:
    terms = EventTerms(release=release.version, site=SITE)
    return Job(
        id=samples.ID,
        merchant_id="demo",
        kind=JobKind.WEBHOOK,
        stream=samples.ID,
        sequence=1,
        payload=msgspec.json.encode(Notice(what="changed", order=order)),
        created_at=samples.AT,
        subscriber=terms.subscriber("https://platform.example/hooks"),
    )


def event(order: Order, release: Release) -> Wire:
    nothing: Any = None
    events = OrderEvents(replies=REPLIES, keys=nothing, fetch=nothing, clock=Now())
    document: Wire = msgspec.json.decode(events.render(job(order, release)))
    return document


def test_every_line_that_ever_was_is_shown_with_its_counts():
    wire = orders.render(eventful(), SITE, PERMALINK)
    assert {line["id"]: (line["status"], *line["quantity"].values()) for line in wire["line_items"]} == {
        "whole": ("fulfilled", 2, 1, 1),
        "partly": ("partial", 3, 3, 1),
        "gone": ("removed", 1, 0, 0),
        "waiting": ("processing", 1, 1, 0),
    }
    assert list(wire["line_items"][0]["quantity"]) == ["original", "total", "fulfilled"]
    assert (wire["checkout_id"], wire["id"]) == (samples.WIRE_ID, samples.ORDER_WIRE_ID)


@pytest.mark.parametrize("release", SIGNED, ids=lambda row: row.version)
def test_what_leaves_the_order_is_negative_and_so_is_what_is_paid_back(release: Release):
    canceled, returned, refunded, failed = event(eventful(), release)["adjustments"]
    assert canceled["line_items"] == [{"id": "whole", "quantity": -1}, {"id": "gone", "quantity": -1}]
    assert canceled["totals"] == [{"type": "total", "amount": -6300}]
    assert (returned["line_items"], returned.get("totals")) == ([{"id": "partly", "quantity": -1}], None)
    assert (refunded["totals"], refunded.get("line_items")) == ([{"type": "total", "amount": -3150}], None)
    assert (failed["status"], failed["totals"]) == ("failed", [{"type": "total", "amount": -100}])


@pytest.mark.parametrize("release", UNSIGNED, ids=lambda row: row.version)
def test_in_january_nothing_is_negative_and_no_line_removed(release: Release):
    document = event(eventful(), release)
    assert {"currency", "label"}.isdisjoint(document)
    assert [line["status"] for line in document["line_items"]] == [
        "fulfilled",
        "partial",
        "fulfilled",
        "processing",
    ]
    assert document["line_items"][2]["quantity"] == {"total": 0, "fulfilled": 0}
    assert [row["amount"] for row in document["line_items"][0]["totals"]] == [7000, 700, 6300]
    canceled, returned, refunded, failed = document["adjustments"]
    assert (canceled["amount"], [part["quantity"] for part in canceled["line_items"]]) == (6300, [1, 1])
    assert ("amount" in returned, refunded["amount"], failed["amount"]) == (False, 3150, 100)
    assert not any("totals" in adjustment for adjustment in document["adjustments"])


@pytest.mark.parametrize("release", RELEASES, ids=lambda row: row.version)
def test_what_the_buyer_has_to_be_told_stands_in_messages_where_orders_have_them(release: Release):
    run = ToolRun(id="1", line_id="waiting", tool_id="t", state="failed")
    owing = msgspec.structs.replace(eventful(), runs=(run,))
    messages = event(owing, release).get("messages")
    reply = msgspec.json.decode(REPLIES.order_reply(release, SITE, owing).body)
    assert reply.get("messages") == messages
    unpaid = event(msgspec.structs.replace(eventful(), payment="payment_failed"), release)
    if release in UNSIGNED:
        assert (messages, "messages" in unpaid) == (None, False)
        return
    assert [(m["type"], m["code"], m["path"]) for m in messages] == [
        ("warning", "refund_failed", "$.adjustments[3]"),
        ("warning", "fulfillment_delayed", "$.line_items[3]"),
    ]
    (alone,) = unpaid["messages"]
    assert (alone["type"], alone["code"], alone["severity"]) == (
        "error",
        "payment_failed",
        "requires_buyer_input",
    )
    assert SCHEMAS.checker(release.version, "response", "order_event").check(unpaid) == ()


def test_of_which_nothing_is_to_be_told_has_no_messages():
    assert "messages" not in orders.render(samples.order(), SITE, PERMALINK)


@pytest.mark.parametrize("release", RELEASES, ids=lambda row: row.version)
def test_an_event_word_for_word(release: Release):
    document = event(eventful(), release)
    assert SCHEMAS.checker(release.version, "response", "order_event").check(document) == ()
    compare(release.version, "order-event", 200, document)


@pytest.mark.parametrize("release", RELEASES, ids=lambda row: row.version)
def test_a_reply_is_what_an_event_is_but_for_its_name(release: Release):
    reply = REPLIES.order_reply(release, SITE, eventful())
    document = event(eventful(), release)
    name = {member: document.pop(member) for member in ("event_id", "created_time") if member in document}
    assert bool(name) is release.events_name_themselves
    assert msgspec.json.decode(reply.body) == document


# --- whatever happens to an order ---

LINE_IDS = ("a", "b", "c")
SOME = st.dictionaries(st.sampled_from(LINE_IDS), st.integers(1, 4), min_size=1)
EVENTS = st.tuples(st.sampled_from(["shipped", "in_transit", "delivered", "failed_attempt"]), SOME)
ADJUSTMENTS = st.tuples(
    st.sampled_from(["cancellation", "return", "refund"]),
    st.integers(0, 2**53 - 1),
    st.sampled_from(["pending", "completed", "failed"]),
    SOME,
)


@st.composite
def histories(draw: st.DrawFn) -> Order:
    """Any events and adjustments, but that no more is canceled than was bought (`Orders.cancel`)."""
    left = Counter({line_id: draw(st.integers(1, 4)) for line_id in LINE_IDS})
    lines = tuple(line(line_id, quantity) for line_id, quantity in left.items())
    adjustments = []
    for place, (type_, amount_minor, status, some) in enumerate(draw(st.lists(ADJUSTMENTS, max_size=4))):
        taken = some if type_ != "cancellation" else {k: n for k, n in some.items() if n <= left[k]}
        left.subtract(taken if type_ == "cancellation" else {})
        adjustments.append(adjusted(f"adj_{place}", type_, amount_minor, status, **taken))
    events = [
        happened(f"evt_{place}", type_, **moved)
        for place, (type_, moved) in enumerate(draw(st.lists(EVENTS, max_size=4)))
    ]
    return samples.order(lines=lines, events=tuple(events), adjustments=tuple(adjustments))


def amounts(document: Wire) -> list[int]:
    rows = [row for part in (document, *document["line_items"]) for row in part["totals"]]
    parts = [part for adjustment in document["adjustments"] for part in adjustment.get("line_items", ())]
    return (
        [row["amount"] for row in rows]
        + [adjustment.get("amount", 0) for adjustment in document["adjustments"]]
        + [part["quantity"] for part in parts]
    )


@settings(max_examples=40, deadline=None)
@given(histories())
def test_whatever_happens_an_order_has_the_form_of_every_release(order: Order):
    for release in RELEASES:
        document = msgspec.json.decode(REPLIES.order_reply(release, SITE, order).body)
        assert SCHEMAS.checker(release.version, "response", "get_order").check(document) == ()
        for each in document["line_items"]:
            assert each["status"] == derived(release, **each["quantity"])
        if release in UNSIGNED:
            assert min(amounts(document)) >= 0


def derived(release: Release, total: int, fulfilled: int, original: int = 0) -> str:
    """Digest 2.14, in its order."""
    if total == 0 and release in SIGNED:
        return "removed"
    if fulfilled == total:
        return "fulfilled"
    return "partial" if fulfilled else "processing"


@given(histories())
@settings(max_examples=20, deadline=None)
def test_steps_lead_from_the_newest_form_and_from_nothing_else(order: Order):
    """What an order says is lost on the way to an older release at most, and never added."""
    newest = orders.render(order, SITE, PERMALINK)
    for release in reversed(RELEASES):
        document = msgspec.json.decode(msgspec.json.encode(newest))
        downgrade_order(release, document)
        assert document.keys() <= newest.keys()
        assert [each["id"] for each in document["adjustments"]] == [
            each["id"] for each in newest["adjustments"]
        ]
        assert document["fulfillment"] == newest["fulfillment"]
