"""Long and short names of members, resolved object by object (submit-checkout page).

A short name means something in its object alone: ``ITM`` is ``items`` in an order and
``itemIdentifier`` in a line. So names are resolved where they stand, and nowhere else.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ucp_server.c2a.refusals import NamedTwice

Wire = dict[str, Any]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """An object: its short names, and the members that are objects (or arrays of them) themselves."""

    names: Mapping[str, str] = {}
    members: Mapping[str, "Shape"] = {}


_CARD: Final = Shape(
    names={
        "CHN": "cardHolderName",
        "CN": "cardNumber",
        "EY": "expireYear",
        "EM": "expireMonth",
        "CVC": "cvc",
        "CA": "cardAlias",
        "USM": "useStoredMethod",
        "SMU": "storedMethodUrn",
        "SMT": "storedMethodToken",
    }
)
_PAYMENT: Final = Shape(
    names={
        "TP": "paymentChannel",
        "PI": "providerIdentifier",
        "UM": "useStoredMethod",
        "CC": "creditCard",
        "SM": "storeMethodSuccessPayment",
    },
    members={"creditCard": _CARD},
)
_ITEM: Final = Shape(names={"ITM": "itemIdentifier", "PURN": "parentItemIdentifier", "QTY": "quantity"})
_ORDER: Final = Shape(
    names={"OID": "offerIdentifier", "CLD": "correlationId", "ITM": "items", "CUST": "customer"},
    members={"items": _ITEM},
)
CHECKOUT: Final = Shape(
    names={"ORD": "order", "PMT": "paymentMethod"},
    members={"order": _ORDER, "paymentMethod": _PAYMENT},
)
# The names of a card are those of a card wherever it stands.
ADD_METHOD: Final = Shape(names={"CC": "creditCard"}, members={"creditCard": _CARD})
OFFER: Final = Shape(members={"context": Shape()})
PLAIN: Final = Shape()


def resolve(document: Wire, shape: Shape) -> Wire:
    """``document`` in long names, without what is null: absent and null mean the same here.

    Raises `NamedTwice` where both names of a member are there and differ: two readers would see
    two orders.
    """
    resolved: Wire = {}
    for written, value in document.items():
        if value is None:
            continue
        name = shape.names.get(written, written)
        below = shape.members.get(name)
        value_ = _resolve_value(value, below) if below is not None else value
        if name in resolved and resolved[name] != value_:
            raise NamedTwice(name)
        resolved[name] = value_
    return resolved


def _resolve_value(value: Any, shape: Shape) -> Any:
    """What is no object is for the schema to refuse."""
    if isinstance(value, dict):
        return resolve(value, shape)
    return [_resolve_value(entry, shape) for entry in value] if isinstance(value, list) else value
