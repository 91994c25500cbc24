"""The fold: states along the table, levels that never fall, amounts that only better evidence changes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.domain.attribution import Attribution, Commission, CommissionType, SessionState, earned
from ucp_server.domain.ledger import (
    SESSION_STATES,
    TRANSITIONS,
    Claimed,
    Conversion,
    ConversionState,
    Fact,
    IllegalRulingError,
    LedgerEntry,
    Level,
    Rejected,
    Ruled,
    apply,
    fold,
    may_become,
    validation_days,
)
from ucp_server.domain.money import Money

START = datetime(2026, 3, 1, tzinfo=UTC)
OURS = Attribution(
    code="code",
    recommendation_id="recommendation",
    session_id="session",
    offer_id="offer",
    merchant_id="shop",
    agent_id="agent",
)
TEN_PER_CENT = Commission(type=CommissionType.PERCENTAGE, rate_ppm=100_000)


def claimed(level: Level, minor: int = 1200, reference: str = "order", vertical: str = "sim") -> Claimed:
    amount = Money(minor, "GBP")
    return Claimed(
        level=level,
        attribution=OURS,
        vertical=vertical,
        amount=amount,
        earned=earned(TEN_PER_CENT, amount),
        order_reference=reference,
    )


def chain(*facts: Fact, day: float = 0.0) -> list[LedgerEntry]:
    """One entry a day, from ``day`` on."""
    return [
        LedgerEntry(
            id=f"entry-{n}",
            merchant_id="shop",
            conversion_id="conversion",
            sequence=n,
            source="source",
            event_id=str(n),
            digest="",
            fact=fact,
            recorded_at=START + timedelta(days=day + n - 1),
            session_id="session",
        )
        for n, fact in enumerate(facts, 1)
    ]


def standing(*facts: Fact, at_day: float = 0.0) -> Conversion:
    conversion = fold(chain(*facts), START + timedelta(days=at_day))
    assert conversion is not None
    return conversion


def test_nothing_told_is_no_conversion():
    assert fold([], START) is None
    assert fold(chain(Rejected(reason="not_successful")), START) is None


@pytest.mark.parametrize(
    ("vertical", "days"),
    [("sim", 30), ("broadband", 31), ("energy", 42), ("insurance", 14), ("flights", 7), ("books", 30)],
)
def test_a_verified_sale_is_valid_after_the_days_of_its_trade(vertical: str, days: int):
    assert validation_days(vertical) == days
    sale = claimed(Level.VERIFIED, vertical=vertical)
    assert standing(sale, at_day=days - 0.001).state is ConversionState.PENDING
    assert standing(sale, at_day=days).state is ConversionState.VALIDATED


def test_a_stay_in_a_hotel_waits_for_its_merchant():
    sale = claimed(Level.VERIFIED, vertical="hotels")
    assert standing(sale).valid_from is None
    assert standing(sale, at_day=1000).state is ConversionState.PENDING
    assert standing(sale, Ruled(state=ConversionState.VALIDATED)).state is ConversionState.VALIDATED


@pytest.mark.parametrize("level", Level)
def test_what_is_uncertain_does_not_become_valid_by_waiting(level: Level):
    waits = level in {Level.FALLBACK_REPORTED, Level.PAYMENT_OBSERVED}
    after_years = standing(claimed(level), at_day=1000).state
    assert after_years is (ConversionState.PENDING if waits else ConversionState.VALIDATED)


def test_what_its_merchant_has_told_becomes_valid_whoever_told_more():
    reported = claimed(Level.MERCHANT_REPORTED, 1000, "their-1")
    seen = claimed(Level.PAYMENT_OBSERVED, 1200)
    for facts in ((reported, seen), (seen, reported)):
        sale = standing(*facts, at_day=29)
        assert (sale.level, sale.amount.minor) == (Level.PAYMENT_OBSERVED, 1200)
        assert (sale.state, sale.is_reported) == (ConversionState.PENDING, True)
        assert standing(*facts, at_day=30).state is ConversionState.VALIDATED


def test_better_evidence_corrects_and_none_other_does():
    reported = claimed(Level.MERCHANT_REPORTED, 9999, "their-1")
    seen = claimed(Level.VERIFIED, 1200, "order-1")
    corrected = standing(reported, seen)
    assert (corrected.level, corrected.amount.minor, corrected.order_reference) == (
        Level.VERIFIED,
        1200,
        "order-1",
    )
    assert corrected.commission.amount_minor == 120
    worse = standing(seen, reported, claimed(Level.VERIFIED, 5, "order-2"))
    assert (worse.level, worse.amount.minor, worse.order_reference) == (Level.VERIFIED, 1200, "order-1")


def test_after_the_settlement_no_evidence_changes_what_was_earned():
    facts = (
        claimed(Level.MERCHANT_REPORTED, 1000),
        Ruled(state=ConversionState.VALIDATED),
        Ruled(state=ConversionState.SETTLED),
        claimed(Level.VERIFIED, 999_999),
    )
    assert standing(*facts).amount.minor == 1000


def test_a_ruling_that_the_table_does_not_know_is_a_defect():
    with pytest.raises(IllegalRulingError):
        standing(claimed(Level.VERIFIED), Ruled(state=ConversionState.SETTLED))


def test_every_state_is_a_state_of_its_search():
    assert set(SESSION_STATES) == set(ConversionState) == set(TRANSITIONS)
    before = {SessionState.CREATED, SessionState.ACTIVE, SessionState.CHECKOUT, SessionState.CANCELLED}
    assert set(SESSION_STATES.values()) == set(SessionState) - before


# --- properties ---

FACTS = st.one_of(
    st.builds(
        claimed, st.sampled_from(Level), st.integers(1, 10**9), st.sampled_from(["order-1", "order-2"])
    ),
    st.builds(Ruled, state=st.sampled_from(ConversionState)),
    st.builds(Rejected, reason=st.sampled_from(["not_successful", "already_converted"])),
)


def legal(facts: list[Fact]) -> list[LedgerEntry]:
    """As many of ``facts`` as the engine would have written, in their order."""
    kept: list[Fact] = []
    for fact in facts:
        now = fold(chain(*kept), START + timedelta(days=len(kept)))
        if now is None and not isinstance(fact, Claimed):
            continue
        if now is not None and isinstance(fact, Ruled) and not may_become(now.state, fact.state):
            continue
        kept.append(fact)
    return chain(*kept)


@given(st.lists(FACTS, max_size=12))
def test_states_fold_along_the_table_and_levels_never_fall(facts: list[Fact]):
    now: Conversion | None = None
    for entry in legal(facts):
        then = apply(now, entry)
        assert then is not None
        assert then.entries == entry.sequence
        assert then.commission == earned(TEN_PER_CENT, then.amount)
        if now is not None:
            assert then.level.rank >= now.level.rank
            assert (then.id, then.converted_at, then.valid_from) == (
                now.id,
                now.converted_at,
                now.valid_from,
            )
            is_changed = then.amount != now.amount
            assert not is_changed or then.level.rank > now.level.rank
            assert then.state is now.state or may_become(now.state, then.state)
        now = then


@given(st.lists(FACTS, max_size=12), st.integers(0, 12), st.floats(0, 100))
def test_a_fold_can_be_gone_on_with_from_anywhere(facts: list[Fact], cut: int, day: float):
    entries, at = legal(facts), START + timedelta(days=20 + day)
    halfway: Conversion | None = None
    for entry in entries[:cut]:
        halfway = apply(halfway, entry)
    for entry in entries[cut:]:
        halfway = apply(halfway, entry)
    whole = fold(entries, at)
    assert (whole is None) == (halfway is None)
    if whole is not None and halfway is not None:
        assert whole.amount == halfway.amount
        assert whole.level is halfway.level


@given(
    st.sampled_from(CommissionType),
    st.integers(0, 10**9),
    st.integers(0, 1_000_000),
    st.integers(0, 10**6),
    st.integers(1, 10**9),
)
def test_fee_and_payout_are_the_commission(
    type_: CommissionType, amount_minor: int, rate_ppm: int, min_minor: int, sale_minor: int
):
    commission = Commission(type=type_, amount_minor=amount_minor, rate_ppm=rate_ppm, min_minor=min_minor)
    got = earned(commission, Money(sale_minor, "GBP"))
    assert got.network_fee_minor + got.payout_minor == got.amount_minor >= min_minor
    assert abs(got.network_fee_minor * 5 - got.amount_minor) <= 5


@pytest.mark.parametrize(
    ("commission", "sale", "parts"),
    [
        (Commission(type=CommissionType.CPA, amount_minor=2500), 1800, (2500, 500, 2000)),
        (Commission(type=CommissionType.PERCENTAGE, rate_ppm=100_000), 1800, (180, 36, 144)),
        (
            Commission(type=CommissionType.PERCENTAGE, rate_ppm=100_000, min_minor=500),
            1800,
            (500, 100, 400),
        ),
        (Commission(type=CommissionType.HYBRID, rate_ppm=50_000, min_minor=1000), 1800, (1090, 218, 872)),
    ],
)
def test_what_sales_earn(commission: Commission, sale: int, parts: tuple[int, int, int]):
    got = earned(commission, Money(sale, "GBP"))
    assert (got.amount_minor, got.network_fee_minor, got.payout_minor) == parts
