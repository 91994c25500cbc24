"""What the agent does next; whole purchases are in tests/outside."""

from typing import Any

import pytest

from ucp_server.agent.purchase import ADDRESS, next_fulfillment

Wire = dict[str, Any]
RELEASE = "2026-01-11"


def option(id_: str, amount: int) -> Wire:
    return {"id": id_, "title": id_.title(), "totals": [{"type": "total", "amount": amount}]}


def checkout(**method: Any) -> Wire:
    return {
        "fulfillment": {"methods": [{"id": "m", "type": "shipping", "line_item_ids": ["li_1"], **method}]}
    }


@pytest.mark.parametrize("wire", [{}, {"fulfillment": {}}, {"fulfillment": {"methods": []}}])
def test_nothing_is_sent_where_nothing_is_shipped(wire: Wire) -> None:
    assert next_fulfillment(RELEASE, wire) == (None, "")


def test_first_the_address() -> None:
    wanted, said = next_fulfillment(RELEASE, checkout())
    assert wanted is not None
    (method,) = wanted["methods"]
    assert (method["selected_destination_id"], method["destinations"]) == (ADDRESS["id"], [ADDRESS])
    assert "groups" not in method
    assert said == "send it to Berlin"


def test_then_the_cheapest_option_of_every_group() -> None:
    groups = [
        {"id": "g1", "options": [option("express", 1290), option("standard", 490)]},
        {"id": "g2", "options": [option("only", 100)]},
    ]
    wanted, said = next_fulfillment(RELEASE, checkout(selected_destination_id="home", groups=groups))
    assert wanted is not None
    chosen = [{"id": "g1", "selected_option_id": "standard"}, {"id": "g2", "selected_option_id": "only"}]
    assert wanted["methods"][0]["groups"] == chosen
    assert said == "by Standard, Only"


def test_and_then_nothing_more() -> None:
    groups = [{"id": "g1", "options": [option("standard", 490)], "selected_option_id": "standard"}]
    assert next_fulfillment(RELEASE, checkout(selected_destination_id="home", groups=groups)) == (None, "")


def test_an_address_is_typed_from_2026_08_25_on() -> None:
    for release, typed in (("2026-04-08", {}), ("2026-08-25", {"type": "shipping_address"})):
        wanted, _ = next_fulfillment(release, checkout())
        assert wanted is not None
        assert wanted["methods"][0]["destinations"] == [typed | ADDRESS]
