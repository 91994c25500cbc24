import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.handlers.contract import (
    EUR_10,
    LISTING,
    PLANTED,
    Events,
    PaymentContract,
    VaultContract,
    attempt,
    authorise,
    card,
    pay_with_card,
)
from ucp_server.handlers.payment_mock import MockPayment
from ucp_server.handlers.payment_mock.books import Books, Record
from ucp_server.ports import Approved, Declined, Vaulted

_NAMES = {
    "approved": "authorised",
    "declined": "declined",
    "action_needed": "challenged",
    "pending": "pending",
}
_ACTIONS = {"capture": "captured", "refund": "refunded", "void": "voided"}


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
def again(tmp_path: Path) -> Callable[[], MockPayment]:
    return lambda: MockPayment(LISTING, tmp_path, SystemClock())


@pytest.fixture
def payment(again: Callable[[], MockPayment]) -> MockPayment:
    return again()


@pytest.fixture
def events(tmp_path: Path) -> Events:
    """Read back from its books, change by change."""

    async def told(key: str) -> list[str]:
        books, found, number = Books(tmp_path), [], 1
        while (path := books._path(key, number)).exists():
            found.append(msgspec.json.decode(path.read_bytes(), type=Record))
            number += 1
        first = [_NAMES[record.status] for record in found if record.status in _NAMES][:1]
        return first + [_ACTIONS[action] for action, _ in found[-1].actions.values()]

    return told


class TestMockPayment(PaymentContract, VaultContract):
    async def test_strangers_are_welcome_where_the_mode_says_so(self, tmp_path: Path):
        demo = MockPayment(LISTING, tmp_path, SystemClock(), stranger="approved")
        assert isinstance(await authorise(demo, attempt(), "a wallet's own token"), Approved)
        assert isinstance(await authorise(demo, attempt(), None), Approved)
        assert not isinstance(await authorise(demo, attempt(), "fail_token"), Approved)

    async def test_agreeing_on_our_page_pays(self, payment: MockPayment):
        agreed = await payment.on_page("shop", EUR_10, "session")
        assert agreed is not None
        assert agreed.instrument is not None
        assert agreed.credential is not None
        assert agreed.instrument.handler_id == LISTING.id
        outcome = await payment.authorise(attempt(), agreed.instrument, agreed.credential)
        assert isinstance(outcome, Approved)

    async def test_any_card_is_a_strangers_token(self, payment: MockPayment, tmp_path: Path):
        demo = MockPayment(LISTING, tmp_path / "demo", SystemClock(), stranger="approved")
        assert isinstance(await pay_with_card(demo, attempt(), "5555555555554444"), Approved)
        assert isinstance(await pay_with_card(payment, attempt(), "5555555555554444"), Declined)

    async def test_its_vault_holds_no_number(self, payment: MockPayment, tmp_path: Path):
        kept = await payment.vault("shop", card("4242424242424242", name="Ada Planted"), "k")
        assert isinstance(kept, Vaulted)
        assert kept.display == {
            "brand": "visa",
            "last_digits": "4242",
            "expiry_month": 7,
            "expiry_year": 2031,
        }
        written = _everything_in(tmp_path)
        assert written == "success_token"

    async def test_its_books_hold_no_credential(self, payment: MockPayment, tmp_path: Path):
        await authorise(payment, attempt(), "success_token")
        written = _everything_in(tmp_path)
        assert "approved" in written
        assert PLANTED not in written
        assert "success_token" not in written


def _everything_in(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


WRITER = """
import sys
from pathlib import Path
from ucp_server.handlers.payment_mock.books import Books, Record
books = Books(Path(sys.argv[1]))
print("ready", flush=True)
for n in range(1_000_000):
    books.change(f"k{n}", lambda before: Record(
        reference="r" * 2000, status="approved", amount_minor=n, asked_minor=n, currency="EUR"))
    print(n, flush=True)
"""


async def test_a_kill_leaves_whole_records_and_all_that_were_told(tmp_path: Path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    told = -1
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"ready\n"
        for _ in range(50):
            told = int(await process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        rest = await process.stdout.read()
        await process.wait()
    told = int(rest.split()[-1]) if rest.endswith(b"\n") else told
    books = Books(tmp_path)
    for n in range(told + 1):
        record = books.find(f"k{n}")
        assert record is not None
        assert record.amount_minor == n
    following = books.find(f"k{told + 1}")
    assert following is None or following.amount_minor == told + 1


async def test_twins_in_several_threads_lose_no_change(tmp_path: Path):
    books = Books(tmp_path)
    first = Record(reference="r", status="approved", amount_minor=0, asked_minor=0, currency="EUR")
    books.change("k", lambda _: first)

    def add(before: Record | None) -> Record:
        assert before is not None
        return Record(
            reference="r",
            status="approved",
            amount_minor=before.amount_minor + 1,
            asked_minor=0,
            currency="EUR",
        )

    await asyncio.gather(*(asyncio.to_thread(books.change, "k", add) for _ in range(40)))
    found = books.find("k")
    assert found is not None
    assert found.amount_minor == 40
