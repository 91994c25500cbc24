"""The fields of a posted page, and what the buyer wants by them."""

import unicodedata
from typing import Any, Final

import msgspec

from ucp_server import languages
from ucp_server.asgi.urlencoded import read_pairs
from ucp_server.domain.checkout import Buyer, Checkout, Line
from ucp_server.domain.fulfillment import (
    Address,
    Destination,
    Method,
    WantedDestination,
    WantedGroup,
    WantedMethod,
)
from ucp_server.domain.lines import WantedLine
from ucp_server.engine.commands import Wanted
from ucp_server.pages.contexts import Shop

# A quantity for each of 500 lines, and about eight fields for each of 20 ways to the buyer.
_FIELDS_MAX: Final = 700
# What a buyer types ends at 200 letters, by the fields themselves; but what an agent told stands in
# them as well and comes back with every press, its name of a page's length and its twenty codes too.
_TEXT_MAX: Final = 20_000
# A thousand and more of one thing are not ordered on this page.
_QUANTITY_DIGITS: Final = 4
# What a platform answered that frames the page, as JSON: a wallet's encrypted token has about 4 kB, twenty
# ways to the buyer with all their options about 40 kB.
ANSWER: Final = "answer"
_ANSWER_MAX: Final = 65_536

ADDRESS_FIELDS: Final = (
    "street_address",
    "extended_address",
    "postal_code",
    "locality",
    "region",
    "country",
)
BUYER_FIELDS: Final = ("first_name", "last_name", "full_name", "email", "phone_number")

# The box in which the buyer agrees to the terms, and what it says when it is ticked.
TERMS: Final = "terms"
AGREED: Final = "agreed"

# The value of the last choice among places: the address is the one written below.
WRITTEN: Final = "written"
# The id of the address that a buyer wrote on the page; writing another one replaces it.
_WRITTEN_ID: Final = "buyer"

Fields = dict[str, str]
Context = dict[str, Any]  # as the caller sent it


class BadFormError(ValueError):
    """The body is not a form of ours."""


def read_form(body: bytes) -> Fields:
    """The fields of an urlencoded body, trimmed; raises `BadFormError`."""
    try:
        pairs = read_pairs(body, _FIELDS_MAX)
    except ValueError as error:
        raise BadFormError("unreadable form") from error
    fields = {name: _one_line(text) for name, text in pairs}
    if any(len(text) > (_ANSWER_MAX if name == ANSWER else _TEXT_MAX) for name, text in fields.items()):
        raise BadFormError("a field is too long")
    return fields


def _one_line(text: str) -> str:
    """Browsers take line ends out of a field; other controls, which an agent may tell, become spaces."""
    return "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in text).strip()


def wanted_from(checkout: Checkout, fields: Fields, shop: Shop | None = None) -> Wanted:
    """The basket as the buyer left it: what the page shows may change, the rest stays.

    ``shop`` knows the language of the page, which its buyer is written to in later. Without fields and
    shop it is the basket as it was. Raises `BadFormError`.
    """
    basket = checkout.basket
    return Wanted(
        lines=tuple(line for line in (_line(line, fields) for line in basket.lines) if line.quantity),
        buyer=_buyer(basket.buyer, fields),
        methods=_methods(checkout, fields),
        discount_codes=_codes(basket.discount_codes, fields),
        claims=basket.claims,
        instruments=basket.instruments,
        context=_context(basket.context, shop) if shop else basket.context,
        attribution=basket.attribution,
        agrees_to_terms=fields.get(TERMS) == AGREED,
    )


def is_changed(checkout: Checkout, wanted: Wanted) -> bool:
    """Whether ``wanted`` differs from what the checkout holds already."""
    return wanted != wanted_from(checkout, {})


# --- names of fields ---


def quantity_name(line: Line) -> str:
    return f"quantity.{line.id}"


def method_name(index: int) -> str:
    """Leads the names of all fields of one way to the buyer."""
    return f"m{index}"


def place_name(index: int) -> str:
    return f"{method_name(index)}.place"


def option_name(index: int, group_id: str) -> str:
    return f"{method_name(index)}.option.{group_id}"


# --- parts ---


def _line(line: Line, fields: Fields) -> WantedLine:
    quantity = _quantity(fields.get(quantity_name(line)), line.quantity)
    return WantedLine(id=line.id, item_id=line.item_id, quantity=quantity, parent_id=line.parent_id)


def _quantity(text: str | None, before: int) -> int:
    if not text:
        return before
    if not (text.isascii() and text.isdecimal() and len(text) <= _QUANTITY_DIGITS):
        raise BadFormError("a quantity is no small number")
    return int(text)


def _buyer(before: Buyer | None, fields: Fields) -> Buyer | None:
    told = {name: fields[name] or None for name in BUYER_FIELDS if name in fields}
    if before is None and not any(told.values()):
        return None
    return msgspec.structs.replace(before or Buyer(), **told)


def _context(before: Context | None, shop: Shop) -> Context | None:
    """What is known of the buyer, with the language of the page where another would be thought of."""
    told = str((before or {}).get("language") or "")
    if languages.choose(told, "", shop.own_language) is shop.language:
        return before
    return {**(before or {}), "language": shop.language.code}


def _codes(before: tuple[str, ...] | None, fields: Fields) -> tuple[str, ...] | None:
    if "codes" not in fields:
        return before
    codes = tuple(fields["codes"].replace(",", " ").split())
    return codes or (before and ())


def _methods(checkout: Checkout, fields: Fields) -> tuple[WantedMethod, ...] | None:
    methods = checkout.quote.methods or ()
    wanted = tuple(_method(checkout, index, method, fields) for index, method in enumerate(methods))
    if checkout.basket.methods is None and not any(map(_says_something, wanted)):
        # The page merely suggested a way, and the buyer left it open.
        return None
    return wanted


def _says_something(method: WantedMethod) -> bool:
    return method.selected_destination_id is not None or any(g.selected_option_id for g in method.groups)


def _method(checkout: Checkout, index: int, method: Method, fields: Fields) -> WantedMethod:
    place = fields.get(place_name(index), None if offered_places(checkout, index) else WRITTEN)
    written = _address(method_name(index), fields) if place == WRITTEN else None
    chosen = method.selected_destination_id if place in (None, WRITTEN) else place
    return WantedMethod(
        id=method.id,
        type=method.type,
        line_ids=method.line_ids,
        destinations=_with_written(checkout, index, written) if written else None,
        selected_destination_id=_WRITTEN_ID if written else chosen,
        groups=tuple(
            WantedGroup(
                id=group.id,
                selected_option_id=fields.get(option_name(index, group.id), group.selected_option_id),
            )
            for group in method.groups
        ),
    )


def _with_written(checkout: Checkout, index: int, written: Address) -> tuple[WantedDestination, ...]:
    """The addresses that were there, and the written one instead of the one that does not do."""
    kept = [d for d in offered_places(checkout, index) if d.id != _WRITTEN_ID]
    return (
        *(WantedDestination(id=d.id, address=d.address) for d in kept),
        WantedDestination(id=_WRITTEN_ID, address=written),
    )


def bad_destination(checkout: Checkout, index: int) -> Destination | None:
    """The chosen destination of a method if something is wrong with it: it has to be written anew."""
    method = (checkout.quote.methods or ())[index]
    where = f"methods[{index}].destinations["
    is_bad = any((problem.where or "").startswith(where) for problem in checkout.quote.problems)
    return method.destination if is_bad else None


def offered_places(checkout: Checkout, index: int) -> list[Destination]:
    """What can be chosen as it is."""
    method, bad = (checkout.quote.methods or ())[index], bad_destination(checkout, index)
    return [destination for destination in method.destinations or () if destination != bad]


def _address(prefix: str, fields: Fields) -> Address | None:
    """The address that was written; a country alone, which the page may suggest, is none."""
    told = {name: fields.get(f"{prefix}.{name}") or None for name in ADDRESS_FIELDS}
    country = told.pop("country")
    if not any(told.values()):
        return None
    return Address(
        **told,
        country=country.upper() if country else None,
        first_name=fields.get("first_name") or None,
        last_name=fields.get("last_name") or None,
        full_name=fields.get("full_name") or None,
    )
