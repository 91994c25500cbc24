"""Mail by SMTP against a real server, and into a folder; the same envelope for both."""

import asyncio
import email
import socket
import ssl
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.handlers.mail_folder import FolderMail
from ucp_server.handlers.mail_smtp import SmtpMail
from ucp_server.handlers.mail_smtp.envelope import sealed
from ucp_server.ports import MailMessage, MailUndelivered

MESSAGE = MailMessage(
    sender="Blümchen & Söhne <shop@example.com>",
    recipient="jo+1@buyer.example",
    subject="Your order 17",
    text="Thank you.\n.\nMAIL FROM:<x@y>\n",
    html="<p>Thänk you.</p>",
    message_id="<order-17.created@shop.example>",
)


def with_(**members: Any) -> MailMessage:
    facts = {name: getattr(MESSAGE, name) for name in MESSAGE.__struct_fields__}
    return MailMessage(**(facts | members))


class Mailbox:
    """What the server took in, and what it answers to recipients and content."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.recipient_answer = "250 OK"
        self.content_answer = "250 OK"
        self.was_tls = False

    async def handle_RCPT(  # noqa: N802  the name is aiosmtpd's
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.was_tls = session.ssl is not None
        envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(  # noqa: N802  the name is aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.envelopes.append(envelope)
        return self.content_answer

    def only_mail(self) -> EmailMessage:
        [envelope] = self.envelopes
        content = envelope.original_content
        assert content is not None
        return email.message_from_bytes(content, policy=default)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
async def serve():
    """Start a server that hands over to a mailbox; `ssl` speaks TLS from the start."""
    servers = []

    async def start(mailbox: Mailbox, tls: ssl.SSLContext | None = None, **options: Any) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(mailbox, hostname="localhost", loop=loop, **options), "127.0.0.1", 0, ssl=tls
        )
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_it_arrives_whole(serve: Any):
    mailbox = Mailbox()
    port = await serve(mailbox)
    await SmtpMail("localhost", port, security="none").send(MESSAGE)
    [envelope] = mailbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("shop@example.com", ["jo+1@buyer.example"])
    mail = mailbox.only_mail()
    assert mail["From"].addresses[0].display_name == "Blümchen & Söhne"
    assert mail["Subject"] == "Your order 17"
    assert mail["Message-ID"] == MESSAGE.message_id
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == MESSAGE.text.splitlines()
    assert html.get_content().splitlines() == [MESSAGE.html]


async def test_starttls_is_insisted_on(serve: Any, authority: trustme.CA):
    mailbox, tls = Mailbox(), client_tls(authority)
    port = await serve(mailbox, tls_context=server_tls(authority), require_starttls=True)
    await SmtpMail("localhost", port, tls=tls).send(MESSAGE)
    assert mailbox.was_tls
    plain_port = await serve(Mailbox())
    with pytest.raises(MailUndelivered) as undelivered:
        await SmtpMail("localhost", plain_port, tls=tls).send(MESSAGE)
    assert not undelivered.value.permanent


async def test_tls_from_the_start(serve: Any, authority: trustme.CA):
    mailbox = Mailbox()
    port = await serve(mailbox, server_tls(authority))
    await SmtpMail("localhost", port, security="tls", tls=client_tls(authority)).send(MESSAGE)
    assert mailbox.only_mail()["Subject"] == "Your order 17"


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_wrong_certificate_is_not_trusted(serve: Any, authority: trustme.CA, security: Any):
    mailbox, wrong = Mailbox(), server_tls(authority, "elsewhere.example")
    port = await (serve(mailbox, wrong) if security == "tls" else serve(mailbox, tls_context=wrong))
    with pytest.raises(MailUndelivered) as undelivered:
        await SmtpMail("localhost", port, security=security, tls=client_tls(authority)).send(MESSAGE)
    assert not undelivered.value.permanent
    assert mailbox.envelopes == []


@pytest.mark.parametrize(("password", "taken"), [("right", True), ("wrong", False)])
async def test_it_logs_in(serve: Any, authority: trustme.CA, password: str, taken: bool):
    def check(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any):
        return AuthResult(success=data.password == b"right", handled=False)

    mailbox = Mailbox()
    port = await serve(
        mailbox,
        tls_context=server_tls(authority),
        authenticator=check,
        auth_required=True,
    )
    tls = client_tls(authority)
    sending = SmtpMail("localhost", port, user="shop", password=password, tls=tls)
    if taken:
        await sending.send(MESSAGE)
    else:
        with pytest.raises(MailUndelivered, match="535") as undelivered:
            await sending.send(MESSAGE)
        assert not undelivered.value.permanent
        assert "wrong" not in undelivered.value.text
    assert len(mailbox.envelopes) == taken


def test_a_password_needs_tls():
    with pytest.raises(ValueError, match="password"):
        SmtpMail("mail.example", 25, security="none", user="shop", password="x")


@pytest.mark.parametrize(
    ("at", "answer", "permanent"),
    [
        ("recipient_answer", "550 No such mailbox", True),
        ("recipient_answer", "451 Greylisted", False),
        ("content_answer", "554 Looks like spam", True),
        ("content_answer", "452 Disk full", False),
    ],
)
async def test_a_refusal_says_whether_for_good(serve: Any, at: str, answer: str, permanent: bool):
    mailbox = Mailbox()
    setattr(mailbox, at, answer)
    port = await serve(mailbox)
    with pytest.raises(MailUndelivered, match=answer[:3]) as undelivered:
        await SmtpMail("localhost", port, security="none").send(MESSAGE)
    assert undelivered.value.permanent is permanent


async def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        mail = SmtpMail("127.0.0.1", taken.getsockname()[1], security="none")
        with pytest.raises(MailUndelivered) as undelivered:
            await mail.send(MESSAGE)
    assert not undelivered.value.permanent


async def test_a_goodbye_that_fails_does_not_send_it_twice():
    """The server takes the mail and hangs up at QUIT."""
    answers = [b"220 x\r\n", b"250 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 x\r\n", b"250 x\r\n"]

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answers[0])
        for answer in answers[1:5]:
            await reader.readline()
            writer.write(answer)
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(answers[5])
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await SmtpMail("127.0.0.1", port, security="none").send(MESSAGE)


# --- what must never get through ---


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "jo",
        "jo@",
        "@buyer.example",
        "jo@buyer.example\r\nBcc: all@buyer.example",
        "jo@buyer.example\n",
        "jo@buyer.example>\r\nRCPT TO:<x@y.example",
        "jo@buyer.example, x@y.example",
        "Jo <jo@buyer.example>",
        "jo jo@buyer.example",
        '"a b"@buyer.example',
        "jo@buyer..example",
        "jo@-buyer.example",
        "jo@[127.0.0.1]",
        "jö@buyer.example",
        f"{'a' * 65}@buyer.example",
        f"jo@{'a' * 64}.example",
    ],
)
def test_a_recipient_that_is_not_one_plain_address_is_refused_for_good(recipient: str):
    with pytest.raises(MailUndelivered) as undelivered:
        sealed(with_(recipient=recipient))
    assert undelivered.value.permanent
    assert recipient not in undelivered.value.text or not recipient


def test_a_domain_of_another_script_is_reached():
    assert sealed(with_(recipient="jo@blümchen.example")).recipient == "jo@xn--blmchen-o2a.example"


@pytest.mark.parametrize("sender", ["", "shop", "Shop <shop>"])
def test_a_wrong_sender_can_be_repaired(sender: str):
    with pytest.raises(MailUndelivered) as undelivered:
        sealed(with_(sender=sender))
    assert not undelivered.value.permanent


@pytest.mark.parametrize(
    ("language", "header"), [("ar", "ar"), ("de-AT", "de-AT"), ("", None), ("de\r\nBcc: x@y.example", None)]
)
def test_a_mail_says_in_which_language_it_is(language: str, header: str | None):
    mail = email.message_from_bytes(sealed(with_(language=language)).content, policy=default)
    assert mail["Content-Language"] == header
    assert mail["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("message_id", ["", "x", "<a b@c>", "<a@b>\r\nX: y", "<a@b>\n"])
def test_a_message_id_that_is_none_is_refused(message_id: str):
    with pytest.raises(MailUndelivered):
        sealed(with_(message_id=message_id))


@given(subject=st.text(), name=st.text(), text=st.text(), html=st.text(), language=st.text())
def test_no_text_becomes_a_header_or_a_command(
    subject: str, name: str, text: str, html: str, language: str
):
    sender = f"{name} <shop@example.com>"
    try:
        envelope = sealed(with_(subject=subject, sender=sender, text=text, html=html, language=language))
    except MailUndelivered as undelivered:
        assert not undelivered.permanent, "only the sender can be at fault"  # noqa: PT017 a filter
        return
    head, _, body = envelope.content.partition(b"\r\n\r\n")
    names = {line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"}
    assert names <= {
        *(b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted"),
        *(b"MIME-Version", b"Content-Type", b"Content-Language"),
    }
    for line in envelope.content.split(b"\r\n"):
        assert b"\r" not in line
        assert b"\n" not in line
        assert len(line) <= 998
    assert body.isascii()


# --- into a folder ---


async def test_a_folder_keeps_one_file_per_message(tmp_path: Path):
    mail = FolderMail(tmp_path / "mail")
    await mail.send(MESSAGE)
    await mail.send(MESSAGE)
    await mail.send(with_(message_id="<order-17.shipped@shop.example>"))
    files = sorted((tmp_path / "mail").iterdir())
    assert [path.suffix for path in files] == [".eml", ".eml"]
    assert files[0].name.startswith("order-17-created-")
    read = email.message_from_bytes(files[0].read_bytes(), policy=default)
    assert (read["To"], read["Subject"]) == ("jo+1@buyer.example", "Your order 17")


async def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path):
    blocked = tmp_path / "mail"
    blocked.write_text("a file")
    with pytest.raises(MailUndelivered) as undelivered:
        await FolderMail(blocked).send(MESSAGE)
    assert not undelivered.value.permanent
