"""Writes the mails, each once: the outbox keeps the text and sends the same in every try."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import jinja2
import msgspec

from ucp_server import languages
from ucp_server.domain.events import Job, Notice
from ucp_server.languages import Language
from ucp_server.languages.links import link_title
from ucp_server.letters.contexts import Letter, Link
from ucp_server.letters.saying import SAYINGS, News
from ucp_server.letters.words import greeting
from ucp_server.ports import MailMessage


class ShopLink(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the merchant's own; without a ``title`` its well-known ``type`` names it."""

    type: str
    title: str
    url: str


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant as it writes: ``address`` is what mail comes from, ``site`` leads its links.

    ``language`` is its own, for buyers who named none. Mail programs elsewhere fetch pictures from
    ``picture_site``; they get none where that is empty.
    """

    shop: str
    address: str
    site: str
    language: str = languages.ENGLISH.code
    picture_site: str = ""
    links: tuple[ShopLink, ...] = ()


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
        letter = self._letter(job, notice, sender)
        buyer = notice.order.buyer
        host = sender.address.rpartition("@")[2].rstrip(">")
        return msgspec.json.encode(
            MailMessage(
                sender=sender.address,
                recipient=(buyer.email if buyer else None) or "",
                subject=letter.subject,
                text=_TEMPLATES.get_template("letter.txt").render(letter=letter),
                html=_TEMPLATES.get_template("letter.html").render(letter=letter),
                message_id=f"<{job.id}@{host}>",
                language=letter.language,
            )
        )

    def _letter(self, job: Job, notice: Notice, sender: Sender) -> Letter:
        order = notice.order
        language = languages.choose(order.language, "", sender.language)
        news = News(
            shop=sender.shop,
            order=order,
            event=next((e for e in order.events if e.id == notice.about), None),
            adjustment=next((a for a in order.adjustments if a.id == notice.about), None),
            at=job.created_at,
            language=language,
            order_url=self._order_url(notice, sender, language),
            picture_site=sender.picture_site,
        )
        said = SAYINGS[notice.what](news)
        return Letter(
            language=language.code,
            direction=language.direction,
            shop=sender.shop,
            subject=said.subject,
            preview=said.preview,
            heading=said.heading,
            facts=(language.text("Order %(number)s", number=order.number), language.date(order.placed_at)),
            greeting=greeting(order.buyer, language),
            paragraphs=said.paragraphs,
            goods=said.goods,
            items=said.items,
            rows=said.rows,
            parts=said.parts,
            button=said.button,
            other=said.other,
            closing=_closing(sender, language),
            links=tuple(
                Link(text=link_title(link.type, link.title, language), url=link.url)
                for link in sender.links
            ),
        )

    def _order_url(self, notice: Notice, sender: Sender, language: Language) -> str:
        """The page speaks the language that the order was placed in; else that of whoever opens it."""
        order = notice.order
        url = sender.site + self.order_path(order.id, order.permalink_token)
        is_the_buyer_s = languages.named(order.language) is language
        return f"{url}?lang={language.code}" if is_the_buyer_s else url


def _closing(sender: Sender, language: Language) -> tuple[str, ...]:
    return (
        language.text("The link opens your order without a password; please keep it to yourself."),
        language.text(
            "You received this mail because your address was given for an order at %(shop)s.",
            shop=sender.shop,
        ),
    )


# Plain text has no markup that could be smuggled in; escaping it would show as such.
_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("ucp_server.letters"),
    autoescape=jinja2.select_autoescape(["html"]),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
