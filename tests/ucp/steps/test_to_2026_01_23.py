from ucp_server.ucp.steps import to_2026_01_23 as steps


def test_discounts_turn_positive_on_every_bill():
    document = {
        "totals": [{"type": "discount", "amount": -5}, {"type": "total", "amount": 5}],
        "line_items": [{"totals": [{"type": "items_discount", "amount": -3}]}],
        "fulfillment": {
            "methods": [{"groups": [{"options": [{"totals": [{"type": "discount", "amount": -2}]}]}]}]
        },
    }
    steps.discounts_become_positive(document)
    assert document["totals"] == [{"type": "discount", "amount": 5}, {"type": "total", "amount": 5}]
    assert document["line_items"] == [{"totals": [{"type": "items_discount", "amount": 3}]}]
    option = document["fulfillment"]["methods"][0]["groups"][0]["options"][0]
    assert option["totals"] == [{"type": "discount", "amount": 2}]


def test_no_other_row_changes_its_sign():
    rows = [{"type": kind, "amount": 7} for kind in ("subtotal", "fulfillment", "tax", "fee", "total")]
    document = {"totals": [dict(row) for row in rows]}
    steps.discounts_become_positive(document)
    assert document["totals"] == rows


def test_an_order_loses_its_currency_and_label():
    document = {"id": "ord", "currency": "EUR", "label": "#1001"}
    steps.orders_lose_their_currency(document)
    assert document == {"id": "ord"}


def test_an_order_without_a_label_is_fine():
    document = {"id": "ord", "currency": "EUR"}
    steps.orders_lose_their_currency(document)
    assert document == {"id": "ord"}


def test_an_order_loses_its_messages():
    document = {"id": "ord", "messages": [{"type": "warning", "code": "refund_failed", "content": "x"}]}
    steps.orders_bear_no_messages(document)
    assert document == {"id": "ord"}


def test_an_order_of_which_nothing_is_told_is_fine():
    document = {"id": "ord"}
    steps.orders_bear_no_messages(document)
    assert document == {"id": "ord"}


def test_a_line_that_was_removed_is_fulfilled():
    line = {"status": "removed", "quantity": {"original": 2, "total": 0, "fulfilled": 0}}
    steps.removed_lines_become_fulfilled({"line_items": [line]})
    assert line == {"status": "fulfilled", "quantity": {"total": 0, "fulfilled": 0}}


def test_every_other_status_stays():
    line = {"status": "partial", "quantity": {"original": 2, "total": 2, "fulfilled": 1}}
    steps.removed_lines_become_fulfilled({"line_items": [line]})
    assert line == {"status": "partial", "quantity": {"total": 2, "fulfilled": 1}}


def test_an_adjustment_becomes_positive_and_an_amount():
    adjustment = {
        "id": "a",
        "line_items": [{"id": "l", "quantity": -1}],
        "totals": [{"type": "total", "amount": -500}],
    }
    steps.adjustments_become_amounts({"adjustments": [adjustment]})
    assert adjustment == {"id": "a", "line_items": [{"id": "l", "quantity": 1}], "amount": 500}


def test_an_adjustment_without_money_gets_no_amount():
    adjustment = {"id": "a", "line_items": [{"id": "l", "quantity": -1}]}
    steps.adjustments_become_amounts({"adjustments": [adjustment]})
    assert "amount" not in adjustment


def test_claims_are_not_spoken_of():
    document = {"messages": [{"code": "eligibility_not_accepted"}, {"code": "out_of_stock"}]}
    steps.claims_are_not_spoken_of(document)
    assert document == {"messages": [{"code": "out_of_stock"}]}


def test_where_nothing_else_is_said_nothing_is():
    for document in ({"messages": [{"code": "eligibility_not_accepted"}]}, {}):
        steps.claims_are_not_spoken_of(document)
        assert document == {}


def test_a_discount_does_not_say_by_which_claim_it_was_granted():
    applied = {"title": "Members", "amount": 5, "automatic": True}
    told = {"messages": [{"code": "eligibility_accepted"}, {"code": "eligibility_invalid"}]}
    document = {
        "discounts": {"applied": [applied | {"eligibility": "com.example.club", "provisional": True}]}
    }
    steps.claims_are_not_spoken_of(document | told)
    assert document["discounts"]["applied"] == [applied]


def test_nobody_claims_anything():
    document = {"context": {"eligibility": [7], "language": "de"}}
    steps.claims_are_not_made(document)
    assert document == {"context": {"language": "de"}}


def test_a_context_of_another_kind_is_left_to_the_decoder():
    for document in ({}, {"context": None}, {"context": ["eligibility"]}):
        before = dict(document)
        steps.claims_are_not_made(document)
        assert document == before


def test_warnings_lose_how_they_have_to_be_shown():
    warning = {"type": "warning", "code": "final_sale", "content": "x", "path": "$.line_items"}
    document = {"messages": [warning | {"presentation": "disclosure", "url": "u", "image_url": "i"}]}
    steps.warnings_are_not_presented(document)
    assert document == {"messages": [warning]}


def test_a_document_without_messages_is_not_given_any():
    document: dict[str, object] = {}
    steps.warnings_are_not_presented(document)
    assert document == {}
