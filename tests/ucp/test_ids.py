import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ucp.samples import ID, ORDER_WIRE_ID, WIRE_ID
from ucp_server.ucp import ids


def test_an_id_on_the_wire_says_what_it_is_of():
    assert ids.render_checkout_id(ID) == WIRE_ID
    assert ids.render_order_id(ID) == ORDER_WIRE_ID
    assert ids.render_cart_id(ID) == WIRE_ID.replace("chk", "cart")


@given(st.uuids())
@settings(deadline=None)
def test_every_id_comes_back(some: uuid.UUID):
    assert ids.decode_checkout_id(ids.render_checkout_id(str(some))) == str(some)
    assert ids.decode_order_id(ids.render_order_id(str(some))) == str(some)
    assert ids.decode_cart_id(ids.render_cart_id(str(some))) == str(some)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chk_",
        ID,
        WIRE_ID.upper(),
        WIRE_ID + "\n",
        " " + WIRE_ID,
        ORDER_WIRE_ID,
        WIRE_ID[:-1],
        WIRE_ID + "0",
        "chk_" + ID,
        "chk_" + "０" * 32,
        "chk_" + "g" * 32,
    ],
)
def test_what_never_was_an_id_of_a_checkout_is_none(text: str):
    assert ids.decode_checkout_id(text) is None
