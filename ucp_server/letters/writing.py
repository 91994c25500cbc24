"""Writes the mails, each once: the outbox keeps the text and sends the same in every try."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import jinja2
import msgspec

from ucp_server.domain.events import Job, Notice
from ucp_server.domain.money import Money, decimal_text
from ucp_server.domain.order import Adjustment, FulfillmentEvent, Order
from ucp_server.ports import MailMessage

# Longer first names than these are texts.
NAME_CHARACTERS_MAX: Final = 60

SUBJECTS: Final = MappingProxyType(
    {
        "placed": "Your order at {shop}",
        "shipped": "Your order from {shop} is on its way",
        "canceled": "Your order at {shop} was canceled",
        "refunded": "A refund from {shop}",
    }
)


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant as it writes: ``address`` is what mail comes from, ``site`` leads its links."""

    shop: str
    address: str
    site: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    quantity: int
    amount: str


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What both templates are given, already in words."""

    what: str
    shop: str
    name: str
    lines: tuple[Line, ...]
    total: str
    promises: tuple[str, ...]
    tracking: str
    tracking_url: str
    refunded: str
    order_url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Writing:
    """``senders`` are by merchant; ``order_path`` leads to an order's page from (id, token)."""

    senders: Mapping[str, Sender]
    order_path: Callable[[str, str], str]

    def render(self, job: Job) -> bytes:
        """The mail of a job, as JSON of a `MailMessage`.

        Raises KeyError for an unknown merchant, and for what nobody is written to about.
        """
        notice = msgspec.json.decode(job.payload, type=Notice)
        sender = self.senders[job.merchant_id]
        letter = self._letter(notice, sender)
        buyer = notice.order.buyer
        host = sender.address.rpartition("@")[2].rstrip(">")
        return msgspec.json.encode(
            MailMessage(
                sender=sender.address,
                recipient=(buyer.email if buyer else None) or "",
                subject=SUBJECTS[notice.what].format(shop=sender.shop),
                text=_TEMPLATES.get_template("letter.txt").render(letter=letter),
                html=_TEMPLATES.get_template("letter.html").render(letter=letter),
                message_id=f"<{job.id}@{host}>",
            )
        )

    def _letter(self, notice: Notice, sender: Sender) -> Letter:
        order = notice.order
        event = next((e for e in order.events if e.id == notice.about), None)
        adjustment = next((a for a in order.adjustments if a.id == notice.about), None)
        return Letter(
            what=notice.what,
            shop=sender.shop,
            name=_legible((order.buyer.first_name if order.buyer else None) or ""),
            lines=_lines(order, event, adjustment),
            total=_amount(order.total_minor, order.currency),
            promises=tuple(e.description for e in order.expectations if e.description),
            tracking=" ".join(part for part in (_carrier(event), _number(event)) if part),
            tracking_url=(event.tracking_url if event else None) or "",
            refunded=_refunded(adjustment, order.currency),
            order_url=sender.site + self.order_path(order.id, order.permalink_token),
        )


def _lines(order: Order, event: FulfillmentEvent | None, adjustment: Adjustment | None) -> tuple[Line, ...]:
    """The lines that the letter is about: those of the event or adjustment, else all."""
    about = event.lines if event else adjustment.lines if adjustment else ()
    counts = {part.line_id: part.quantity for part in about}
    return tuple(
        Line(
            title=line.title,
            quantity=counts.get(line.line_id, line.quantity),
            amount=_amount(line.unit_price_minor, order.currency),
        )
        for line in order.lines
        if not counts or line.line_id in counts
    )


def _legible(name: str) -> str:
    """What a caller gave for a name, as one short line: it must not say more than a name in our mail.

    Controls, line ends and invisible signs (which may turn the reading direction) go.
    """
    kept = "".join(sign if unicodedata.category(sign)[0] not in "CZ" else " " for sign in name)
    return " ".join(kept.split())[:NAME_CHARACTERS_MAX]


def _carrier(event: FulfillmentEvent | None) -> str:
    return (event.carrier if event else None) or ""


def _number(event: FulfillmentEvent | None) -> str:
    return (event.tracking_number if event else None) or ""


def _refunded(adjustment: Adjustment | None, currency: str) -> str:
    """Empty where nothing comes back, as for what was never paid."""
    return _amount(adjustment.amount_minor, currency) if adjustment and adjustment.amount_minor else ""


def _amount(minor: int, currency: str) -> str:
    return f"{decimal_text(Money(minor, currency))} {currency}"


# Plain text has no markup that could be smuggled in; escaping it would show as such.
_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("ucp_server.letters"),
    autoescape=jinja2.select_autoescape(["html"]),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
