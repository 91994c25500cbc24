"""The ledger of recommended sales: entries that are only ever added, and what they add up to.

Nothing is stored of a conversion but its entries; the conversion is their fold.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec.structs import replace

from ucp_server.domain.attribution import Attribution, Earned, SessionState
from ucp_server.domain.money import Money


class Level(StrEnum):
    """How good the evidence of a sale is."""

    FALLBACK_REPORTED = "fallback_reported"  # whoever followed the link says so
    MERCHANT_REPORTED = "merchant_reported"  # the merchant, who pays for it, says so
    PAYMENT_OBSERVED = "payment_observed"  # a registered source saw a payment; something is missing
    VERIFIED = "verified"  # source, signed code, recommendation, amount and success agree

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS: Final = MappingProxyType({level: rank for rank, level in enumerate(Level)})


class ConversionState(StrEnum):
    PENDING = "pending"
    VALIDATED = "validated"
    SETTLED = "settled"
    CLAWED_BACK = "clawed_back"
    DISPUTED = "disputed"
    RESOLVED = "resolved"


TRANSITIONS: Final = MappingProxyType(
    {
        ConversionState.PENDING: frozenset(
            {ConversionState.VALIDATED, ConversionState.CLAWED_BACK, ConversionState.DISPUTED}
        ),
        ConversionState.VALIDATED: frozenset(
            {ConversionState.SETTLED, ConversionState.CLAWED_BACK, ConversionState.DISPUTED}
        ),
        ConversionState.DISPUTED: frozenset({ConversionState.RESOLVED, ConversionState.CLAWED_BACK}),
        ConversionState.RESOLVED: frozenset({ConversionState.SETTLED, ConversionState.CLAWED_BACK}),
        ConversionState.SETTLED: frozenset({ConversionState.CLAWED_BACK}),
        ConversionState.CLAWED_BACK: frozenset[ConversionState](),
    }
)

# After these no later evidence changes what a sale earned.
_FROZEN: Final = frozenset({ConversionState.SETTLED, ConversionState.CLAWED_BACK})

SESSION_STATES: Final = MappingProxyType(
    {
        ConversionState.PENDING: SessionState.CONVERTED,
        ConversionState.VALIDATED: SessionState.VALIDATED,
        ConversionState.SETTLED: SessionState.SETTLED,
        ConversionState.CLAWED_BACK: SessionState.CLAWED_BACK,
        ConversionState.DISPUTED: SessionState.DISPUTED,
        ConversionState.RESOLVED: SessionState.RESOLVED,
    }
)

VALIDATION_DAYS_DEFAULT: Final = 30
# As long as a buyer may withdraw, or a contract fail, in that trade. A stay in a hotel has no fixed
# time: its merchant validates it.
VALIDATION_DAYS: Final = MappingProxyType(
    {"sim": 30, "broadband": 31, "energy": 42, "insurance": 14, "flights": 7, "hotels": None}
)


def validation_days(vertical: str) -> int | None:
    """How many days after the sale it is valid by itself; None where it never is."""
    return VALIDATION_DAYS.get(vertical, VALIDATION_DAYS_DEFAULT)


# --- entries ---


class Claimed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="claimed"):
    """Somebody told of the sale. The first one opens the conversion, a better one corrects it.

    ``reason`` says what is missing for ``verified``.
    """

    level: Level
    attribution: Attribution
    vertical: str
    amount: Money
    earned: Earned
    order_reference: str
    reason: str | None = None


class Ruled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="ruled"):
    """Somebody decided; ``text`` is the reason given."""

    state: ConversionState
    text: str | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="rejected"):
    """Evidence that counts for nothing, and why. It is kept so that its repeat is recognised."""

    reason: str


Fact = Claimed | Ruled | Rejected


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``sequence`` counts from 1 within the conversion; (source, event_id) is there once.

    ``digest`` (SHA-256, hex) is of what was told, to see whether a repeat tells the same.
    ``session_id`` is None for what belongs to no conversion.
    """

    id: str
    merchant_id: str
    conversion_id: str
    sequence: int
    source: str
    event_id: str
    digest: str
    fact: Fact
    recorded_at: datetime
    session_id: str | None = None


# --- their fold ---


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """A sale as its entries tell it. ``valid_from`` is None where only a ruling validates.

    ``entries`` is how many were folded: the place of the next one follows. ``is_reported`` says that
    the merchant, who pays for it, has told of it, whoever told more.
    """

    id: str
    merchant_id: str
    attribution: Attribution
    vertical: str
    order_reference: str
    amount: Money
    commission: Earned
    state: ConversionState
    level: Level
    converted_at: datetime
    valid_from: datetime | None
    entries: int
    reason: str | None = None
    is_reported: bool = False

    @property
    def session_state(self) -> SessionState:
        return SESSION_STATES[self.state]


class IllegalRulingError(AssertionError):
    """Our own defect: a ruling was written that the table does not know."""


def may_become(now: ConversionState, to: ConversionState) -> bool:
    return to in TRANSITIONS[now]


def fold(entries: Iterable[LedgerEntry], at: datetime) -> Conversion | None:
    """The conversion that ``entries``, in their order, tell of at ``at``; None where there is none."""
    conversion: Conversion | None = None
    for entry in entries:
        conversion = apply(conversion, entry)
    return None if conversion is None else matured(conversion, at)


def apply(before: Conversion | None, entry: LedgerEntry) -> Conversion | None:
    """The conversion after one more entry. Raises IllegalRulingError for what was never to be written."""
    if before is None:
        return _opened(entry, entry.fact) if isinstance(entry.fact, Claimed) else None
    now = replace(matured(before, entry.recorded_at), entries=entry.sequence)
    match entry.fact:
        case Claimed() as claim:
            return _corrected(now, claim)
        case Ruled(state=state):
            if not may_become(now.state, state):
                raise IllegalRulingError(f"{now.state} -> {state}")
            return replace(now, state=state)
        case Rejected():
            return now


def matured(conversion: Conversion, at: datetime) -> Conversion:
    """Valid by itself once its time has come, if it is certain or the one who pays for it has told it."""
    is_due = conversion.valid_from is not None and conversion.valid_from <= at
    is_sure = conversion.is_reported or conversion.level is Level.VERIFIED
    if is_due and is_sure and conversion.state is ConversionState.PENDING:
        return replace(conversion, state=ConversionState.VALIDATED)
    return conversion


def _opened(entry: LedgerEntry, claim: Claimed) -> Conversion:
    days = validation_days(claim.vertical)
    return Conversion(
        id=entry.conversion_id,
        merchant_id=entry.merchant_id,
        attribution=claim.attribution,
        vertical=claim.vertical,
        order_reference=claim.order_reference,
        amount=claim.amount,
        commission=claim.earned,
        state=ConversionState.PENDING,
        level=claim.level,
        converted_at=entry.recorded_at,
        valid_from=None if days is None else entry.recorded_at + timedelta(days=days),
        entries=entry.sequence,
        reason=claim.reason,
        is_reported=claim.level is Level.MERCHANT_REPORTED,
    )


def _corrected(now: Conversion, claim: Claimed) -> Conversion:
    """Better evidence takes the place of what was known; as good or worse says no more than who told it."""
    if claim.level is Level.MERCHANT_REPORTED:
        now = replace(now, is_reported=True)
    if claim.level.rank <= now.level.rank or now.state in _FROZEN:
        return now
    return replace(
        now,
        attribution=claim.attribution,
        vertical=claim.vertical,
        order_reference=claim.order_reference,
        amount=claim.amount,
        commission=claim.earned,
        level=claim.level,
        reason=claim.reason,
    )


# --- evidence ---


class Mentioned(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The attribution as evidence brings it back: the members of `Attribution`, none of them sure."""

    code: str | None = None
    recommendation_id: str | None = None
    session_id: str | None = None
    offer_id: str | None = None
    merchant_id: str | None = None
    agent_id: str | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a source that has proved who it is tells of a sale.

    ``milestone`` names what was reached where it is not a payment; ``is_success`` is whether it went
    well. ``event_id`` is the source's own.
    """

    event_id: str
    is_success: bool
    amount: Money
    order_reference: str
    mentioned: Mentioned
    occurred_at: datetime | None = None
    milestone: str | None = None


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of evidence: ``level`` is None where it counts for nothing, ``reason`` says why.

    ``conversion`` is the sale that it is about as it stands, if there is one; ``is_replay`` when the
    same event was told before.
    """

    conversion: Conversion | None
    level: Level | None
    reason: str | None = None
    is_replay: bool = False
