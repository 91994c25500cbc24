"""Letters: what the templates are given is what they use; what callers gave stays text."""

import email
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import get_args, get_type_hints

import jinja2
import jinja2.nodes
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.letters import cases
from tests.letters.cases import CANCELLATION, ID, JOB_ID, PARCEL, REFUND, SENDER, notices, order, written
from ucp_server.domain.checkout import Buyer, Instrument
from ucp_server.domain.events import Notice
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.order import Adjustment, Expectation, Order, Quantity
from ucp_server.handlers.mail_smtp.envelope import sealed
from ucp_server.letters import contexts, writing
from ucp_server.letters.saying import SAYINGS
from ucp_server.letters.words import NAME_CHARACTERS_MAX
from ucp_server.letters.writing import Sender, ShopLink, Writing
from ucp_server.ports import MailMessage

# What people, catalogues and carriers have been seen to hold.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ letter.order_url }}{% raw %}",
    "Ada\r\nBcc: everybody@example.com\r\n\r\nYou have won",
    "\u202egnitcerid\u2066\u200b",
    "a\x00b\x1b[31mc",
    "%s%n{0}{shop}",
    "x" * 10_000,
)


def delivered(message: MailMessage) -> EmailMessage:
    """What a mail program makes of it."""
    parsed = email.message_from_bytes(sealed(message).content, policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return body.get_content()


def of(kind: str, order: Order | None = None) -> MailMessage:
    """The letter of that kind, about another ``order`` if one is given."""
    notice = notices("en")[kind]
    return written(replace(notice, order=order) if order else notice)


def from_(sender: Sender, notice: Notice) -> MailMessage:
    return written(notice, Writing(senders={"demo": sender}, order_path="/order/{}/{}".format))


# --- what they say ---


def test_a_placed_order_lists_everything_and_its_total() -> None:
    message = of("placed")
    assert message.subject == "Your order at Kiosk & Kettle"
    assert (message.sender, message.recipient) == (SENDER.address, "ada@example.com")
    assert message.message_id == f"<{JOB_ID}@shop.example>"
    text = message.text
    assert "Dear Ada Agent,\n\nYour order is placed" in text
    assert "2 × Notebook with dotted pages, A5 ($14.90 each): $29.80" in text.replace(
        "\N{NO-BREAK SPACE}", " "
    )
    assert "WELCOME10: −$9.13" in text
    assert "Total: $87.07" in text
    assert "Between 15 Jan 2026 and 17 Jan 2026" in text
    assert "12 Main Street" in text
    assert "Visa •••• 4242" in text
    assert f"https://shop.example/order/{ID}/{'p' * 22}" in text


def test_what_is_collected_says_where() -> None:
    promise = Expectation(
        id="exp_1",
        method_type="pickup",
        lines=(Quantity(line_id="line_1", quantity=2),),
        place="Market Square",
        address=Address(street_address="Main Street 1", country="US"),
    )
    text = of("placed", order(expectations=(promise,))).text
    assert "Collect in person:\n  Market Square\n  Main Street 1" in text
    assert "on its way" not in text


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (0, 1, "Between 15 Jan 2026 and 17 Jan 2026"),
        (0, 0, "  15 Jan 2026"),
        (0, None, "From 15 Jan 2026"),
        (None, 1, "By 17 Jan 2026"),
        (None, None, "Parcelbird\n\nIt goes to"),
    ],
)
def test_the_days_of_a_delivery_are_told(first: int | None, last: int | None, said: str) -> None:
    days = [cases.ARRIVES_AT[day] if day is not None else None for day in (first, last)]
    (promise,) = order().expectations
    promise = replace(promise, earliest_at=days[0], latest_at=days[1])
    assert said in of("placed", order(expectations=(promise,))).text


def test_a_shipment_lists_what_is_in_the_parcel() -> None:
    message = of("shipped")
    assert message.subject == "A part of your order from Kiosk & Kettle is on its way"
    parcel, _, left = message.text.partition("Still to come:")
    assert "Notebook" in parcel
    assert "Fountain pen" not in parcel
    assert "Fountain pen" in left
    assert "Total" not in message.text
    assert "  Parcelbird\n  PB 4711 0815\n" in message.text
    assert f"Follow this parcel: {PARCEL.tracking_url}" in message.text
    assert f'href="{PARCEL.tracking_url}"' in (message.html or "")


def test_the_last_parcel_is_the_rest_and_an_only_one_is_all() -> None:
    pen = replace(PARCEL, id="evt_2", lines=(Quantity(line_id="line_2", quantity=1),))
    rest = Notice(what="shipped", order=order(events=(PARCEL, pen)), about="evt_2")
    assert written(rest).subject == "The rest of your order from Kiosk & Kettle is on its way"
    everything = replace(PARCEL, lines=PARCEL.lines + pen.lines)
    whole = written(Notice(what="shipped", order=order(events=(everything,)), about="evt_1"))
    assert whole.subject == "Your order from Kiosk & Kettle is on its way"
    assert "Still to come" not in whole.text


def test_a_parcel_that_cannot_be_followed_leads_to_the_order() -> None:
    parcel = replace(PARCEL, tracking_url=None)
    text = of("shipped", order(events=(parcel,))).text
    assert "Follow this parcel" not in text
    assert "See your order: https://shop.example/order/" in text


@pytest.mark.parametrize("kind", ["canceled", "refunded"])
def test_money_that_comes_back_is_named(kind: str) -> None:
    message = of(kind)
    assert "$49.00 back" in message.text
    assert "$49.00" in (message.html or "")
    assert "Fountain pen" in message.text
    assert "Notebook" not in message.text
    assert "Reason:\n  The pen did not pass our last look at it." in message.text


def test_a_cancellation_of_what_was_never_paid_promises_no_money() -> None:
    unpaid = replace(CANCELLATION, amount_minor=0, status="completed")
    text = of("canceled", order(adjustments=(unpaid,), payment="payment_failed")).text
    assert "back" not in text
    assert "You were not charged for it." in text


def test_what_costs_nothing_is_canceled_without_a_word_of_money() -> None:
    text = of("canceled", order(adjustments=(replace(CANCELLATION, amount_minor=0),))).text
    assert "back" not in text
    assert "charged" not in text


def test_what_no_tool_could_supply_is_told_with_its_pieces() -> None:
    message = of("served")
    assert message.subject == "A part of your order at Kiosk & Kettle takes longer"
    assert "1\N{NO-BREAK SPACE}× Tea for long letters" in message.text
    assert "Notebook" not in message.text


def test_an_order_that_is_canceled_whole_says_so() -> None:
    everything = tuple(Quantity(line_id=line.line_id, quantity=line.quantity) for line in order().lines)
    message = of("canceled", order(adjustments=(replace(CANCELLATION, lines=everything),)))
    assert message.subject == "Your order at Kiosk & Kettle was canceled"
    assert "Nothing of it is on its way any more." in message.text
    assert of("canceled").subject == "A part of your order at Kiosk & Kettle was canceled"


def test_a_second_refund_tells_what_was_paid_back_before() -> None:
    second = Adjustment(
        id="adj_2", type="refund", occurred_at=cases.TOLD_AT, status="completed", amount_minor=100
    )
    notice = Notice(what="refunded", order=order(adjustments=(REFUND, second)), about="adj_2")
    text = written(notice).text
    assert "Total of your order: $87.07\nPaid back before: $49.00\nPaid back on 14 Jan 2026: $1.00" in text
    assert "Canceled" not in text


@pytest.mark.parametrize(
    ("buyer", "greeted"),
    [
        (Buyer(email="ada@example.com"), "Hello,"),
        (Buyer(email="ada@example.com", full_name="Ada Agent"), "Dear Ada Agent,"),
        (Buyer(email="ada@example.com", first_name="Ada"), "Dear Ada,"),
    ],
)
def test_buyers_are_greeted_by_the_name_that_they_told(buyer: Buyer, greeted: str) -> None:
    assert f"\n{greeted}\n" in of("placed", order(buyer=buyer)).text


def test_what_it_was_paid_with_is_told_as_far_as_it_is_known() -> None:
    voucher = Instrument(id="1", handler_id="mock", type="card", display={"description": "Gift card"})
    assert "Paid with:\n  Gift card\n" in of("placed", order(paid_with=voucher)).text
    assert "Paid with" not in of("placed", order(paid_with=None)).text


def test_nobody_is_written_to_about_what_has_no_letter() -> None:
    for what in ("delivered", "returned", "changed"):
        with pytest.raises(KeyError):
            written(Notice(what=what, order=order()))


def test_an_unknown_merchant_has_no_letters() -> None:
    with pytest.raises(KeyError):
        cases.WRITING.render(cases.job_of(notices("en")["placed"], merchant_id="nobody"))


# --- in whose language ---


@pytest.mark.parametrize(
    ("buyers", "shops", "spoken"),
    [("de", "en", "de"), ("de-AT", "ja", "de"), ("", "ja", "ja"), ("tlh", "ar", "ar"), ("", "en", "en")],
)
def test_a_letter_speaks_the_language_of_its_order_else_of_the_shop(
    buyers: str, shops: str, spoken: str
) -> None:
    message = from_(replace(SENDER, language=shops), Notice(what="placed", order=order(language=buyers)))
    assert message.language == spoken
    assert f'<html lang="{spoken}" dir="{"rtl" if spoken == "ar" else "ltr"}">' in (message.html or "")
    assert delivered(message)["content-language"] == spoken
    # The page of who asked for nothing that we speak goes by the browser of whoever opens it.
    assert (f"?lang={spoken}" in message.text) is buyers.startswith(spoken)


# --- pictures and links ---


def test_pictures_are_shown_where_a_mail_program_can_fetch_them() -> None:
    html = of("placed").html or ""
    assert 'src="https://shop.example/pictures/notebook.jpg"' in html
    assert html.count("<img") == 2
    nowhere = from_(replace(SENDER, picture_site=""), notices("en")["placed"])
    assert "<img" not in (nowhere.html or "")


@pytest.mark.parametrize(
    "url", ["pictures/a.svg", "http://shop.example/a.png", "data:image/png;base64,AAAA", "pictures/a", None]
)
def test_other_pictures_are_not(url: str | None) -> None:
    lines = tuple(replace(line, image_url=url) for line in order().lines)
    assert "<img" not in (of("placed", order(lines=lines)).html or "")


def test_the_shop_s_own_pages_are_found_at_the_foot() -> None:
    links = (
        ShopLink(type="privacy_policy", title="", url="https://shop.example/privacy"),
        ShopLink(type="size_guide", title="", url="https://shop.example/sizes"),
        ShopLink(type="faq", title="Ask us", url="https://shop.example/ask"),
    )
    text = from_(replace(SENDER, links=links), notices("en")["placed"]).text
    assert "Privacy: https://shop.example/privacy" in text
    assert "Size guide: https://shop.example/sizes" in text
    assert "Ask us: https://shop.example/ask" in text


# --- templates and what they are given ---

GIVEN = {
    "letter": contexts.Letter,
    "item": contexts.Item,
    "row": contexts.Row,
    "part": contexts.Part,
    "link": contexts.Link,
}
# Plain text has no head, no pictures and no weights.
ONLY_HTML = {
    "letter": {"language", "direction", "subject", "preview"},
    "item": {"picture"},
    "row": {"is_total", "is_aside"},
}


def used(template: str) -> dict[str, set[str]]:
    """By variable the members that a template looks at."""
    environment = writing._TEMPLATES
    assert environment.loader is not None
    tree = environment.parse(environment.loader.get_source(environment, template)[0])
    found: dict[str, set[str]] = {}
    for node in tree.find_all(jinja2.nodes.Getattr):
        if isinstance(node.node, jinja2.nodes.Name):
            found.setdefault(node.node.name, set()).add(node.attr)
    found.pop("loop", None)
    return found


def test_templates_use_every_member_of_a_letter_and_no_other() -> None:
    members = {name: set(struct.__struct_fields__) for name, struct in GIVEN.items()}
    assert used("letter.html") == members
    assert used("letter.txt") == {name: all_ - ONLY_HTML.get(name, set()) for name, all_ in members.items()}


def test_every_letter_is_about_something_that_happens() -> None:
    assert set(SAYINGS) <= set(get_args(get_type_hints(Notice)["what"]))


# --- hostile texts ---


class Tags(HTMLParser):
    """The elements of a page and where they lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def everywhere(text: str) -> Order:
    """An order with ``text`` in every place that a stranger fills."""
    full = order()
    address = Address(
        full_name=text, street_address=text, extended_address=text, locality=text, region=text, country="US"
    )
    return order(
        buyer=Buyer(email="ada@example.com", first_name=text, last_name=text, full_name=text),
        events=(replace(PARCEL, carrier=text, tracking_number=text, description=text),),
        adjustments=(replace(CANCELLATION, description=text),),
        lines=tuple(replace(line, title=text) for line in full.lines),
        totals=tuple(replace(row, text=text) for row in full.totals),
        expectations=tuple(
            replace(promise, description=text, detail=text, place=text, address=address)
            for promise in full.expectations
        ),
        paid_with=Instrument(id="1", handler_id="mock", type="card", display={"description": text}),
        language=text,
    )


@pytest.mark.parametrize("kind", SAYINGS)
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_text(kind: str, text: str) -> None:
    innocent = Tags(of(kind, everywhere("innocent")).html or "")
    message = of(kind, everywhere(text))
    page = Tags(message.html or "")
    assert page.names == innocent.names
    assert page.links == innocent.links
    mail = delivered(message)
    assert sorted(mail.keys()) == sorted(delivered(of("placed")).keys())
    assert mail["to"] == "ada@example.com"
    assert "\n" not in mail["subject"]
    # Big mails are cut off by some programs (102 kB), whatever a caller put into its texts.
    assert len(sealed(message).content) < 90_000


def greeted(text: str) -> str:
    return of("placed", everywhere(text)).text.split("\n")[3]


@given(st.text(max_size=200))
def test_a_name_is_one_short_line(name: str) -> None:
    greeting = greeted(name)
    assert greeting == "Hello," or (greeting.startswith("Dear ") and greeting.endswith(","))
    assert len(greeting) <= NAME_CHARACTERS_MAX + len("Dear ,")
    assert greeting.isprintable()


@pytest.mark.parametrize("name", ["Ada", "Zoë", "李小龍", "O'Brien", "Anna-Lena", "João Pedro"])
def test_names_of_people_are_kept(name: str) -> None:
    message = of("placed", everywhere(name))
    assert f"\nDear {name} {name},\n" in message.text
    assert f"\nDear {name} {name},\n" in part(delivered(message), "plain").replace("\r\n", "\n")
