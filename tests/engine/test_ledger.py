"""The ledger: what is told of a sale, what it is worth, and that nothing of it is ever changed."""

import asyncio
import dataclasses
import inspect
import random
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.engine.rows import one, rows
from tests.engine.shopfront import AGENT, Shopfront, make_shopfront, put_offer
from tests.engine.world import SCOPE, SetClock, call, complete, create, make_setup
from ucp_server.domain.attribution import OfferQuery, Recommendation, SessionState
from ucp_server.domain.errors import (
    AlreadyConverted,
    AttributionRefusal,
    ConversionNotFound,
    RecommendationNotFound,
    ReportRefused,
    RulingRefused,
    SessionNotFound,
)
from ucp_server.domain.events import JobKind
from ucp_server.domain.ledger import (
    Conversion,
    ConversionState,
    Evidence,
    LedgerEntry,
    Level,
    Mentioned,
    Recorded,
    fold,
)
from ucp_server.domain.money import Money
from ucp_server.engine.commands import Scope
from ucp_server.engine.faults import armed
from ucp_server.engine.ledger import CHAINED_MAX, EvidenceDeliverer, Ledger
from ucp_server.engine.orders import Orders
from ucp_server.engine.settling import MoneyDeliverer
from ucp_server.engine.sources import Source
from ucp_server.store import ledger as ledger_store
from ucp_server.store.database import Pool
from ucp_server.store.documents import decode_ledger_entry
from ucp_server.store.ids import new_id
from ucp_server.worker.deliver import Delivery, run_once

PRICE = Money(1200, "EUR")
BANK = Source("shop", "bank", ("activated",), "secret")


@pytest.fixture
async def front(pool: Pool, tmp_path: Path) -> Shopfront:
    clock = SetClock()
    await put_offer(pool, "offer-rose")
    return make_shopfront(make_setup(pool, tmp_path / "books.jsonl", clock=clock), clock)


async def recommended(front: Shopfront) -> Recommendation:
    session, _ = await front.network.search(AGENT, OfferQuery())
    return await front.network.recommend(AGENT, session.id, "offer-rose")


async def handed_off(front: Shopfront) -> Recommendation:
    recommendation = await recommended(front)
    handed = await front.network.hand_off(AGENT, recommendation.session_id, recommendation.id)
    return handed.recommendation


def mentioned(recommendation: Recommendation, **changes: str | None) -> Mentioned:
    return Mentioned(**(msgspec.structs.asdict(recommendation.attribution) | changes))


def told(recommendation: Recommendation, event_id: str = "event-1", **changes: Any) -> Evidence:
    whole = Evidence(
        event_id=event_id,
        is_success=True,
        amount=PRICE,
        order_reference="order-1",
        mentioned=mentioned(recommendation),
    )
    return msgspec.structs.replace(whole, **changes)


async def entries(pool: Pool) -> list[LedgerEntry]:
    found = await rows(pool, "select document from ledger order by recorded_at, id")
    return [decode_ledger_entry(row["document"]) for row in found]


async def verified(pool: Pool, front: Shopfront) -> int:
    """How many conversions in the whole ledger count as verified."""
    by_conversion: dict[str, list[LedgerEntry]] = {}
    for entry in sorted(await entries(pool), key=lambda entry: entry.sequence):
        by_conversion.setdefault(entry.conversion_id, []).append(entry)
    folded = [fold(chain, front.clock.now()) for chain in by_conversion.values()]
    return sum(conversion is not None and conversion.level is Level.VERIFIED for conversion in folded)


# --- our own orders ---


def delivery(front: Shopfront) -> Delivery:
    return Delivery(
        pool=front.setup.pool,
        renderers={},
        deliverers={
            JobKind.EVIDENCE: EvidenceDeliverer(front.ledger),
            JobKind.CAPTURE: MoneyDeliverer(front.setup),
            JobKind.REFUND: MoneyDeliverer(front.setup),
        },
    )


async def bought(front: Shopfront, recommendation: Recommendation) -> str:
    assert recommendation.checkout_id is not None
    scope = Scope(merchant_id="shop", platform_id=AGENT)
    await front.engine.run(call("key", scope=scope), complete(recommendation.checkout_id))
    return recommendation.checkout_id


async def work(front: Shopfront) -> None:
    """Every job that is due now, and those that they queue."""
    for _ in range(10):
        if not await run_once(delivery(front)):
            return


async def test_a_paid_hand_off_is_a_verified_sale(front: Shopfront, pool: Pool):
    recommendation = await handed_off(front)
    order_id = await bought(front, recommendation)
    await work(front)
    view = await front.network.session(AGENT, recommendation.session_id)
    (conversion,) = view.conversions
    assert view.state is SessionState.CONVERTED
    assert (conversion.level, conversion.state, conversion.order_reference, conversion.amount) == (
        Level.VERIFIED,
        ConversionState.PENDING,
        order_id,
        PRICE,
    )
    assert (conversion.commission.network_fee_minor, conversion.commission.payout_minor) == (24, 96)
    front.clock.at += timedelta(days=30)
    view = await front.network.session(AGENT, recommendation.session_id)
    assert view.state is SessionState.VALIDATED


async def test_what_nobody_recommended_is_no_evidence(front: Shopfront, pool: Pool):
    answer = await front.engine.run(call(), create(rose=1))
    assert answer.checkout_id is not None
    await front.engine.run(call("key"), complete(answer.checkout_id))
    assert await one(pool, "select count(*) from outbox where kind = 'evidence'") == 0
    assert (await front.engine.read(SCOPE, answer.checkout_id)).attribution is None


async def test_a_declined_payment_is_no_sale(front: Shopfront, pool: Pool):
    recommendation = await handed_off(front)
    assert recommendation.checkout_id is not None
    scope = Scope(merchant_id="shop", platform_id=AGENT)
    await front.engine.run(call("key", scope=scope), complete(recommendation.checkout_id, "fail_token"))
    await work(front)
    assert await entries(pool) == []


async def test_evidence_that_is_delivered_twice_is_one_entry(front: Shopfront, pool: Pool):
    await bought(front, await handed_off(front))
    await work(front)
    for point in ("ledger.before_append", "ledger.appended"):
        async with pool.connection() as connection:
            await connection.execute("update outbox set state = 'pending', next_at = now()")
        with armed(f"{point}=raise"):
            await work(front)
        async with pool.connection() as connection:
            await connection.execute("update outbox set next_at = now()")
        await work(front)
        assert len(await entries(pool)) == 1
        assert (
            await one(pool, "select count(*) from outbox where kind = 'evidence' and state <> 'done'") == 0
        )


async def test_a_sale_that_is_paid_back_is_clawed_back(front: Shopfront, pool: Pool):
    recommendation = await handed_off(front)
    order_id = await bought(front, recommendation)
    await work(front)
    await Orders(front.setup).cancel("shop", order_id)
    await work(front)
    view = await front.network.session(AGENT, recommendation.session_id)
    assert view.state is SessionState.CLAWED_BACK
    assert (
        await front.engine.read_order(Scope(merchant_id="shop", platform_id=AGENT), order_id)
    ).payment == ("refunded")


async def test_a_sale_that_another_source_told_first_is_clawed_back_too(front: Shopfront):
    recommendation = await handed_off(front)
    await front.ledger.observe(BANK, told(recommendation))
    order_id = await bought(front, recommendation)
    await work(front)
    await Orders(front.setup).cancel("shop", order_id)
    await work(front)
    view = await front.network.session(AGENT, recommendation.session_id)
    assert view.state is SessionState.CLAWED_BACK


async def test_a_sale_whose_money_cannot_be_taken_is_disputed_until_it_can(front: Shopfront):
    recommendation = await handed_off(front)
    order_id = await bought(front, recommendation)
    await work(front)
    orders, session_id = Orders(front.setup), recommendation.session_id
    await orders.record_payment("shop", order_id, "payment_failed")
    await work(front)
    assert (await front.network.session(AGENT, session_id)).state is SessionState.DISPUTED
    await orders.record_payment("shop", order_id, "captured")
    await work(front)
    assert (await front.network.session(AGENT, session_id)).state is SessionState.RESOLVED


# --- registered sources ---


async def test_a_source_that_tells_all_of_it_verifies_a_sale(front: Shopfront):
    recommendation = await handed_off(front)
    recorded = await front.ledger.observe(BANK, told(recommendation))
    assert recorded.conversion is not None
    assert (recorded.level, recorded.reason, recorded.is_replay) == (Level.VERIFIED, None, False)
    milestone = await handed_off(front)
    reached = told(milestone, "event-2", milestone="activated")
    assert (await front.ledger.observe(BANK, reached)).level is Level.VERIFIED


async def test_the_same_event_again_is_the_same_answer(front: Shopfront, pool: Pool):
    evidence = told(await handed_off(front))
    first = await front.ledger.observe(BANK, evidence)
    again = await front.ledger.observe(BANK, evidence)
    assert again == msgspec.structs.replace(first, is_replay=True)
    assert len(await entries(pool)) == 1


async def test_twenty_deliveries_of_one_event_are_one_conversion(front: Shopfront, pool: Pool):
    evidence = told(await handed_off(front))
    recorded = await asyncio.gather(*(front.ledger.observe(BANK, evidence) for _ in range(20)))
    assert len({one_recorded.conversion.id for one_recorded in recorded if one_recorded.conversion}) == 1
    assert sum(not one_recorded.is_replay for one_recorded in recorded) == 1
    assert len(await entries(pool)) == 1


async def test_many_sources_at_once_open_one_conversion(front: Shopfront, pool: Pool):
    recommendation = await handed_off(front)
    recorded = await asyncio.gather(
        *(front.ledger.observe(Source("shop", f"bank-{n}", (), ""), told(recommendation)) for n in range(4))
    )
    assert [one_recorded.level for one_recorded in recorded].count(Level.VERIFIED) == 1
    assert {one_recorded.reason for one_recorded in recorded} == {None, "already_converted"}
    assert await verified(pool, front) == 1


Forgery = Callable[[Shopfront, Recommendation], Awaitable[Evidence]]


async def _forged_code(front: Shopfront, ours: Recommendation) -> Evidence:
    swapped = "A" if ours.code[-3] != "A" else "B"
    return told(ours, mentioned=mentioned(ours, code=ours.code[:-3] + swapped + ours.code[-2:]))


async def _code_of_another(front: Shopfront, ours: Recommendation) -> Evidence:
    return told(ours, mentioned=mentioned(ours, code=(await recommended(front)).code[:-1] + "x"))


async def _genuine_code_of_another_offer(front: Shopfront, ours: Recommendation) -> Evidence:
    other = msgspec.structs.replace(ours.offer, id="other")
    code = await front.codes.issue(other, front.clock.now())
    return told(ours, mentioned=mentioned(ours, code=code.text))


async def _unknown_recommendation(front: Shopfront, ours: Recommendation) -> Evidence:
    return told(ours, mentioned=mentioned(ours, recommendation_id=new_id()))


async def _recommendation_of_another_search(front: Shopfront, ours: Recommendation) -> Evidence:
    other = await recommended(front)
    return told(ours, mentioned=mentioned(ours, recommendation_id=other.id))


async def _no_recommendation(front: Shopfront, ours: Recommendation) -> Evidence:
    return told(ours, mentioned=Mentioned())


async def _another_agent(front: Shopfront, ours: Recommendation) -> Evidence:
    return told(ours, mentioned=mentioned(ours, agent_id="agent_2"))


async def _another_merchant(front: Shopfront, ours: Recommendation) -> Evidence:
    return told(ours, mentioned=mentioned(ours, merchant_id="other"))


async def _failed(front: Shopfront, ours: Recommendation) -> Evidence:
    return told(ours, is_success=False)


async def _imagined_milestone(front: Shopfront, ours: Recommendation) -> Evidence:
    return told(ours, milestone="imagined")


async def _wrong_amount(front: Shopfront, ours: Recommendation) -> Evidence:
    return told(ours, amount=Money(1201, "EUR"))


async def _wrong_currency(front: Shopfront, ours: Recommendation) -> Evidence:
    return told(ours, amount=Money(1200, "GBP"))


async def _no_code(front: Shopfront, ours: Recommendation) -> Evidence:
    return told(ours, mentioned=mentioned(ours, code=None))


async def _dated_into_the_future(front: Shopfront, ours: Recommendation) -> Evidence:
    front.clock.at += timedelta(days=31)
    return told(ours, occurred_at=front.clock.at + timedelta(days=400))


FORGERIES: list[Forgery] = [
    _forged_code,
    _code_of_another,
    _genuine_code_of_another_offer,
    _unknown_recommendation,
    _recommendation_of_another_search,
    _no_recommendation,
    _another_agent,
    _another_merchant,
    _failed,
    _imagined_milestone,
    _wrong_amount,
    _wrong_currency,
    _no_code,
    _dated_into_the_future,
]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__.strip("_"))
async def test_nothing_forged_is_verified(front: Shopfront, pool: Pool, forge: Forgery):
    evidence = await forge(front, await handed_off(front))
    recorded = await front.ledger.observe(BANK, evidence)
    assert recorded.level is not Level.VERIFIED
    assert recorded.reason is not None
    again = await front.ledger.observe(BANK, evidence)
    assert (again.level, again.reason, again.is_replay) == (recorded.level, recorded.reason, True)
    assert await verified(pool, front) == 0
    assert len(await entries(pool)) == 1


async def test_a_source_of_another_merchant_knows_nothing_of_ours(front: Shopfront, pool: Pool):
    evidence = told(await handed_off(front))
    recorded = await front.ledger.observe(Source("other", "bank", (), ""), evidence)
    assert (recorded.level, recorded.reason) == (None, "unknown_recommendation")
    assert await verified(pool, front) == 0


async def test_an_event_id_that_comes_with_something_else_counts_for_nothing(front: Shopfront, pool: Pool):
    first, second = await handed_off(front), await handed_off(front)
    await front.ledger.observe(BANK, told(first))
    recorded = await front.ledger.observe(BANK, told(second))
    assert recorded == Recorded(conversion=None, level=None, reason="event_reused", is_replay=True)
    assert await verified(pool, front) == 1
    assert len(await entries(pool)) == 1


async def test_a_sale_that_is_told_under_a_new_event_is_not_a_second_one(front: Shopfront, pool: Pool):
    recommendation = await handed_off(front)
    await front.ledger.observe(BANK, told(recommendation))
    for n in range(2, CHAINED_MAX + 5):
        recorded = await front.ledger.observe(BANK, told(recommendation, f"event-{n}"))
        assert (recorded.level, recorded.reason) == (None, "already_converted")
        assert recorded.conversion is not None
    assert await verified(pool, front) == 1
    assert await one(pool, "select max(sequence) from ledger") == CHAINED_MAX


async def test_chatter_does_not_keep_better_evidence_out(front: Shopfront, pool: Pool):
    recommendation = await handed_off(front)
    for n in range(CHAINED_MAX + 5):
        await front.ledger.observe(BANK, told(recommendation, f"event-{n}", amount=Money(1, "EUR")))
    recorded = await front.ledger.observe(BANK, told(recommendation, "better"))
    assert recorded.level is Level.VERIFIED
    assert recorded.conversion is not None
    assert (recorded.conversion.level, recorded.conversion.amount) == (Level.VERIFIED, PRICE)
    assert await verified(pool, front) == 1


async def test_better_evidence_takes_the_place_of_a_report(front: Shopfront):
    recommendation = await handed_off(front)
    reported = await front.ledger.report("shop", recommendation.session_id, "their-1", Money(9999, "EUR"))
    assert (reported.level, reported.commission.amount_minor) == (Level.MERCHANT_REPORTED, 1000)
    await bought(front, recommendation)
    await work(front)
    conversion = await front.ledger.conversion("shop", reported.id)
    assert (conversion.level, conversion.amount) == (Level.VERIFIED, PRICE)


@pytest.mark.parametrize("is_reported_first", [True, False])
async def test_a_payment_that_was_seen_keeps_no_report_from_becoming_valid(
    front: Shopfront, pool: Pool, is_reported_first: bool
):
    recommendation = await handed_off(front)
    seen = told(recommendation, "event-1", amount=Money(1100, "EUR"))

    async def report() -> Conversion:
        return await front.ledger.report("shop", recommendation.session_id, "their-1", PRICE)

    if is_reported_first:
        await report()
    assert (await front.ledger.observe(BANK, seen)).level is Level.PAYMENT_OBSERVED
    conversion = await report()
    assert await report() == conversion
    assert (conversion.level, conversion.amount.minor) == (Level.PAYMENT_OBSERVED, 1100)
    assert len(await entries(pool)) == 2
    front.clock.at += timedelta(days=30, seconds=1)
    assert (await front.ledger.conversion("shop", conversion.id)).state is ConversionState.VALIDATED


# --- reports ---


async def test_a_merchants_report_is_said_to_be_one(front: Shopfront, pool: Pool):
    recommendation = await recommended(front)
    session_id = recommendation.session_id
    first = await front.ledger.report("shop", session_id, "their-1", Money(1800, "EUR"))
    assert (first.level, first.state) == (Level.MERCHANT_REPORTED, ConversionState.PENDING)
    assert await front.ledger.report("shop", session_id, "their-1", Money(1800, "EUR")) == first
    for reference, minor in (("their-1", 1801), ("their-2", 1800)):
        with pytest.raises(AlreadyConverted):
            await front.ledger.report("shop", session_id, reference, Money(minor, "EUR"))
    other = await recommended(front)
    with pytest.raises(AlreadyConverted):
        await front.ledger.report("shop", other.session_id, "their-1", Money(1800, "EUR"))
    assert len(await entries(pool)) == 1


async def test_who_may_report_what(front: Shopfront):
    recommendation = await recommended(front)
    for merchant_id, session_id in (
        ("other", recommendation.session_id),
        ("shop", new_id()),
        ("shop", "x"),
    ):
        with pytest.raises(SessionNotFound):
            await front.ledger.report(merchant_id, session_id, "their-1", PRICE)
    for amount in (Money(1200, "GBP"), Money(0, "EUR"), Money(-1, "EUR")):
        with pytest.raises(ReportRefused):
            await front.ledger.report("shop", recommendation.session_id, "their-1", amount)
    for unknown in (new_id(), "x"):
        with pytest.raises(RecommendationNotFound):
            await front.ledger.fallback(unknown, "order-1", PRICE)


async def test_a_link_reports_once_and_a_merchant_knows_better(front: Shopfront, pool: Pool):
    recommendation = await recommended(front)
    first = await front.ledger.fallback(recommendation.id, "seen-1", Money(100, "EUR"))
    assert first.level is Level.FALLBACK_REPORTED
    for n in range(5):
        assert await front.ledger.fallback(recommendation.id, f"seen-{n}", Money(10**6, "EUR")) == first
    assert len(await entries(pool)) == 1
    better = await front.ledger.report("shop", recommendation.session_id, "their-1", Money(1800, "EUR"))
    assert (better.id, better.level, better.amount.minor) == (first.id, Level.MERCHANT_REPORTED, 1800)
    front.clock.at += timedelta(days=400)
    stats = await front.network.stats(recommendation.id)
    assert [conversion.state for conversion in stats.conversions] == [ConversionState.VALIDATED]


async def test_reports_at_the_same_moment_are_one_conversion(front: Shopfront, pool: Pool):
    recommendation = await recommended(front)
    session_id = recommendation.session_id
    ended = await asyncio.gather(
        *(front.ledger.report("shop", session_id, f"their-{n % 2}", PRICE) for n in range(8)),
        *(front.ledger.fallback(recommendation.id, "seen", PRICE) for _ in range(4)),
        return_exceptions=True,
    )
    assert {type(outcome) for outcome in ended} <= {Conversion, AlreadyConverted}
    assert await one(pool, "select count(distinct conversion_id) from ledger") == 1


# --- rulings ---


async def test_a_conversion_is_ruled_along_its_table(front: Shopfront):
    recommendation = await recommended(front)
    ledger = front.ledger
    reported = await ledger.report("shop", recommendation.session_id, "their-1", PRICE)
    with pytest.raises(RulingRefused):
        await ledger.rule("shop", reported.id, ConversionState.SETTLED)
    for state, text in (
        (ConversionState.VALIDATED, None),
        (ConversionState.VALIDATED, None),
        (ConversionState.DISPUTED, "not ours"),
        (ConversionState.RESOLVED, None),
        (ConversionState.SETTLED, None),
        (ConversionState.CLAWED_BACK, None),
    ):
        assert (await ledger.rule("shop", reported.id, state, text)).state is state
    # The repeat added nothing.
    assert (await ledger.conversion("shop", reported.id)).entries == 6
    for state in set(ConversionState) - {ConversionState.CLAWED_BACK}:
        with pytest.raises(RulingRefused):
            await ledger.rule("shop", reported.id, state)
    for merchant_id, conversion_id in (("other", reported.id), ("shop", new_id()), ("shop", "x")):
        with pytest.raises(ConversionNotFound):
            await ledger.rule(merchant_id, conversion_id, ConversionState.CLAWED_BACK)


@dataclass
class Hasty:
    """A day passes whenever somebody looks."""

    at: datetime

    def now(self) -> datetime:
        self.at += timedelta(days=1)
        return self.at


async def test_a_ruling_at_the_moment_at_which_time_rules_is_one_that_holds(front: Shopfront):
    recommendation = await recommended(front)
    reported = await front.ledger.report("shop", recommendation.session_id, "their-1", PRICE)
    assert reported.valid_from is not None
    clock = Hasty(reported.valid_from - timedelta(days=1, seconds=1))
    ledger = Ledger(dataclasses.replace(front.setup, clock=clock), front.codes)
    for state in (ConversionState.VALIDATED, ConversionState.SETTLED):
        assert (await ledger.rule("shop", reported.id, state)).state is state


# --- append-only ---


def test_the_store_has_no_statement_that_changes_the_ledger():
    text = inspect.getsource(ledger_store)
    assert "insert into ledger" in text
    package = Path(inspect.getfile(ledger_store)).parent
    for file in package.glob("*.py"):
        for verb in ("update", "delete from", "truncate"):
            assert not re.search(rf"\b{verb}\s+(table\s+)?ledger\b", file.read_text(), re.IGNORECASE), file


async def test_whatever_is_done_nothing_that_was_written_changes(front: Shopfront, pool: Pool):
    """Random deeds of everybody; after each the ledger begins with all that it held before."""
    dice = random.Random(20260301)
    recommendations = [await handed_off(front) for _ in range(3)] + [await recommended(front)]
    before: dict[str, bytes] = {}
    rulings = list(ConversionState)
    for n in range(120):
        ours = dice.choice(recommendations)
        deeds: list[Callable[[], Awaitable[object]]] = [
            lambda ours=ours, n=n: front.ledger.observe(
                BANK,
                told(
                    ours,
                    f"event-{dice.randrange(n + 1)}",
                    amount=Money(dice.choice([1200, 1200, 1, 0]), "EUR"),
                    is_success=dice.random() < 0.8,
                    mentioned=mentioned(ours, code=dice.choice([ours.code, "forged", None])),
                ),
            ),
            lambda ours=ours: front.ledger.report(
                "shop", ours.session_id, f"their-{dice.randrange(3)}", PRICE
            ),
            lambda ours=ours: front.ledger.fallback(ours.id, "seen", PRICE),
            lambda ours=ours: _rule_any(front, ours, dice.choice(rulings)),
        ]
        with suppress(AttributionRefusal):
            await dice.choice(deeds)()
        front.clock.at += timedelta(hours=dice.randrange(48))
        after = {str(row["id"]): bytes(row["document"]) for row in await rows(pool, "select * from ledger")}
        assert before.items() <= after.items()
        before = after
    await _check_chains(front, pool)


async def _rule_any(front: Shopfront, ours: Recommendation, state: ConversionState) -> None:
    conversion = await front.ledger.conversion_of_session("shop", ours.session_id)
    await front.ledger.rule("shop", conversion.id, state)


async def _check_chains(front: Shopfront, pool: Pool) -> None:
    """One conversion per search, numbered without a gap, and what is folded is what is shown."""
    by_session: dict[str, list[LedgerEntry]] = {}
    for entry in await entries(pool):
        if entry.session_id is not None:
            by_session.setdefault(entry.session_id, []).append(entry)
    assert by_session
    for session_id, chain in by_session.items():
        assert len({entry.conversion_id for entry in chain}) == 1
        ordered = sorted(chain, key=lambda entry: entry.sequence)
        assert [entry.sequence for entry in ordered] == list(range(1, len(chain) + 1))
        shown = await front.ledger.conversion_of_session("shop", session_id)
        assert fold(ordered, front.clock.now()) == shown
