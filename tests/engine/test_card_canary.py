"""A card's number, code and holder are planted wherever one can come in; then all that is kept is searched.

The shipped mock pays; another vault raises with the card in its mouth.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.engine.rows import lapse_leases
from tests.engine.world import SCOPE, SECRET, SystemClock, make_setup, order
from tests.handlers.contract import LISTING
from tests.outside import canaries
from tests.worker.world import Receiver, make_delivery, make_due
from ucp_server.domain.errors import CardDeclined, Refusal, VaultUnavailable
from ucp_server.engine.faults import armed
from ucp_server.engine.resume import resume_due
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.engine.submissions import NewCard, StoredMethodRef, Submissions
from ucp_server.handlers.payment_mock import MockPayment
from ucp_server.ports import Credential, Vaulted
from ucp_server.store.database import Pool
from ucp_server.worker.deliver import run_once

SECRETS: Mapping[str, str] = {
    name: canaries.SECRETS[name]
    for name in (
        "card number",
        "card number in groups",
        "card number in other groups",
        "card verification code",
        "holder",
        "track",
    )
}
# What may be kept, and therefore has to be found: it shows that the search would see the rest.
CONTROL = "control~canary~customer"
POINTS = ("vault.sent", "create.committed", "submit.before_commit", "submit.committed")


class TalkativeVault:
    """Quotes what it is given in whatever it raises and answers."""

    async def vault(self, merchant_id: str, card: Credential, key: str) -> Vaulted:
        if key.endswith("raises"):
            raise RuntimeError(f"cannot keep {card.members}")
        shown: dict[str, str | int] = {name: str(value) for name, value in card.members.items()}
        return Vaulted("talkative", {**shown, "description": canaries.PAN, "last_digits": canaries.PAN})

    async def forget(self, merchant_id: str, reference: str) -> None:
        raise RuntimeError(f"cannot forget {reference}")


def planted(number: str = canaries.PAN) -> Credential:
    members: dict[str, object] = {
        "number": number,
        "cvc": SECRETS["card verification code"],
        "name": SECRETS["holder"],
        "track2": SECRETS["track"],
        "expiry_month": 7,
        "expiry_year": 2031,
    }
    return Credential(type="card", members=members)


def new_card(number: str = canaries.PAN) -> NewCard:
    return NewCard(card=planted(number), keep=True, alias=SECRETS["card number in groups"])


@pytest.fixture
def books(tmp_path: Path) -> Path:
    return tmp_path / "mock-payments"


@pytest.fixture
def setup(pool: Pool, tmp_path: Path, books: Path) -> Setup:
    mock = MockPayment(LISTING, books, SystemClock(), stranger="approved")
    return make_setup(
        pool, tmp_path / "unused", payments={"shop": {"mock": mock}}, vaults={"shop": ("mock", mock)}
    )


async def plant(setup: Setup) -> None:
    submissions, methods = Submissions(setup, Engine(setup), SECRET), StoredMethods(setup, SECRET)
    numbers = (canaries.PAN, "4000000000000002", "4000000000003155")
    for n, number in enumerate(numbers):
        given = order(f"t{n}", owner=CONTROL, pay_with=new_card(number), correlation=f"c{n}")
        await submissions.submit(SCOPE, given)
    kept = await methods.add("shop", CONTROL, planted(), SECRETS["card number in other groups"], "k")
    by_reference = order("t-stored", StoredMethodRef(id=kept.id), owner=CONTROL)
    await submissions.submit(SCOPE, by_reference)
    with pytest.raises(CardDeclined):
        await submissions.submit(SCOPE, order("t-no", owner=CONTROL, pay_with=new_card(f"{canaries.PAN} ")))
    for point in POINTS:
        for action in ("raise", "cancel"):
            given = order(f"{point}-{action}", owner=CONTROL, pay_with=new_card(), correlation=point)
            with armed(f"{point}={action}"), suppress(Refusal, asyncio.CancelledError):
                await submissions.submit(SCOPE, given)


async def plant_at_the_talkative(setup: Setup, pool: Pool, tmp_path: Path) -> None:
    talkative = make_setup(
        pool, tmp_path / "unused", payments=setup.payments, vaults={"shop": ("mock", TalkativeVault())}
    )
    methods = StoredMethods(talkative, SECRET)
    with pytest.raises(VaultUnavailable) as raised:
        await methods.add("shop", CONTROL, planted(), None, "raises")
    assert canaries.PAN not in f"{raised.value!r} {raised.value.__cause__!r}"
    kept = await methods.add("shop", CONTROL, planted(), SECRETS["card number"], "answers")
    assert kept.display == {"expiry_month": "7", "expiry_year": "2031"}


async def test_a_card_is_in_no_row_no_file_and_no_line(
    database: str,
    pool: Pool,
    setup: Setup,
    tmp_path: Path,
    books: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    await plant(setup)
    await plant_at_the_talkative(setup, pool, tmp_path)
    delivery = make_delivery(setup, Receiver())
    for _ in range(6):
        await lapse_leases(pool)
        await resume_due(setup)
        await make_due(pool)
        await run_once(delivery)
    for name, secrets, is_there in (("planted", SECRETS, False), ("control", {"it": CONTROL}, True)):
        search = canaries.Search(secrets)
        await search.look_into_tables(database)
        search.look_into_files(Path(parse_qs(urlsplit(database).query)["host"][0]))
        search.look_into_files(books)
        search.look("log", caplog.text.encode())
        assert bool(search.found) is is_there, (name, search.found)
    assert {"submissions.owner", "stored_methods.owner"} <= {where for where, _ in search.found}
    assert any("base/" in where for where, _ in search.found)
