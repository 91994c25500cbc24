"""Claims that brought a benefit, when the order is to be placed."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path

import asyncpg
import pytest

from tests.engine.quoted import DEMO_SHOP
from tests.engine.world import QUICK, call, complete, make_setup, psp_of, seen
from ucp_server.domain.checkout import Buyer, Instrument
from ucp_server.domain.errors import HandlerUnavailable, NotReady
from ucp_server.domain.lines import WantedLine
from ucp_server.engine.commands import CreateCheckout, UpdateCheckout, Wanted
from ucp_server.engine.quoting import Quoting
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.store.database import Pool, open_pool
from ucp_server.store.eligibility import PostgresEligibility
from ucp_server.store.importing import import_shop

FRIENDS = "com.example.kettle_friends"
STUDENT = "com.example.student"
MIRA = Buyer(email="mira.falk@example.com")
STRANGER = Buyer(email="stranger@example.com")
FULL, REDUCED = 2500, 2125
AT_WORK = """
select query from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'
"""


class Members:
    """`Eligibility` of others: says that ``known`` hold, after ``trouble`` where there is some."""

    def __init__(self, *known: str, trouble: Exception | None = None) -> None:
        self.known = known
        self.trouble = trouble
        self.hangs = False
        self.arrived = asyncio.Event()
        self.asked: list[tuple[str, tuple[str, ...], str | None, str]] = []

    async def verified(
        self, merchant_id: str, claims: Sequence[str], buyer: Buyer | None, instrument: Instrument
    ) -> Collection[str]:
        email = buyer.email if buyer else None
        self.asked.append((merchant_id, tuple(claims), email, instrument.handler_id))
        self.arrived.set()
        if self.hangs:
            await asyncio.Event().wait()
        if self.trouble is not None:
            raise self.trouble
        return self.known


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """With the demo shop."""
    async with open_pool(database, size=2, name="tests") as opened:
        await import_shop(opened, "shop", "EUR", DEMO_SHOP)
        yield opened


@pytest.fixture
def members() -> Members:
    return Members()


@pytest.fixture
def setup(pool: Pool, tmp_path: Path, members: Members) -> Setup:
    return make_setup(
        pool, tmp_path / "books.jsonl", quoting=Quoting.over(pool), eligibility={"shop": members}
    )


def wanted(*claims: str, buyer: Buyer | None = MIRA) -> Wanted:
    line = WantedLine(item_id="gift-card-25", quantity=1)
    return Wanted(lines=(line,), buyer=buyer, claims=claims)


async def claiming(engine: Engine, *claims: str, buyer: Buyer | None = MIRA) -> str:
    answer = await engine.run(call(), CreateCheckout(wanted=wanted(*claims, buyer=buyer)))
    assert answer.checkout_id is not None
    assert seen(answer.reply)["standing"] == "ready"
    return answer.checkout_id


def paid(setup: Setup) -> list[int]:
    with psp_of(setup).books() as books:
        return [entry.amount_minor for entry in books.entries]


async def test_a_claim_that_holds_is_paid_at_its_price(
    engine: Engine, setup: Setup, members: Members
) -> None:
    members.known = (FRIENDS, "com.example.never_asked_for")
    checkout_id = await claiming(engine, FRIENDS, STUDENT)
    done = seen((await engine.run(call(), complete(checkout_id))).reply)
    assert (done["standing"], done["total"], paid(setup)) == ("completed", REDUCED, [REDUCED])
    # No book is bought, so that a student gets nothing that would have to be verified.
    assert members.asked == [("shop", (FRIENDS,), MIRA.email, "psp")]


async def test_a_claim_that_does_not_hold_leaves_all_as_it_is(
    engine: Engine, setup: Setup, members: Members
) -> None:
    checkout_id = await claiming(engine, "com.example.other", FRIENDS)
    for key in ("k1", "k1", None):
        with pytest.raises(NotReady) as refused:
            await engine.run(call(key), complete(checkout_id))
        (problem,) = refused.value.problems
        assert (problem.code, problem.where) == ("eligibility_invalid", "claims[1]")
        assert (problem.kind, problem.severity) == ("error", "recoverable")
    assert paid(setup) == []
    members.known = (FRIENDS,)
    done = seen((await engine.run(call("k1"), complete(checkout_id))).reply)
    assert (done["standing"], done["revision"]) == ("completed", 3)


async def test_a_claim_that_is_taken_back_costs_the_benefit(engine: Engine, setup: Setup) -> None:
    checkout_id = await claiming(engine, FRIENDS)
    changed = await engine.run(call(), UpdateCheckout(checkout_id=checkout_id, wanted=wanted()))
    assert seen(changed.reply)["total"] == FULL
    done = seen((await engine.run(call(), complete(checkout_id))).reply)
    assert (done["standing"], paid(setup)) == ("completed", [FULL])


async def test_where_nobody_claims_nobody_is_asked(engine: Engine, members: Members) -> None:
    checkout_id = await claiming(engine, "com.example.unheard_of")
    done = seen((await engine.run(call(), complete(checkout_id))).reply)
    assert (done["standing"], members.asked) == ("completed", [])


async def test_after_a_decline_a_claim_is_verified_again(
    engine: Engine, setup: Setup, members: Members
) -> None:
    members.known = (FRIENDS,)
    checkout_id = await claiming(engine, FRIENDS)
    declined = await engine.run(call(), complete(checkout_id, token="fail_token"))
    assert seen(declined.reply)["problems"] == ["eligibility_accepted", "payment_failed"]
    members.known = ()
    with pytest.raises(NotReady):
        await engine.run(call(), complete(checkout_id))
    assert len(members.asked) == 2


async def test_a_buyer_in_person_is_shown_the_price_without_it(
    engine: Engine, setup: Setup, members: Members
) -> None:
    """On our own page nobody else could take the claim back."""
    checkout_id = await claiming(engine, FRIENDS)
    shown = seen((await engine.run(call(), complete(checkout_id, by_buyer=True))).reply)
    assert (shown["standing"], shown["total"], paid(setup)) == ("incomplete", FULL, [])
    assert shown["problems"] == ["totals_changed", "eligibility_not_accepted"]
    done = seen((await engine.run(call(), complete(checkout_id, by_buyer=True))).reply)
    assert (done["standing"], paid(setup), len(members.asked)) == ("completed", [FULL], 1)


@pytest.mark.parametrize("hangs", [True, False])
async def test_who_is_silent_has_not_said_no(setup: Setup, members: Members, hangs: bool) -> None:
    members.known, members.hangs, members.trouble = (FRIENDS,), hangs, RuntimeError("mira.falk")
    impatient = dataclasses.replace(QUICK, verify_within_s=0.05)
    engine = Engine(dataclasses.replace(setup, timings=impatient))
    checkout_id = await claiming(engine, FRIENDS)
    with pytest.raises(HandlerUnavailable) as refused:
        await engine.run(call("k1"), complete(checkout_id))
    assert "mira.falk" not in refused.value.text
    assert paid(setup) == []
    members.hangs, members.trouble = False, None
    done = seen((await engine.run(call("k1"), complete(checkout_id))).reply)
    assert (done["standing"], paid(setup)) == ("completed", [REDUCED])


@pytest.mark.parametrize(("buyer", "holds"), [(MIRA, True), (STRANGER, False), (None, False)])
async def test_the_shops_own_list_is_asked(
    setup: Setup, pool: Pool, buyer: Buyer | None, holds: bool
) -> None:
    engine = Engine(dataclasses.replace(setup, eligibility={"shop": PostgresEligibility(pool)}))
    checkout_id = await claiming(engine, FRIENDS, buyer=buyer)
    if holds:
        assert seen((await engine.run(call(), complete(checkout_id))).reply)["standing"] == "completed"
    else:
        with pytest.raises(NotReady):
            await engine.run(call(), complete(checkout_id))


async def test_it_is_asked_with_nothing_open(engine: Engine, members: Members, database: str) -> None:
    checkout_id = await claiming(engine, FRIENDS)
    members.hangs = True
    completing = asyncio.create_task(engine.run(call(), complete(checkout_id)))
    await members.arrived.wait()
    looking = await asyncpg.connect(database)
    assert await looking.fetch(AT_WORK) == []
    await looking.close()
    completing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await completing


async def test_without_a_list_no_claim_holds(pool: Pool, tmp_path: Path) -> None:
    bare = make_setup(pool, tmp_path / "books.jsonl", quoting=Quoting.over(pool))
    checkout_id = await claiming(Engine(bare), FRIENDS)
    with pytest.raises(NotReady):
        await Engine(bare).run(call(), complete(checkout_id))
