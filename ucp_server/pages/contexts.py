"""What each template is given: frozen, complete, already in words. A test holds both together."""

from collections.abc import Sequence

import msgspec

from ucp_server.domain.checkout import Checkout
from ucp_server.domain.fulfillment import Address, Method
from ucp_server.domain.lifecycle import Standing
from ucp_server.domain.money import Money, decimal_text
from ucp_server.domain.order import Order, line_counts
from ucp_server.domain.problems import Kind, Problem, Severity
from ucp_server.domain.quote import Quote, QuotedLine, Total
from ucp_server.pages.forms import ADDRESS_FIELDS


class Link(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    url: str


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """The merchant as its buyers know it."""

    merchant_id: str
    title: str
    origin: str
    links: tuple[Link, ...] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    amount: str
    strong: bool = False


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    quantity: int
    amount: str
    image_url: str | None
    note: str = ""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    value: str
    title: str
    detail: str
    chosen: bool


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One input: ``autocomplete`` is the browser's own word for it."""

    name: str
    label: str
    value: str
    autocomplete: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    text: str


class GroupForm(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    options: tuple[Choice, ...]


class MethodForm(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    destination_name: str
    destinations: tuple[Choice, ...]
    address: tuple[Field, ...]
    groups: tuple[GroupForm, ...]


class CheckoutPage(msgspec.Struct, frozen=True, kw_only=True):
    """``pay_text`` is None while the order cannot be placed; ``editable`` once nothing is settled."""

    shop: Shop
    title: str
    lines: tuple[LineRow, ...]
    totals: tuple[Row, ...]
    notices: tuple[Notice, ...]
    buyer: tuple[Field, ...]
    methods: tuple[MethodForm, ...]
    codes: str
    form_token: str
    revision: int
    total_minor: int
    pay_text: str | None
    editable: bool
    style_path: str


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    when: str
    text: str
    url: str | None = None


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    shop: Shop
    title: str
    number: str
    placed: str
    lines: tuple[LineRow, ...]
    totals: tuple[Row, ...]
    promises: tuple[str, ...]
    events: tuple[EventRow, ...]
    notices: tuple[Notice, ...]
    style_path: str


class PlainPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page with something to say and nothing to do."""

    shop: Shop
    title: str
    text: str
    order_url: str | None
    style_path: str


_ROW_LABELS = {
    "subtotal": "Subtotal",
    "items_discount": "Discounts on items",
    "discount": "Discount",
    "fulfillment": "Delivery",
    "tax": "Tax",
    "fee": "Fee",
    "total": "Total",
}
_BUYER_LABELS = (
    ("first_name", "First name", "given-name"),
    ("last_name", "Last name", "family-name"),
    ("email", "E-mail", "email"),
    ("phone_number", "Phone (optional)", "tel"),
)
_ADDRESS_LABELS = {
    "street_address": ("Street and number", "address-line1"),
    "extended_address": ("Flat, floor (optional)", "address-line2"),
    "postal_code": ("Postal code", "postal-code"),
    "locality": ("Town or city", "address-level2"),
    "region": ("State or region", "address-level1"),
    "country": ("Country (two letters)", "country"),
}
_METHOD_TITLES = {"shipping": "Delivery", "pickup": "Collect in person"}


def amount_text(minor: int, currency: str) -> str:
    """``1490, "EUR"`` as ``14.90 EUR``, with a real minus sign."""
    return f"{decimal_text(Money(minor, currency))} {currency}".replace("-", "−")


def bill(totals: Sequence[Total], currency: str, included_tax_minor: int) -> tuple[Row, ...]:
    rows = [
        Row(
            label=row.text or _ROW_LABELS[row.type],
            amount=amount_text(row.amount_minor, currency),
            strong=row.type == "total",
        )
        for row in totals
    ]
    if included_tax_minor:
        rows.append(Row(label="of which tax", amount=amount_text(included_tax_minor, currency)))
    return tuple(rows)


def line_row(line: QuotedLine, currency: str, note: str = "") -> LineRow:
    subtotal = next(row.amount_minor for row in line.totals if row.type == "subtotal")
    return LineRow(
        title=line.title,
        quantity=line.quantity,
        amount=amount_text(subtotal, currency),
        image_url=line.image_url,
        note=note,
    )


def checkout_page(
    checkout: Checkout, shop: Shop, *, form_token: str, said: str | None, style_path: str, can_pay: bool
) -> CheckoutPage:
    """The hand-off page of an open checkout."""
    quote = checkout.quote
    editable = checkout.standing in (Standing.INCOMPLETE, Standing.NEEDS_BUYER, Standing.READY)
    payable = editable and can_pay and not any(_stands_in_the_way(p) for p in quote.problems)
    return CheckoutPage(
        shop=shop,
        title="Finish your order",
        lines=tuple(line_row(line, quote.currency) for line in quote.lines),
        totals=bill(quote.totals, quote.currency, quote.included_tax_minor),
        notices=_notices(checkout, said),
        buyer=_buyer_fields(checkout),
        methods=_method_forms(quote),
        codes=" ".join(checkout.basket.discount_codes or ()),
        form_token=form_token,
        revision=checkout.revision,
        total_minor=quote.total_minor,
        pay_text=amount_text(quote.total_minor, quote.currency) if payable else None,
        editable=editable,
        style_path=style_path,
    )


def _stands_in_the_way(problem: Problem) -> bool:
    """The buyer being here answers what asks for the buyer's review; nothing else."""
    return problem.kind is Kind.ERROR and problem.severity is not Severity.BUYER_REVIEW


def _notices(checkout: Checkout, said: str | None) -> tuple[Notice, ...]:
    notices = [Notice(kind="said", text=said)] if said else []
    notices += [
        Notice(kind="info" if p.severity is Severity.BUYER_REVIEW else p.kind.value, text=p.text)
        for p in checkout.problems
    ]
    return tuple(notices)


def _buyer_fields(checkout: Checkout) -> tuple[Field, ...]:
    buyer = checkout.basket.buyer
    return tuple(
        Field(name=name, label=label, value=getattr(buyer, name, None) or "", autocomplete=word)
        for name, label, word in _BUYER_LABELS
    )


def _method_forms(quote: Quote) -> tuple[MethodForm, ...]:
    return tuple(
        _method_form(method, f"m{index}", quote.currency)
        for index, method in enumerate(quote.methods or ())
    )


def _method_form(method: Method, prefix: str, currency: str) -> MethodForm:
    return MethodForm(
        title=_METHOD_TITLES.get(method.type, method.type),
        destination_name=f"{prefix}.destination",
        destinations=tuple(
            Choice(
                value=destination.id,
                title=destination.name or address_line(destination.address),
                detail=address_line(destination.address) if destination.name else "",
                chosen=destination.id == method.selected_destination_id,
            )
            for destination in method.destinations or ()
        ),
        address=_address_fields(prefix) if method.type == "shipping" else (),
        groups=tuple(
            GroupForm(
                name=f"{prefix}.option.{group.id}",
                options=tuple(
                    Choice(
                        value=option.id,
                        title=option.title,
                        detail=amount_text(option.price_minor, currency),
                        chosen=option.id == group.selected_option_id,
                    )
                    for option in group.options
                ),
            )
            for group in method.groups
        ),
    )


def _address_fields(prefix: str) -> tuple[Field, ...]:
    return tuple(
        Field(name=f"{prefix}.{name}", label=label, value="", autocomplete=f"shipping {word}")
        for name in ADDRESS_FIELDS
        for label, word in [_ADDRESS_LABELS[name]]
    )


def address_line(address: Address | None) -> str:
    """An address on one line, in the order in which it is written."""
    if address is None:
        return ""
    town = " ".join(part for part in (address.postal_code, address.locality) if part)
    parts = (address.street_address, address.extended_address, town, address.region, address.country)
    return ", ".join(part for part in parts if part)


_LINE_NOTES = {"processing": "", "partial": "partly sent", "fulfilled": "sent", "removed": "canceled"}
_EVENT_TEXTS = {
    "processing": "We are preparing your order",
    "shipped": "Sent",
    "in_transit": "On its way",
    "delivered": "Delivered",
    "failed_attempt": "Delivery was tried",
}
_ADJUSTMENT_TEXTS = {"cancellation": "Canceled", "return": "Returned", "refund": "Refunded"}


def order_page(order: Order, shop: Shop, *, style_path: str) -> OrderPage:
    """The page behind ``permalink_url``."""
    counts = line_counts(order)
    return OrderPage(
        shop=shop,
        title="Thank you for your order",
        number=order.id[-12:],
        placed=order.placed_at.strftime("%d %B %Y, %H:%M UTC"),
        lines=tuple(
            line_row(line, order.currency, _LINE_NOTES[counts[line.line_id].state]) for line in order.lines
        ),
        totals=bill(order.totals, order.currency, order.included_tax_minor),
        promises=tuple(
            " — ".join(part for part in (e.description, address_line(e.address)) if part)
            for e in order.expectations
        ),
        events=_history(order),
        notices=_payment_notices(order),
        style_path=style_path,
    )


def _payment_notices(order: Order) -> tuple[Notice, ...]:
    if order.payment != "payment_failed":
        return ()
    return (Notice(kind="warning", text="The payment could not be collected; we will write to you."),)


def _history(order: Order) -> tuple[EventRow, ...]:
    rows = [
        (
            event.occurred_at,
            ", ".join(p for p in (_EVENT_TEXTS[event.type], event.carrier, event.tracking_number) if p),
            event.tracking_url,
        )
        for event in order.events
    ]
    rows += [
        (
            change.occurred_at,
            _ADJUSTMENT_TEXTS[change.type]
            + (f", {amount_text(change.amount_minor, order.currency)}" if change.amount_minor else ""),
            None,
        )
        for change in order.adjustments
    ]
    return tuple(
        EventRow(when=when.strftime("%d %b %Y"), text=text, url=url)
        for when, text, url in sorted(rows, key=lambda row: row[0])
    )
