from ucp_server.ucp.steps import to_2026_01_11 as steps


def test_the_currency_of_a_request_becomes_a_hint():
    document = {"currency": "EUR", "line_items": []}
    steps.currency_becomes_a_preference(document)
    assert document == {"line_items": [], "context": {"currency": "EUR"}}


def test_a_request_without_a_currency_hints_at_nothing():
    document: dict[str, object] = {"line_items": []}
    steps.currency_becomes_a_preference(document)
    assert document == {"line_items": []}


def test_payment_data_becomes_the_one_instrument():
    document = {"payment_data": {"id": "i"}}
    steps.payment_data_becomes_the_payment(document)
    assert document == {"payment": {"instruments": [{"id": "i"}]}}


def test_a_payment_without_payment_data_stays():
    document = {"payment": {"instruments": [{"id": "i"}]}}
    steps.payment_data_becomes_the_payment(document)
    assert document == {"payment": {"instruments": [{"id": "i"}]}}


def test_the_selected_instrument_is_marked():
    document = {"payment": {"selected_instrument_id": "b", "instruments": [{"id": "a"}, {"id": "b"}]}}
    steps.selection_moves_into_the_instruments(document)
    assert document == {
        "payment": {"instruments": [{"id": "a", "selected": False}, {"id": "b", "selected": True}]}
    }


def test_a_selection_of_nothing_is_dropped():
    document = {"payment": {"selected_instrument_id": "b", "instruments": []}}
    steps.selection_moves_into_the_instruments(document)
    assert document == {"payment": {"instruments": []}}
    nothing: dict[str, object] = {}
    steps.selection_moves_into_the_instruments(nothing)
    assert nothing == {}


def test_what_is_shown_of_a_card_moves_into_display():
    card = {"id": "i", "brand": "Visa", "last_digits": "1234", "rich_card_art": "https://x.example/a.png"}
    steps.card_facts_move_into_display({"payment": {"instruments": [card]}})
    assert card == {
        "id": "i",
        "display": {"brand": "Visa", "last_digits": "1234", "card_art": "https://x.example/a.png"},
    }


def test_a_display_that_this_release_does_not_know_is_not_read():
    card = {"id": "i", "display": "junk"}
    steps.card_facts_move_into_display({"payment": {"instruments": [card]}})
    assert card == {"id": "i", "display": {}}


def test_a_card_becomes_flat():
    shown = {"brand": "Visa", "last_digits": "1234", "description": "My card"}
    document = {"payment": {"instruments": [{"id": "i", "type": "card", "display": shown}]}}
    steps.cards_become_flat(document)
    flat = {
        "id": "i",
        "type": "card",
        "brand": "Visa",
        "last_digits": "1234",
        "rich_text_description": "My card",
    }
    assert document == {"payment": {"instruments": [flat]}}


def test_what_cannot_be_told_as_a_card_is_left_out():
    kept_out = [
        {"id": "w", "type": "wallet", "display": {"brand": "x", "last_digits": "1"}},
        {"id": "c", "type": "card", "display": {"brand": "Visa"}},
        {"id": "d", "type": "card"},
    ]
    document = {"payment": {"instruments": kept_out}}
    steps.cards_become_flat(document)
    assert document == {"payment": {"instruments": []}}


def test_the_mark_becomes_the_selected_id():
    document = {"payment": {"instruments": [{"id": "a"}, {"id": "b", "selected": True}]}}
    steps.selection_moves_out_of_the_instruments(document)
    assert document == {
        "payment": {"instruments": [{"id": "a"}, {"id": "b"}], "selected_instrument_id": "b"}
    }


def test_without_a_mark_nothing_is_selected():
    document = {"payment": {"instruments": [{"id": "a"}]}}
    steps.selection_moves_out_of_the_instruments(document)
    assert document == {"payment": {"instruments": [{"id": "a"}]}}
