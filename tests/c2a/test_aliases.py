"""Short names mean something in their own object alone."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.c2a.aliases import ADD_METHOD, CHECKOUT, Shape, resolve
from ucp_server.c2a.refusals import NamedTwice

LONG = {
    "order": {
        "offerIdentifier": "of_77q",
        "correlationId": "web-88",
        "items": [{"itemIdentifier": "it_p1", "parentItemIdentifier": "it_p0", "quantity": 1}],
        "customer": {"customerUrn": "cu.00.9"},
    },
    "paymentMethod": {
        "paymentChannel": "CreditCard",
        "providerIdentifier": "psp",
        "useStoredMethod": False,
        "storeMethodSuccessPayment": "always",
        "creditCard": {
            "cardHolderName": "Ana Ruiz",
            "cardNumber": "4242",
            "expireYear": "2031",
            "expireMonth": "07",
            "cvc": "737",
            "cardAlias": "mine",
            "useStoredMethod": False,
            "storedMethodUrn": "pm.1",
            "storedMethodToken": "t",
        },
    },
}
SHORT = {
    "ORD": {
        "OID": "of_77q",
        "CLD": "web-88",
        "ITM": [{"ITM": "it_p1", "PURN": "it_p0", "QTY": 1}],
        "CUST": {"customerUrn": "cu.00.9"},
    },
    "PMT": {
        "TP": "CreditCard",
        "PI": "psp",
        "UM": False,
        "SM": "always",
        "CC": {
            "CHN": "Ana Ruiz",
            "CN": "4242",
            "EY": "2031",
            "EM": "07",
            "CVC": "737",
            "CA": "mine",
            "USM": False,
            "SMU": "pm.1",
            "SMT": "t",
        },
    },
}


def test_every_short_name_of_the_page_is_its_long_one() -> None:
    assert resolve(SHORT, CHECKOUT) == LONG


def test_long_names_stay_as_they_are() -> None:
    assert resolve(LONG, CHECKOUT) == LONG


def test_a_short_name_means_nothing_in_another_object() -> None:
    document = {"ITM": 1, "ORD": {"QTY": 2, "CN": 3}, "PMT": {"ITM": [4], "CC": {"TP": 5}}}
    assert resolve(document, CHECKOUT) == {
        "ITM": 1,
        "order": {"QTY": 2, "CN": 3},
        "paymentMethod": {"ITM": [4], "creditCard": {"TP": 5}},
    }


def test_null_is_as_good_as_absent() -> None:
    document = {"order": {"OID": None, "items": [{"ITM": "a", "quantity": None}]}, "PMT": None}
    assert resolve(document, CHECKOUT) == {"order": {"items": [{"itemIdentifier": "a"}]}}


def test_a_member_under_both_its_names_is_read_only_where_they_agree() -> None:
    assert resolve({"order": {"OID": "a", "offerIdentifier": "a"}}, CHECKOUT) == {
        "order": {"offerIdentifier": "a"}
    }
    for document in (
        {"order": {"OID": "a", "offerIdentifier": "b"}},
        {"order": {"items": []}, "ORD": {"items": [{}]}},
        {"order": {"ITM": [{"QTY": 1, "quantity": 2}]}},
        {"PMT": {"CC": {"CN": "1", "cardNumber": "2"}}},
    ):
        with pytest.raises(NamedTwice):
            resolve(document, CHECKOUT)


def test_what_differs_is_named_and_never_quoted() -> None:
    with pytest.raises(NamedTwice) as caught:
        resolve({"PMT": {"CC": {"CN": "4242424242424242", "cardNumber": "5"}}}, CHECKOUT)
    assert "4242" not in caught.value.text
    assert "cardNumber" in caught.value.text


def test_a_card_has_its_names_wherever_it_stands() -> None:
    assert resolve({"CC": {"CN": "4242"}}, ADD_METHOD) == {"creditCard": {"cardNumber": "4242"}}


def shortened(document: Any, shape: Shape, draw: st.DrawFn) -> Any:
    """``document`` with some of its names short."""
    if isinstance(document, list):
        return [shortened(entry, shape, draw) for entry in document]
    if not isinstance(document, Mapping):
        return document
    short = {long: name for name, long in shape.names.items()}
    below = {name: shape.members.get(name) for name in document}
    values = {
        name: shortened(value, sub, draw) if (sub := below[name]) is not None else value
        for name, value in document.items()
    }
    return {
        short[name] if name in short and draw(st.booleans()) else name: value
        for name, value in values.items()
    }


@given(st.data())
def test_any_mixture_of_names_is_the_same_order(data: st.DataObject) -> None:
    @st.composite
    def mixtures(draw: st.DrawFn) -> Any:
        return shortened(LONG, CHECKOUT, draw)

    assert resolve(data.draw(mixtures()), CHECKOUT) == LONG


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_document_is_too_odd(anything: Any) -> None:
    for name in ("order", "paymentMethod"):
        resolve({name: anything}, CHECKOUT)
