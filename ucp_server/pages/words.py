"""The pages' words: what rows, fields, ways, events and problems are called in front of a buyer."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from ucp_server.domain.fulfillment import Address
from ucp_server.domain.money import Money, decimal_text
from ucp_server.domain.problems import Problem, Severity
from ucp_server.pages.countries import name_of

ROWS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "subtotal": "Subtotal",
        "items_discount": "Discounts on items",
        "discount": "Discount",
        "fulfillment": "Delivery",
        "tax": "Tax",
        "fee": "Fee",
        "total": "Total",
    }
)
METHODS: Final[Mapping[str, str]] = MappingProxyType(
    {"shipping": "Delivery", "pickup": "Collect in person"}
)

# Label, the browser's word for automatic filling, type of the input.
BUYER: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "first_name": ("First name", "given-name", "text"),
        "last_name": ("Last name", "family-name", "text"),
        "full_name": ("Name", "name", "text"),
        "email": ("E-mail", "email", "email"),
        "phone_number": ("Phone", "tel", "tel"),
    }
)
ADDRESS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "street_address": ("Street and number", "address-line1"),
        "extended_address": ("Flat, floor, company", "address-line2"),
        "postal_code": ("Postal code", "postal-code"),
        "locality": ("Town or city", "address-level2"),
        "region": ("State or region", "address-level1"),
        "country": ("Country", "country"),
    }
)

# Problems as the buyer is told of them, where their own text speaks to an agent.
_PROBLEMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing_buyer_info": "Please fill this in.",
        "high_value_order": "An order of this value needs your own confirmation; ordering here gives it.",
        "item_review_required": "Needs your own confirmation; ordering here gives it.",
        "totals_changed": "A price changed a moment ago. Please look at the new total.",
        "eligibility_accepted": "A benefit is taken off. We check that it is yours when you order.",
        "eligibility_not_accepted": "A benefit that was asked for does not apply to this order.",
        "requires_3ds": "This payment needs one more confirmation by you.",
        "stock_unknown": "We cannot see at the moment whether everything is in stock. Please try again.",
    }
)
OPTION_MISSING: Final = "Please choose one."
OPTION_GONE: Final = "Your earlier choice is not possible here; please choose another."
PLACE_MISSING: Final = "Please tell us where it goes."
PLACE_UNCHOSEN: Final = "Please choose where to collect it."

# Refusals in the buyer's words; a code that is not here is told in general terms.
_REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_ready": "Something is still missing; please look at the marked places.",
        "payment_failed": "The payment was declined. Nothing was charged; you can try again.",
        "changed": "This order changed while you were looking at it. Please check it again before you pay.",
        "new_total": "With what you entered the total is a new one. Please check it before you pay.",
        "conflict": "This order changed a moment ago; please look at it again.",
        "store_unavailable": "We cannot be reached at the moment. Try again: nothing is charged twice.",
        "handler_unavailable": "Something we need does not answer at the moment; please try again.",
    }
)
_GENERAL: Final = "That was not possible; please look at your order again."

LINE_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {"processing": "", "partial": "partly sent", "fulfilled": "sent", "removed": "canceled"}
)
EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "processing": "We are preparing your order",
        "shipped": "Sent",
        "in_transit": "On its way",
        "delivered": "Delivered",
        "failed_attempt": "Delivery was tried",
    }
)
ADJUSTMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {"cancellation": "Canceled", "return": "Returned", "refund": "Refunded"}
)


def problem_text(problem: Problem) -> str:
    return _PROBLEMS.get(problem.code, problem.text)


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
    return "warning" if code in {"changed", "new_total", "conflict", "not_ready"} else "error"


def refusal_text(code: str) -> str:
    return _REFUSALS.get(code, _GENERAL)


def amount_text(minor: int, currency: str) -> str:
    """``-1490, "EUR"`` as ``−14.90 EUR``: a real minus sign, and no line break within."""
    return f"{decimal_text(Money(minor, currency))}\N{NO-BREAK SPACE}{currency}".replace("-", "−")


def address_line(address: Address | None) -> str:
    """An address on one line, in the order in which it is written."""
    if address is None:
        return ""
    name = address.full_name or " ".join(p for p in (address.first_name, address.last_name) if p)
    town = " ".join(part for part in (address.postal_code, address.locality) if part)
    parts = (
        name,
        address.street_address,
        address.extended_address,
        town,
        address.region,
        name_of(address.country),
    )
    return ", ".join(part for part in parts if part)


def web_url(url: str | None) -> str | None:
    """The URL if a link may lead there: anything but http and https could run in our page."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None
