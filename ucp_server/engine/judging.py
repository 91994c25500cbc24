"""What evidence of a sale is worth: one rule for every source, our own orders included.

Whatever contradicts our own rows counts for nothing. What only lacks something, or tells of another
amount than was agreed, is a payment that was observed. Only where all of it agrees it is verified.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import msgspec

from ucp_server.domain.attribution import Recommendation
from ucp_server.domain.ledger import Evidence, Level
from ucp_server.domain.money import Money
from ucp_server.engine.codes import NotVerified, Verified


@dataclass(frozen=True, slots=True)
class Judgement:
    """``level`` is None where it counts for nothing; ``reason`` says what is wrong or missing."""

    level: Level | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What we know by ourselves: the recommendation and the amount that it was handed off for."""

    recommendation: Recommendation
    expected: Money


_VERIFIED: Final = Judgement(Level.VERIFIED)


def judge(
    evidence: Evidence,
    milestones: Collection[str],
    known: Known | None,
    code: Verified | NotVerified | None,
) -> Judgement:
    """``code`` is the verdict on the code that the evidence brought back, None where it brought none."""
    if evidence.milestone is not None and evidence.milestone not in milestones:
        return Judgement(None, "unknown_milestone")
    if not evidence.is_success:
        return Judgement(None, "not_successful")
    if isinstance(code, NotVerified) and code.reason != "expired":
        return Judgement(None, f"code_{code.reason}")
    if known is None:
        return Judgement(None, "unknown_recommendation")
    return _compared(evidence, known, code)


def _compared(evidence: Evidence, known: Known, code: Verified | NotVerified | None) -> Judgement:
    ours = msgspec.structs.asdict(known.recommendation.attribution)
    told = msgspec.structs.asdict(evidence.mentioned)
    if any(value is not None and value != ours[name] for name, value in told.items()):
        return Judgement(None, "attribution_differs")
    if isinstance(code, Verified) and not _is_about(code, known.recommendation):
        return Judgement(None, "code_differs")
    if evidence.amount.currency != known.expected.currency or evidence.amount.minor <= 0:
        return Judgement(None, "amount_impossible")
    if evidence.amount != known.expected:
        return Judgement(Level.PAYMENT_OBSERVED, "amount_differs")
    if code is None:
        return Judgement(Level.PAYMENT_OBSERVED, "code_missing")
    if isinstance(code, NotVerified):
        return Judgement(Level.PAYMENT_OBSERVED, "code_expired")
    if None in told.values():
        return Judgement(Level.PAYMENT_OBSERVED, "attribution_incomplete")
    return _VERIFIED


def _is_about(code: Verified, recommendation: Recommendation) -> bool:
    offer = recommendation.offer
    return (code.payload.offer_id, code.payload.merchant_id) == (offer.id, offer.merchant_id)
