"""The pages' words: what rows, fields, ways, events and problems are called in front of a buyer.

The tables hold messages, which the language of the page turns into text.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from ucp_server.domain.fulfillment import Address
from ucp_server.domain.money import Money
from ucp_server.domain.problems import Problem, Severity
from ucp_server.languages import Language, message
from ucp_server.languages.addresses import address_lines

METHODS: Final[Mapping[str, str]] = MappingProxyType(
    {"shipping": message("Delivery"), "pickup": message("Collect in person")}
)

# Label, the browser's word for automatic filling, type of the input.
BUYER: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "first_name": (message("First name"), "given-name", "text"),
        "last_name": (message("Last name"), "family-name", "text"),
        "full_name": (message("Name"), "name", "text"),
        "email": (message("E-mail"), "email", "email"),
        "phone_number": (message("Phone"), "tel", "tel"),
    }
)
ADDRESS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "street_address": (message("Street and number"), "address-line1"),
        "extended_address": (message("Flat, floor, company"), "address-line2"),
        "postal_code": (message("Postal code"), "postal-code"),
        "locality": (message("Town or city"), "address-level2"),
        "region": (message("State or region"), "address-level1"),
        "country": (message("Country"), "country"),
    }
)

# The order of these fields where one writes from the country down to the house.
ADDRESS_FROM_ABOVE: Final = (
    "country",
    "postal_code",
    "region",
    "locality",
    "street_address",
    "extended_address",
)
# What is still needed of the buyer, by field.
BUYER_NEEDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "first_name": message("Your first name"),
        "last_name": message("Your last name"),
        "full_name": message("Your name"),
        "email": message("Your e-mail"),
        "phone_number": message("Your phone"),
    }
)

FIELD_MISSING: Final = message("Please fill this in.")

# Problems as the buyer is told of them, where their own text speaks to an agent.
_PROBLEMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing_buyer_info": FIELD_MISSING,
        "high_value_order": message(
            "An order of this value needs your own confirmation; ordering here gives it."
        ),
        "item_review_required": message("Needs your own confirmation; ordering here gives it."),
        "totals_changed": message("A price changed a moment ago. Please look at the new total."),
        "item_unavailable": message("This is not sold here any more."),
        "quantity_unit_mismatch": message("This is sold by the piece."),
        "missing": message("Nothing is in this order yet."),
        "destination_unknown": message("Please choose one of the places that are offered here."),
        "address_undeliverable": message("We do not deliver to this address."),
        "eligibility_invalid": message(
            "We could not confirm a benefit that was asked for. Without it you can order."
        ),
        "payment_declined_too_often": message(
            "Several payments of this order were declined. You can still pay for it here yourself."
        ),
        "eligibility_accepted": message(
            "A benefit is taken off. We check that it is yours when you order."
        ),
        "eligibility_not_accepted": message("A benefit that was asked for does not apply to this order."),
        "requires_3ds": message("This payment needs one more confirmation by you."),
        "stock_unknown": message(
            "We cannot see at the moment whether everything is in stock. Please try again."
        ),
    }
)
# Sentences that come with a problem itself and that a buyer reads as they are.
_SAID_ELSEWHERE: Final = (
    message("This code is not known here."),
    message("This code is already applied."),
    message("This code cannot be combined with the other discounts."),
    message("This code is not valid yet."),
    message("This code has expired."),
    message("This code needs the buyer's e-mail address."),
    message("This code is for registered customers."),
    message("Nothing in this order is covered by this code."),
    message("This order is below the code's minimum."),
    message("The payment was declined."),
    message("The payment was voided."),
    message("The payment did not go through; nothing was charged. Please try again."),
    message("The payment could not be collected; the shop will get in touch."),
)

OPTION_MISSING: Final = message("Please choose one.")
OPTION_GONE: Final = message("Your earlier choice is not possible here; please choose another.")
PLACE_MISSING: Final = message("Please tell us where it goes.")
PLACE_UNCHOSEN: Final = message("Please choose where to collect it.")

# Refusals in the buyer's words; a code that is not here is told in general terms.
_REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_ready": message("Something is still missing; please look at the marked places."),
        "terms": message("Please agree to the terms; only then can this be ordered."),
        "payment_failed": message("The payment was declined. Nothing was charged; you can try again."),
        "card_missing": message("Please enter the card that you want to pay with."),
        "changed": message(
            "This order changed while you were looking at it. Please check it again before you pay."
        ),
        "new_total": message(
            "With what you entered the total is a new one. Please check it before you pay."
        ),
        "conflict": message("This order changed a moment ago; please look at it again."),
        "store_unavailable": message(
            "We cannot be reached at the moment. Try again: nothing is charged twice."
        ),
        "handler_unavailable": message(
            "Something we need does not answer at the moment; please try again."
        ),
    }
)
_GENERAL: Final = message("That was not possible; please look at your order again.")

EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "processing": message("We are preparing your order"),
        "shipped": message("Sent"),
        "in_transit": message("On its way"),
        "delivered": message("Delivered"),
        "failed_attempt": message("Delivery was tried"),
    }
)
ADJUSTMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {"cancellation": message("Canceled"), "return": message("Returned"), "refund": message("Refunded")}
)


def problem_text(problem: Problem, language: Language) -> str:
    """In the buyer's words, with the problem's facts; what has none is said in its own."""
    return (
        _text_of_line(problem, language)
        or _text_of_code(problem, language)
        or _text_of_order(problem, language)
        or language.text(_PROBLEMS.get(problem.code, problem.text))
    )


def _text_of_line(problem: Problem, language: Language) -> str | None:
    match problem:
        case Problem(code="out_of_stock", left=0):
            return language.text("Sold out at the moment.")
        case Problem(code="out_of_stock", left=int(left)):
            return language.count("Only %(number)s is left.", "Only %(number)s are left.", left)
        case Problem(code="quantity_invalid_limit_exceeded", limit=int(limit)):
            return language.text("At most %(limit)s per order.", limit=limit)
        case Problem(code="invalid", where=str(where)) if where.startswith("methods["):
            return language.text("This way of delivery is not offered for these goods.")
        case Problem(code="address_incomplete", about=str(part)) if part in ADDRESS:
            field = language.text(ADDRESS[part][0])
            return language.text("The address lacks something: %(field)s.", field=field)
        case _:
            return None


def _text_of_code(problem: Problem, language: Language) -> str | None:
    match problem:
        case Problem(code="free_shipping", about=str(code)):
            return language.text("%(code)s: standard delivery is free.", code=code)
        case Problem(code=found, about=str(code)) if found.startswith("discount_code_"):
            reason = language.text(problem.text.removeprefix(f"{code}: "))
            return language.text("%(code)s: %(reason)s", code=code, reason=reason)
        case _:
            return None


def _text_of_order(problem: Problem, language: Language) -> str | None:
    match problem:
        case Problem(code="currency_not_offered", about=str(currency)):
            return language.text("This shop sells in %(currency)s.", currency=currency)
        case Problem(code="refund_failed", amount=Money() as amount):
            return language.text(
                "%(amount)s could not be paid back; the shop will get in touch.",
                amount=language.amount(amount.minor, amount.currency),
            )
        case Problem(code="fulfillment_delayed", about=str(title)):
            return language.text(
                "%(title)s could not be supplied at once; the shop takes care of it.", title=title
            )
        case _:
            return None


def problem_kind(problem: Problem) -> str:
    """What an agent cannot mend is no error to the buyer who is here to mend it."""
    match problem.severity:
        case Severity.BUYER_REVIEW:
            return "info"
        case Severity.BUYER_INPUT:
            return "warning"
        case _:
            return problem.kind.value


def refusal_code(code: str) -> str:
    """A code that may stand in an address; ours are few, so that nobody can put words into a page."""
    return code if code in _REFUSALS else "other"


def refusal_kind(code: str) -> str:
    """Only what failed is an error; to look once more is none."""
    is_to_look = {"changed", "new_total", "conflict", "not_ready", "terms", "card_missing"}
    return "warning" if code in is_to_look else "error"


def refusal_text(code: str, language: Language) -> str:
    return language.text(_REFUSALS.get(code, _GENERAL))


def address_line(address: Address | None, language: Language) -> str:
    """An address on one line, in the order in which it is written."""
    return ", ".join(address_lines(address, language))


def web_url(url: str | None) -> str | None:
    """The URL if a link may lead there: anything but http and https could run in our page."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None
