from tests.ucp import samples
from ucp_server.resources import folder
from ucp_server.ucp import order as orders
from ucp_server.ucp.envelope import relevant, render_envelope
from ucp_server.ucp.releases import ORDER, RELEASES, WITH_SCHEMAS, downgrade_order
from ucp_server.ucp.schema import Schemas

SITE = "https://shop.example"
PERMALINK = "https://shop.example/order/1/p"


def test_every_line_that_ever_was_is_shown_with_its_counts():
    wire = orders.render(samples.order(), SITE, PERMALINK)
    (line,) = wire["line_items"]
    assert line["quantity"] == {"original": 2, "total": 1, "fulfilled": 1}
    assert line["status"] == "fulfilled"
    assert wire["checkout_id"] == samples.WIRE_ID
    assert wire["id"] == samples.ORDER_WIRE_ID


def test_what_leaves_the_order_is_negative_and_so_is_what_is_paid_back():
    (adjustment,) = orders.render(samples.order(), SITE, PERMALINK)["adjustments"]
    assert adjustment["line_items"] == [{"id": "line_1", "quantity": -1}]
    assert adjustment["totals"] == [{"type": "total", "amount": -3150}]


def test_an_order_follows_the_schema_of_its_release():
    schemas = Schemas(folder("schemas") / "ucp", WITH_SCHEMAS)
    for release in (RELEASES[0], RELEASES[-1]):
        envelope = render_envelope(release, relevant(release, frozenset({ORDER}), ORDER))
        document = {"ucp": envelope, **orders.render(samples.order(), SITE, PERMALINK)}
        downgrade_order(release, document)
        assert schemas.checker(release.version, "response", "get_order").check(document) == ()


def test_the_form_of_2026_01_11():
    document = orders.render(samples.order(), SITE, PERMALINK)
    downgrade_order(RELEASES[0], document)
    assert "currency" not in document
    assert document["adjustments"][0]["amount"] == 3150
    assert document["line_items"][0]["quantity"] == {"total": 1, "fulfilled": 1}
    assert [row["amount"] for row in document["line_items"][0]["totals"]] == [7000, 700, 6300]
