"""What the agent does next, and whom it believes; whole purchases are in tests/outside."""

from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey

from ucp_server.agent.listening import Event
from ucp_server.agent.purchase import ADDRESS, is_signed_by, next_fulfillment
from ucp_server.ucp.webhooks import detached_jws

Wire = dict[str, Any]


def key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid})


OURS, OTHER = key("ours"), key("other")
BODY = '{"id":"ord_1","städte":["Köln"]}'.encode()


def public(*keys: ECKey) -> tuple[Wire, ...]:
    return tuple({**key.as_dict(private=False), "use": "sig"} for key in keys)


def event(signature: str | None, body: bytes = BODY) -> Event:
    return Event(headers={} if signature is None else {"request-signature": signature}, body=body)


@pytest.mark.parametrize("keys", [(OURS,), (OTHER, OURS), (OURS, OTHER)])
def test_an_event_that_the_shop_signed_is_believed(keys: tuple[ECKey, ...]) -> None:
    assert is_signed_by(public(*keys), event(detached_jws(BODY, OURS)))


def test_an_event_that_it_did_not_sign_is_not() -> None:
    good = detached_jws(BODY, OURS)
    head, _, signature = good.partition("..")
    forged = detached_jws(BODY, key("ours"))
    for bad in (None, "", "..", good[:-4] + "AAAA", f"{head}..", f"..{signature}", forged, "a.b.c", "é"):
        assert not is_signed_by(public(OURS), event(bad)), bad
    assert not is_signed_by(public(OURS), event(good, BODY + b" "))
    assert not is_signed_by(public(OTHER), event(good))
    assert not is_signed_by((), event(good))


def test_broken_keys_in_a_profile_are_passed_over() -> None:
    secret: Wire = {**OctKey.generate_key(256).as_dict(), "kid": "ours"}
    broken: tuple[Wire, ...] = ({}, {"kid": "ours"}, secret, {**public(OURS)[0], "x": "!"})
    assert not is_signed_by(broken, event(detached_jws(BODY, OURS)))
    assert is_signed_by((*broken, *public(OURS)), event(detached_jws(BODY, OURS)))


# --- what it does next ---


def option(id_: str, amount: int) -> Wire:
    return {"id": id_, "title": id_.title(), "totals": [{"type": "total", "amount": amount}]}


def checkout(**method: Any) -> Wire:
    return {
        "fulfillment": {"methods": [{"id": "m", "type": "shipping", "line_item_ids": ["li_1"], **method}]}
    }


@pytest.mark.parametrize("wire", [{}, {"fulfillment": {}}, {"fulfillment": {"methods": []}}])
def test_nothing_is_sent_where_nothing_is_shipped(wire: Wire) -> None:
    assert next_fulfillment(wire) == (None, "")


def test_first_the_address() -> None:
    wanted, said = next_fulfillment(checkout())
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
    wanted, said = next_fulfillment(checkout(selected_destination_id="home", groups=groups))
    assert wanted is not None
    chosen = [{"id": "g1", "selected_option_id": "standard"}, {"id": "g2", "selected_option_id": "only"}]
    assert wanted["methods"][0]["groups"] == chosen
    assert said == "by Standard, Only"


def test_and_then_nothing_more() -> None:
    groups = [{"id": "g1", "options": [option("standard", 490)], "selected_option_id": "standard"}]
    assert next_fulfillment(checkout(selected_destination_id="home", groups=groups)) == (None, "")
