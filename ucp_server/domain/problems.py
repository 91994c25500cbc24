"""Problems: values that say what is wrong, noteworthy or missing in a checkout.

A problem is not an exception: the command that found it succeeded. ``where`` names the part in our
own words (``lines[0]``, ``buyer.email``, ``discount_codes[1]``, ``claims[0]``,
``methods[0].groups[0]``); each binding spells it in its protocol.
"""

from enum import StrEnum

import msgspec

from ucp_server.domain.money import Money, decimal_text


class Kind(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Severity(StrEnum):
    """Who can mend an error."""

    RECOVERABLE = "recoverable"
    BUYER_INPUT = "requires_buyer_input"
    BUYER_REVIEW = "requires_buyer_review"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``code`` is a stable snake-case name, ``text`` a sentence for people, ``severity`` of errors only.

    ``left`` is how many pieces could be had, where fewer are left than wanted, ``limit`` how many an order
    may hold. ``about`` is what the sentence names: a title, a code, a currency, or the member of an
    address; ``amount`` is the money that it names. With these facts a page says it in the buyer's words.
    """

    kind: Kind
    code: str
    text: str
    where: str | None = None
    severity: Severity | None = None
    left: int | None = None
    limit: int | None = None
    about: str | None = None
    amount: Money | None = None


def error(
    code: str, text: str, *, where: str | None = None, severity: Severity = Severity.RECOVERABLE
) -> Problem:
    return Problem(kind=Kind.ERROR, code=code, text=text, where=where, severity=severity)


def warning(code: str, text: str, *, where: str | None = None) -> Problem:
    return Problem(kind=Kind.WARNING, code=code, text=text, where=where)


def info(code: str, text: str, *, where: str | None = None) -> Problem:
    return Problem(kind=Kind.INFO, code=code, text=text, where=where)


def _about(name: str, problem: Problem) -> Problem:
    return msgspec.structs.replace(problem, about=name)


# --- lines ---


def out_of_stock(title: str, available: int, where: str) -> Problem:
    left = "none is left" if available <= 0 else f"{available} left"
    found = error("out_of_stock", f"Insufficient stock for {title}: {left}.", where=where)
    return msgspec.structs.replace(found, left=max(0, available))


def stock_unknown() -> Problem:
    return error("stock_unknown", "The stock cannot be counted at the moment; please try again.")


def item_unavailable(item_id: str, where: str) -> Problem:
    return error("item_unavailable", f"Item {item_id} was not found in this shop.", where=where)


def quantity_limit(title: str, limit: int, where: str) -> Problem:
    text = f"At most {limit} of {title} per order."
    found = error("quantity_invalid_limit_exceeded", text, where=where)
    return msgspec.structs.replace(found, limit=limit)


def sold_by_the_piece(item_id: str, where: str) -> Problem:
    text = f"Item {item_id} is sold by the piece; no other unit was reckoned with."
    return error("quantity_unit_mismatch", text, where=where)


def item_needs_review(title: str, where: str) -> Problem:
    return error(
        "item_review_required",
        f"{title} needs the buyer's own confirmation before it can be ordered.",
        where=where,
        severity=Severity.BUYER_REVIEW,
    )


# --- the order as a whole ---


def nothing_ordered() -> Problem:
    return error("missing", "The order holds no items.", where="lines")


def other_currency(asked: str, ours: str) -> Problem:
    text = f"This shop sells in {ours}, not in {asked}."
    return _about(ours, warning("currency_not_offered", text, where="currency"))


def high_value_order(limit_text: str) -> Problem:
    return error(
        "high_value_order",
        f"Orders above {limit_text} are confirmed by the buyer in person.",
        severity=Severity.BUYER_REVIEW,
    )


def buyer_field_missing(field: str) -> Problem:
    return error(
        "missing_buyer_info",
        f"The buyer's {field.replace('_', ' ')} is missing.",
        where=f"buyer.{field}",
    )


TERMS_AGREEMENT_REQUIRED = "terms_agreement_required"


def terms_not_agreed() -> Problem:
    return error(
        TERMS_AGREEMENT_REQUIRED,
        "The buyer agrees to the shop's terms in person before this can be ordered.",
        severity=Severity.BUYER_REVIEW,
    )


# --- fulfillment ---

FULFILLMENT_MISSING = "fulfillment_required"
DESTINATION_UNKNOWN = "destination_unknown"


def method_unavailable(type_: str, where: str) -> Problem:
    return error("invalid", f"Fulfillment by {type_} is not offered for these items.", where=where)


def fulfillment_missing(where: str) -> Problem:
    return error(FULFILLMENT_MISSING, "Fulfillment address and option must be selected.", where=where)


def address_undeliverable(where: str) -> Problem:
    return error("address_undeliverable", "We do not deliver to this address.", where=where)


def address_incomplete(field: str, where: str) -> Problem:
    text = f"The address lacks its {field.replace('_', ' ')}."
    return _about(field, error("address_incomplete", text, where=where))


def destination_unknown(where: str) -> Problem:
    text = "The selected destination is not one of those offered."
    return error(DESTINATION_UNKNOWN, text, where=where)


def option_unknown(where: str) -> Problem:
    return error("invalid", "The selected option is not one of those offered.", where=where)


def fulfillment_changed(where: str) -> Problem:
    return warning(
        "fulfillment_changed", "The chosen delivery option is no longer offered here.", where=where
    )


# --- discounts (warnings; codes of the discount extension, "Rejected Codes") ---


def discount_rejected(code: str, reason: str, text: str, index: int) -> Problem:
    where = f"discount_codes[{index}]"
    return _about(code, warning(f"discount_code_{reason}", f"{code}: {text}", where=where))


def free_shipping_granted(code: str, index: int) -> Problem:
    text = f"{code}: standard delivery is free."
    return _about(code, info("free_shipping", text, where=f"discount_codes[{index}]"))


# --- eligibility ---

ELIGIBILITY_ACCEPTED = "eligibility_accepted"
ELIGIBILITY_NOT_ACCEPTED = "eligibility_not_accepted"
ELIGIBILITY_INVALID = "eligibility_invalid"


def eligibility_accepted(claim: str, where: str) -> Problem:
    return info(ELIGIBILITY_ACCEPTED, f"{claim} brings its benefit to this order.", where=where)


def eligibility_not_accepted(claim: str, where: str) -> Problem:
    return warning(ELIGIBILITY_NOT_ACCEPTED, f"{claim} brings no benefit to this order.", where=where)


def benefit_taken_off(claim: str) -> Problem:
    text = f"{claim} could not be verified; its benefit was taken off."
    return warning(ELIGIBILITY_NOT_ACCEPTED, text)


def eligibility_invalid(claim: str, where: str) -> Problem:
    text = f"We could not verify {claim} for this buyer; without that claim the order can be placed."
    return error(ELIGIBILITY_INVALID, text, where=where)


# --- signals ---


def signal_wanted(name: str) -> Problem:
    return info("signal", f"The shop would like to know {name}.", where=f"signals[{name}]")


# --- payment ---


def payment_failed(text: str, where: str | None = None) -> Problem:
    return error("payment_failed", text, where=where)


def payment_needs_buyer(text: str) -> Problem:
    return error("requires_3ds", text, severity=Severity.BUYER_INPUT)


def declined_too_often() -> Problem:
    return error(
        "payment_declined_too_often",
        "Too many payments of this order were declined; only the buyer in person can pay for it now.",
        severity=Severity.BUYER_REVIEW,
    )


def price_changed() -> Problem:
    return error(
        "totals_changed",
        "The price changed since this checkout was last shown; please look at the new total.",
    )


# --- after the sale; told to platforms and to buyers in the same words ---


def payment_not_collected() -> Problem:
    return error(
        "payment_failed",
        "The payment could not be collected; the shop will get in touch.",
        severity=Severity.BUYER_INPUT,
    )


def refund_failed(amount: Money, where: str) -> Problem:
    text = f"{decimal_text(amount)} {amount.currency} could not be paid back; the shop will get in touch."
    return msgspec.structs.replace(warning("refund_failed", text, where=where), amount=amount)


def fulfillment_delayed(title: str, where: str) -> Problem:
    text = f"{title} could not be supplied at once; the shop takes care of it."
    return _about(title, warning("fulfillment_delayed", text, where=where))


# --- looking for goods ---


def product_unknown(asked: str) -> Problem:
    return info("not_found", f"Nothing is known here as {asked[:100]}.")


def price_filter_ignored(asked: str, ours: str) -> Problem:
    return info("price_filter_ignored", f"Prices are in {ours}; those of a filter in {asked} were ignored.")
