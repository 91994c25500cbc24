import pytest

from ucp_server.domain import problems
from ucp_server.domain.problems import Severity
from ucp_server.ucp.messages import json_path, render_message


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("id", "$.id"),
        ("lines[0]", "$.line_items[0]"),
        ("lines[2].quantity", "$.line_items[2].quantity"),
        ("adjustments[3]", "$.adjustments[3]"),
        ("buyer.email", "$.buyer.email"),
        ("discount_codes[1]", "$.discounts.codes[1]"),
        ("methods", "$.fulfillment.methods"),
        ("methods[0].groups[1]", "$.fulfillment.methods[0].groups[1]"),
        ("methods[0].selected_destination_id", "$.fulfillment.methods[0].selected_destination_id"),
        ("methods[0].destinations[1].country", "$.fulfillment.methods[0].destinations[1].address_country"),
        (
            "methods[0].destinations[1].address.region",
            "$.fulfillment.methods[0].destinations[1].address_region",
        ),
        ("instruments[0]", "$.payment.instruments[0]"),
        ("signals[dev.ucp.buyer_ip]", "$.signals['dev.ucp.buyer_ip']"),
    ],
)
def test_a_place_is_told_as_the_reply_shows_it(where: str, path: str):
    assert json_path(where) == path


@pytest.mark.parametrize("where", ["", "quote", "lines[0].", "lines[x]", "$.line_items"])
def test_a_place_that_no_reply_shows_has_no_path(where: str):
    assert json_path(where) is None


def test_an_error_says_who_can_mend_it_and_a_warning_does_not():
    assert render_message(problems.out_of_stock("Roses", 0, "lines[0]")) == {
        "type": "error",
        "code": "out_of_stock",
        "content": "Insufficient stock for Roses: none is left.",
        "severity": "recoverable",
        "path": "$.line_items[0]",
    }
    assert render_message(problems.info("free_shipping", "Delivery is free.")) == {
        "type": "info",
        "code": "free_shipping",
        "content": "Delivery is free.",
    }
    review = problems.error("x", "y", severity=Severity.BUYER_REVIEW)
    assert render_message(review)["severity"] == "requires_buyer_review"
