"""A letter on its whole way: written, sent over SMTP, read as a mail program reads it."""

import asyncio
import email
from collections.abc import AsyncIterator
from email.message import EmailMessage
from email.policy import default

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.letters.cases import JOB_ID, LANGUAGES, WRITING, job_of, notices, written
from ucp_server.domain.events import Delivered
from ucp_server.handlers.mail_smtp import SmtpMail
from ucp_server.letters.saying import SAYINGS
from ucp_server.letters.sending import MailDeliverer


class Mailbox:
    def __init__(self) -> None:
        self.contents: list[bytes] = []

    async def handle_DATA(  # noqa: N802  the name is aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.contents.append(envelope.original_content or b"")
        return "250 OK"


@pytest.fixture
async def mailbox() -> AsyncIterator[tuple[Mailbox, int]]:
    loop, box = asyncio.get_running_loop(), Mailbox()
    server = await loop.create_server(lambda: SMTP(box, hostname="localhost", loop=loop), "127.0.0.1", 0)
    yield box, server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_letter_arrives_as_it_was_written(mailbox: tuple[Mailbox, int], language: str) -> None:
    box, port = mailbox
    deliverer = MailDeliverer({"demo": SmtpMail("localhost", port, security="none")})
    for kind, notice in notices(language).items():
        job = job_of(notice)
        assert await deliverer.deliver(job, WRITING.render(job)) == Delivered(), kind
    assert len(box.contents) == len(SAYINGS)
    for content, notice in zip(box.contents, notices(language).values(), strict=True):
        assert max(len(line) for line in content.split(b"\r\n")) <= 78, "as RFC 5322 2.1.1 wishes"
        mail = email.message_from_bytes(content, policy=default)
        assert isinstance(mail, EmailMessage)
        sent = written(notice)
        assert mail["Subject"] == sent.subject
        assert mail["Content-Language"] == language
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Message-ID"] == f"<{JOB_ID}@shop.example>"
        assert mail.get_content_type() == "multipart/alternative"
        # The last is what a mail program likes best.
        assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
        bodies = [str(part.get_content()).splitlines() for part in mail.iter_parts()]
        assert bodies == [sent.text.splitlines(), (sent.html or "").splitlines()]
