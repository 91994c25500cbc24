"""How the hand-over of a letter ends, whatever the mail server does."""

import asyncio

import msgspec
import pytest

from tests.ucp import samples
from ucp_server.domain.events import Delivered, Job, JobKind, Parked, Retry
from ucp_server.letters import sending
from ucp_server.letters.sending import MailDeliverer
from ucp_server.ports import MailMessage, MailUndelivered

LETTER = MailMessage(
    sender="shop@example.com",
    recipient="ada@example.com",
    subject="s",
    text="t",
    message_id="<1@example.com>",
)
JOB = Job(
    id="01890a5d-ac96-774b-bcce-b302099a8058",
    merchant_id="demo",
    kind=JobKind.MAIL,
    stream="mail:1",
    sequence=1,
    payload=b"{}",
    created_at=samples.AT,
)


class Server:
    """A mail port that takes what comes, or fails as told."""

    def __init__(self, failure: Exception | None = None, *, hangs: bool = False) -> None:
        self.sent: list[MailMessage] = []
        self._failure = failure
        self._hangs = hangs

    async def send(self, message: MailMessage) -> None:
        if self._hangs:
            await asyncio.Event().wait()
        if self._failure is not None:
            raise self._failure
        self.sent.append(message)


async def ended(server: Server | None) -> object:
    mails = {} if server is None else {"demo": server}
    return await MailDeliverer(mails).deliver(JOB, msgspec.json.encode(LETTER))


async def test_a_letter_is_handed_over_as_it_was_written() -> None:
    server = Server()
    assert await ended(server) == Delivered()
    assert server.sent == [LETTER]


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (MailUndelivered("mailbox full", permanent=False), Retry("mailbox full")),
        (MailUndelivered("no such mailbox", permanent=True), Parked("no such mailbox")),
    ],
)
async def test_what_the_server_says_decides(failure: Exception, outcome: object) -> None:
    assert await ended(Server(failure)) == outcome


async def test_a_merchant_that_sends_no_mail_keeps_its_letters() -> None:
    assert await ended(None) == Retry("The merchant sends no mail.")


async def test_a_silent_server_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SEND_WITHIN_S", 0.01)
    assert await ended(Server(hangs=True)) == Retry("The mail server did not answer in time.")


async def test_an_unknown_failure_is_the_worker_s_to_deal_with() -> None:
    with pytest.raises(RuntimeError):
        await ended(Server(RuntimeError()))
