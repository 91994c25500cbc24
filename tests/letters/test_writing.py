"""Letters: what the templates are given is what they use; what callers gave stays text."""

import email
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any, get_args, get_type_hints

import jinja2
import jinja2.nodes
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ucp import samples
from ucp_server.domain.checkout import Buyer
from ucp_server.domain.events import Job, JobKind, Notice
from ucp_server.domain.order import Adjustment, FulfillmentEvent, Order, Quantity
from ucp_server.handlers.mail_smtp.envelope import sealed
from ucp_server.letters import writing
from ucp_server.letters.writing import NAME_CHARACTERS_MAX, SUBJECTS, Letter, Line, Sender, Writing
from ucp_server.ports import MailMessage

JOB_ID = "01890a5d-ac96-774b-bcce-b302099a8058"
SENDER = Sender(shop="Kiosk & Kettle", address="Kiosk <orders@shop.example>", site="https://shop.example")
WRITING = Writing(senders={"demo": SENDER}, order_path="/order/{}/{}".format)
BUYER = Buyer(email="ada@example.com", first_name="Ada")
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


def order(**changes: Any) -> Order:
    return samples.order(**{"buyer": BUYER, **changes})


def written(what: str, of: Order, about: str | None = None) -> MailMessage:
    """The letter as the mail port gets it."""
    job = Job(
        id=JOB_ID,
        merchant_id="demo",
        kind=JobKind.MAIL,
        stream="mail:1",
        sequence=1,
        payload=msgspec.json.encode(Notice(what=what, order=of, about=about)),
        created_at=samples.AT,
    )
    return msgspec.json.decode(WRITING.render(job), type=MailMessage)


def delivered(message: MailMessage) -> EmailMessage:
    """What a mail program makes of it."""
    parsed = email.message_from_bytes(sealed(message).content, policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return body.get_content()


# --- what they say ---


def test_a_placed_order_lists_everything_and_its_total() -> None:
    message = written("placed", order())
    assert message.subject == "Your order at Kiosk & Kettle"
    assert (message.sender, message.recipient) == (SENDER.address, "ada@example.com")
    assert message.message_id == f"<{JOB_ID}@shop.example>"
    assert message.text.startswith("Dear Ada,\n\nthank you for your order.")
    for line in order().lines:
        assert f"{line.quantity} x {line.title}" in message.text
    assert "Total: " in message.text
    assert "Standard" in message.text
    assert f"https://shop.example/order/{samples.ID}/{'p' * 26}" in message.text


def test_a_shipment_lists_what_is_in_the_parcel() -> None:
    message = written("shipped", order(), about="evt_1")
    assert "is on its way" in message.subject
    assert "1 x " in message.text
    assert "Total" not in message.text
    assert "Follow the parcel: TRACK123 https://post.example/TRACK123" in message.text
    assert 'href="https://post.example/TRACK123"' in (message.html or "")


@pytest.mark.parametrize("what", ["canceled", "refunded"])
def test_money_that_comes_back_is_named(what: str) -> None:
    message = written(what, order(), about="adj_1")
    assert "31.50 USD" in message.text
    assert "31.50 USD" in (message.html or "")
    assert "1 x " in message.text


def test_a_cancellation_of_what_was_never_paid_promises_no_money() -> None:
    unpaid = Adjustment(
        id="adj_1",
        type="cancellation",
        occurred_at=samples.AT,
        status="completed",
        lines=(Quantity(line_id="line_1", quantity=1),),
    )
    message = written("canceled", order(adjustments=(unpaid,)), about="adj_1")
    assert "back" not in message.text
    assert "these parts of your order were canceled:" in message.text


def test_nobody_without_a_name_is_called_by_one() -> None:
    message = written("placed", order(buyer=Buyer(email="ada@example.com", full_name="Ada Agent")))
    assert message.text.startswith("Hello,\n")


def test_nobody_is_written_to_about_what_has_no_letter() -> None:
    for what in ("delivered", "returned", "changed"):
        with pytest.raises(KeyError):
            written(what, order())


def test_an_unknown_merchant_has_no_letters() -> None:
    job = Job(
        id=JOB_ID,
        merchant_id="nobody",
        kind=JobKind.MAIL,
        stream="mail:1",
        sequence=1,
        payload=msgspec.json.encode(Notice(what="placed", order=order())),
        created_at=samples.AT,
    )
    with pytest.raises(KeyError):
        WRITING.render(job)


# --- templates and what they are given ---


def used(template: str) -> set[tuple[str, str]]:
    """Variable and member of every look into what a template is given."""
    environment = writing._TEMPLATES
    assert environment.loader is not None
    tree = environment.parse(environment.loader.get_source(environment, template)[0])
    return {
        (node.node.name, node.attr)
        for node in tree.find_all(jinja2.nodes.Getattr)
        if isinstance(node.node, jinja2.nodes.Name)
    }


def test_templates_use_every_member_of_a_letter_and_no_other() -> None:
    looks = {name: used(name) for name in ("letter.txt", "letter.html")}
    for name, found in looks.items():
        members = {member for variable, member in found if variable == "letter"}
        assert members == set(Letter.__struct_fields__), name
        assert {member for variable, member in found if variable == "line"} == set(Line.__struct_fields__)
        assert {variable for variable, _ in found} == {"letter", "line"}, name


def test_every_letter_is_about_something_that_happens() -> None:
    assert set(SUBJECTS) <= set(get_args(get_type_hints(Notice)["what"]))


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
    event = FulfillmentEvent(
        id="evt_1",
        type="shipped",
        occurred_at=samples.AT,
        lines=(Quantity(line_id="line_1", quantity=1),),
        carrier=text,
        tracking_number=text,
        description=text,
    )
    lines = tuple(msgspec.structs.replace(line, title=text) for line in samples.order().lines)
    promises = tuple(
        msgspec.structs.replace(promise, description=text) for promise in samples.order().expectations
    )
    buyer = Buyer(email="ada@example.com", first_name=text, last_name=text, full_name=text)
    return samples.order(buyer=buyer, events=(event,), lines=lines, expectations=promises)


@pytest.mark.parametrize("what", ["placed", "shipped"])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_text(what: str, text: str) -> None:
    about = "evt_1" if what == "shipped" else None
    innocent = Tags(written(what, everywhere("innocent"), about).html or "")
    message = written(what, everywhere(text), about)
    page = Tags(message.html or "")
    assert page.names == innocent.names
    assert page.links == innocent.links
    mail = delivered(message)
    assert sorted(mail.keys()) == sorted(delivered(written("placed", order())).keys())
    assert mail["to"] == "ada@example.com"
    assert "\n" not in mail["subject"]


@given(st.text(max_size=200))
def test_a_name_is_one_short_line(name: str) -> None:
    text = written("placed", everywhere(name)).text
    greeting = text.split("\n")[0]
    assert greeting == "Hello," or (greeting.startswith("Dear ") and greeting.endswith(","))
    assert len(greeting) <= NAME_CHARACTERS_MAX + len("Dear ,")
    assert greeting.isprintable()


@pytest.mark.parametrize("name", ["Ada", "Zoë", "李小龍", "O'Brien", "Anna-Lena", "João Pedro"])
def test_names_of_people_are_kept(name: str) -> None:
    message = written("placed", everywhere(name))
    assert message.text.startswith(f"Dear {name},")
    assert f"Dear {name}," in part(delivered(message), "plain")
