from ucp_server.ucp.steps import to_2026_04_08 as steps


def test_four_booleans_become_purposes_of_the_platform():
    document = {"buyer": {"email": "a@b.example", "consent": {"marketing": True, "sale_of_data": False}}}
    steps.consent_booleans_become_purposes(document)
    assert document["buyer"] == {
        "email": "a@b.example",
        "consent": {
            "dev.ucp.consent.marketing": {"granted": True, "source": "platform"},
            "dev.ucp.consent.sale_or_sharing": {"granted": False, "source": "platform"},
        },
    }


def test_a_buyer_without_consents_is_left_alone():
    for document in ({}, {"buyer": {"email": "a@b.example"}}, {"buyer": {"consent": "yes"}}):
        before = repr(document)
        steps.consent_booleans_become_purposes(document)
        assert repr(document) == before


def test_purposes_become_the_four_booleans():
    document = {
        "buyer": {
            "consent": {
                "dev.ucp.consent.analytics": {"granted": False, "source": "platform", "description": "x"},
                "com.shop.consent.robots": {"granted": True, "source": "business", "description": "x"},
            }
        }
    }
    steps.consent_purposes_become_booleans(document)
    assert document == {"buyer": {"consent": {"analytics": False}}}


def test_there_and_back_keeps_every_boolean():
    consent = {"analytics": True, "preferences": False, "marketing": True, "sale_of_data": False}
    document = {"buyer": {"consent": dict(consent)}}
    steps.consent_booleans_become_purposes(document)
    steps.consent_purposes_become_booleans(document)
    assert document["buyer"]["consent"] == consent


def test_an_address_that_is_sent_gets_its_type():
    document = {"fulfillment": {"methods": [{"type": "shipping", "destinations": [{"id": "d"}]}]}}
    steps.destinations_get_a_type(document)
    assert document["fulfillment"]["methods"][0]["destinations"] == [
        {"id": "d", "type": "shipping_address"}
    ]


def test_a_store_that_is_sent_back_is_dropped_since_its_id_names_it():
    method = {"type": "pickup", "destinations": [{"id": "s", "name": "S"}], "selected_destination_id": "s"}
    document = {"fulfillment": {"methods": [method]}}
    steps.destinations_get_a_type(document)
    assert document["fulfillment"]["methods"] == [{"type": "pickup", "selected_destination_id": "s"}]


def test_destinations_lose_their_type():
    places = [
        {"type": "shipping_address", "id": "d"},
        {"type": "business_location", "id": "s", "name": "S"},
    ]
    document = {"fulfillment": {"methods": [{"destinations": places}]}}
    steps.destinations_lose_their_type(document)
    assert places == [{"id": "d"}, {"id": "s", "name": "S"}]


def test_a_checkout_without_fulfillment_has_no_destinations_to_change():
    document: dict[str, object] = {"id": "chk"}
    steps.destinations_lose_their_type(document)
    steps.destinations_get_a_type(document)
    steps.descriptions_become_text(document)
    assert document == {"id": "chk"}


def test_a_description_becomes_its_plain_text():
    options = [{"id": "a", "description": {"plain": "Three days", "html": "<p>"}}, {"id": "b"}]
    document = {"fulfillment": {"methods": [{"groups": [{"options": options}]}]}}
    steps.descriptions_become_text(document)
    assert options == [{"id": "a", "description": "Three days"}, {"id": "b"}]


def test_quantities_are_in_pieces():
    line = {"item": {"id": "roses", "quantity_unit": {"unit": "KGM"}}, "quantity": 1}
    steps.quantities_are_in_pieces({"line_items": [line, {"quantity": 2}]})
    assert line == {"item": {"id": "roses"}, "quantity": 1}


def test_lines_of_another_form_are_left_to_the_decoder():
    for document in ({}, {"line_items": 7}, {"line_items": [7, {"item": 7}]}):
        before = str(document)
        steps.quantities_are_in_pieces(document)
        assert str(document) == before


def test_policies_are_not_told():
    document = {"policies": [{"type": "x"}], "links": []}
    steps.policies_are_links_only(document)
    assert document == {"links": []}
    steps.policies_are_links_only(document)
    assert document == {"links": []}


def test_what_is_advertised_is_no_answer_of_the_buyer():
    offered = {"granted": False, "source": "business", "description": "x"}
    document = {"buyer": {"consent": {"dev.ucp.consent.marketing": offered}}}
    steps.consent_purposes_become_booleans(document)
    assert document == {}


def unit_price(measure: dict[str, object], reference: dict[str, object]) -> dict[str, object]:
    return {"amount": 1886, "currency": "USD", "measure": measure, "reference": reference}


def test_a_measure_becomes_a_number_of_a_unit_that_people_know():
    priced = unit_price(
        {"value": 525, "scale": 1, "unit": "MLT", "display_text": "ml"},
        {"value": 1000, "scale": 1, "unit": "MLT", "display_text": "ml"},
    )
    bare = unit_price({"value": 250, "unit": "GRM"}, {"value": 1, "unit": "GRM"})
    document = {
        "products": [{"variants": [{"unit_price": priced}, {}]}, {"variants": [{"unit_price": bare}]}]
    }
    steps.unit_prices_are_in_plain_numbers(document)
    assert (priced["measure"], priced["reference"]) == (
        {"value": 52.5, "unit": "ml"},
        {"value": 100, "unit": "ml"},
    )
    assert (bare["measure"], bare["reference"]) == (
        {"value": 250, "unit": "GRM"},
        {"value": 1, "unit": "GRM"},
    )


def test_what_is_compared_with_a_part_of_a_unit_had_no_unit_price():
    half = unit_price({"value": 1, "unit": "LTR"}, {"value": 5, "scale": 1, "unit": "LTR"})
    document = {"product": {"variants": [{"id": "v", "unit_price": half}]}}
    steps.unit_prices_are_in_plain_numbers(document)
    assert document == {"product": {"variants": [{"id": "v"}]}}
