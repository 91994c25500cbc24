"""The merchant's side: its own system on the admin listener, and the commands of its operator."""

import asyncio
import email.policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
from click.testing import CliRunner, Result

from ucp_server.cli import main

Wire = dict[str, Any]


class Manager:
    """One merchant's orders and jobs by HTTP."""

    def __init__(self, admin: str, merchant: str) -> None:
        self._path = f"/merchants/{merchant}"
        self.client = httpx2.AsyncClient(base_url=admin, timeout=30)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()

    async def get(self, path: str) -> Wire:
        reply = await self.client.get(self._path + path)
        assert reply.status_code == 200, reply.text
        found: Wire = reply.json()
        return found

    async def metrics(self) -> str:
        return (await self.client.get("/metrics")).text

    async def order(self, order_id: str) -> Wire:
        return await self.get(f"/orders/{order_id}")

    async def try_(self, order_id: str, change: str, **body: Any) -> httpx2.Response:
        return await self.client.post(f"{self._path}/orders/{order_id}/{change}", json=body)

    async def change(self, order_id: str, change: str, **body: Any) -> Wire:
        """Ship, deliver, cancel, return or refund; the order after it."""
        reply = await self.try_(order_id, change, **body)
        assert reply.status_code == 200, reply.text
        found: Wire = reply.json()
        return found

    async def resend(self, job_id: str = "") -> int:
        path = f"/jobs/{job_id}/resend" if job_id else "/jobs/resend"
        reply = await self.client.post(self._path + path)
        assert reply.status_code == 200, reply.text
        count: int = reply.json()["jobs"]
        return count


async def command(*arguments: str | Path) -> Result:
    """``ucp-server ...`` in this process; it has a loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main, [str(each) for each in arguments])


def letters(mailbox: Path, order: Wire) -> dict[str, EmailMessage]:
    """The mails about an order by their subjects."""
    parser = BytesParser(policy=email.policy.default)
    mails = [parser.parsebytes(file.read_bytes()) for file in mailbox.glob("*.eml")]
    page = order["permalink_url"].rpartition("/")[2]
    return {mail["subject"]: mail for mail in mails if page in text_of(mail)}


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return part.get_content()
