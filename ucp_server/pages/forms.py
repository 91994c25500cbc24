"""The fields of a posted page, and the commands they stand for."""

from typing import Final
from urllib.parse import parse_qsl

import msgspec

from ucp_server.domain.checkout import Buyer, Checkout
from ucp_server.domain.fulfillment import Address, Method, WantedDestination, WantedGroup, WantedMethod
from ucp_server.domain.lines import WantedLine
from ucp_server.engine.commands import Wanted

# A page has about twenty fields; a street is shorter than this.
_FIELDS_MAX: Final = 60
_TEXT_MAX: Final = 500

ADDRESS_FIELDS: Final = (
    "street_address",
    "extended_address",
    "postal_code",
    "locality",
    "region",
    "country",
)
BUYER_FIELDS: Final = ("first_name", "last_name", "email", "phone_number")

Fields = dict[str, str]


class BadFormError(ValueError):
    """The body is not a form of ours."""


def read_form(body: bytes) -> Fields:
    """The fields of an urlencoded body, trimmed; raises `BadFormError`."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            encoding="utf-8",
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError as error:
        raise BadFormError("unreadable form") from error
    fields = {name: text.strip() for name, text in pairs}
    if any(len(text) > _TEXT_MAX or "\0" in text for text in fields.values()):
        raise BadFormError("a field is too long")
    return fields


def wanted_from(checkout: Checkout, fields: Fields) -> Wanted:
    """The basket as the buyer left it: what the page shows may change, the rest stays."""
    basket = checkout.basket
    return Wanted(
        lines=tuple(
            WantedLine(id=line.id, item_id=line.item_id, quantity=line.quantity, parent_id=line.parent_id)
            for line in basket.lines
        ),
        buyer=_buyer(basket.buyer, fields),
        methods=_methods(checkout.quote.methods, fields),
        discount_codes=_codes(basket.discount_codes, fields),
        instruments=basket.instruments,
        context=basket.context,
        attribution=basket.attribution,
    )


def _buyer(before: Buyer | None, fields: Fields) -> Buyer | None:
    told = {name: fields[name] or None for name in BUYER_FIELDS if name in fields}
    if before is None and not any(told.values()):
        return None
    return msgspec.structs.replace(before or Buyer(), **told)


def _codes(before: tuple[str, ...] | None, fields: Fields) -> tuple[str, ...] | None:
    if "codes" not in fields:
        return before
    return tuple(fields["codes"].replace(",", " ").split())


def _methods(before: tuple[Method, ...] | None, fields: Fields) -> tuple[WantedMethod, ...] | None:
    if before is None:
        return None
    return tuple(_method(method, f"m{index}", fields) for index, method in enumerate(before))


def _method(method: Method, prefix: str, fields: Fields) -> WantedMethod:
    address = _address(prefix, fields)
    chosen = fields.get(f"{prefix}.destination", method.selected_destination_id)
    return WantedMethod(
        id=method.id,
        type=method.type,
        line_ids=method.line_ids,
        destinations=_destinations(method, address),
        selected_destination_id="buyer" if address else chosen,
        groups=tuple(
            WantedGroup(
                id=group.id,
                selected_option_id=fields.get(f"{prefix}.option.{group.id}", group.selected_option_id),
            )
            for group in method.groups
        ),
    )


def _destinations(method: Method, address: Address | None) -> tuple[WantedDestination, ...] | None:
    if address is not None:
        return (WantedDestination(id="buyer", address=address),)
    if method.type != "shipping" or method.destinations is None:
        return None
    return tuple(WantedDestination(id=d.id, address=d.address) for d in method.destinations)


def _address(prefix: str, fields: Fields) -> Address | None:
    """The address that was typed, or None when the buyer kept the one that was chosen."""
    typed = {name: fields.get(f"{prefix}.{name}") or None for name in ADDRESS_FIELDS}
    if not any(typed.values()):
        return None
    country = typed["country"]
    typed["country"] = country.upper() if country else None
    return Address(
        **typed,
        first_name=fields.get("first_name") or None,
        last_name=fields.get("last_name") or None,
    )
