"""Evidence is verified only where all of it agrees: whatever single thing is wrong, it is not."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.domain.attribution import Commission, CommissionType, Offer, Recommendation
from ucp_server.domain.codes import payload_of
from ucp_server.domain.ledger import Evidence, Level, Mentioned
from ucp_server.domain.money import Money
from ucp_server.engine.codes import NotVerified, Verified
from ucp_server.engine.judging import Judgement, Known, judge

AT = datetime(2026, 3, 1, tzinfo=UTC)
OFFER = Offer(
    id="offer-1",
    merchant_id="shop",
    item_id="rose",
    vertical="sim",
    provider="Harbour",
    name="60 GB",
    price=Money(1800, "GBP"),
    commission=Commission(type=CommissionType.CPA, amount_minor=500),
)
OURS = Recommendation(
    id="recommendation", session_id="session", agent_id="agent", offer=OFFER, code="code", created_at=AT
)
KNOWN = Known(OURS, Money(1900, "GBP"))  # the price, and what it costs to send
MEMBERS = Mentioned.__struct_fields__


def verdict(offer: Offer = OFFER) -> Verified:
    return Verified(payload_of(offer, "network.test", issued_at=AT, ttl_s=60))


def evidence(**changes: Any) -> Evidence:
    told = Evidence(
        event_id="event-1",
        is_success=True,
        amount=Money(1900, "GBP"),
        order_reference="order-1",
        mentioned=Mentioned(**msgspec.structs.asdict(OURS.attribution)),
    )
    return msgspec.structs.replace(told, **changes)


def mentioning(**changes: str | None) -> Evidence:
    whole = evidence()
    return evidence(mentioned=msgspec.structs.replace(whole.mentioned, **changes))


def test_what_agrees_is_verified():
    assert judge(evidence(), (), KNOWN, verdict()) == Judgement(Level.VERIFIED)
    assert judge(evidence(milestone="activated"), ("activated",), KNOWN, verdict()).level is Level.VERIFIED


@pytest.mark.parametrize(
    ("told", "known", "code", "judgement"),
    [
        (evidence(milestone="activated"), KNOWN, verdict(), Judgement(None, "unknown_milestone")),
        (evidence(is_success=False), KNOWN, verdict(), Judgement(None, "not_successful")),
        (evidence(), None, verdict(), Judgement(None, "unknown_recommendation")),
        (evidence(), KNOWN, NotVerified("malformed"), Judgement(None, "code_malformed")),
        (evidence(), KNOWN, NotVerified("foreign_issuer"), Judgement(None, "code_foreign_issuer")),
        (evidence(), KNOWN, NotVerified("unknown_key"), Judgement(None, "code_unknown_key")),
        (evidence(), KNOWN, NotVerified("bad_signature"), Judgement(None, "code_bad_signature")),
        (mentioning(code="another"), KNOWN, verdict(), Judgement(None, "attribution_differs")),
        (mentioning(agent_id="thief"), KNOWN, verdict(), Judgement(None, "attribution_differs")),
        (
            evidence(),
            KNOWN,
            verdict(msgspec.structs.replace(OFFER, id="offer-2")),
            Judgement(None, "code_differs"),
        ),
        (evidence(amount=Money(1900, "EUR")), KNOWN, verdict(), Judgement(None, "amount_impossible")),
        (evidence(amount=Money(0, "GBP")), KNOWN, verdict(), Judgement(None, "amount_impossible")),
        (evidence(amount=Money(-1900, "GBP")), KNOWN, verdict(), Judgement(None, "amount_impossible")),
        (
            evidence(amount=Money(1899, "GBP")),
            KNOWN,
            verdict(),
            Judgement(Level.PAYMENT_OBSERVED, "amount_differs"),
        ),
        (mentioning(code=None), KNOWN, None, Judgement(Level.PAYMENT_OBSERVED, "code_missing")),
        (evidence(), KNOWN, NotVerified("expired"), Judgement(Level.PAYMENT_OBSERVED, "code_expired")),
        (
            mentioning(agent_id=None),
            KNOWN,
            verdict(),
            Judgement(Level.PAYMENT_OBSERVED, "attribution_incomplete"),
        ),
    ],
)
def test_what_is_wrong_or_missing_is_said(
    told: Evidence, known: Known | None, code: Verified | NotVerified | None, judgement: Judgement
):
    assert judge(told, (), known, code) == judgement


@given(
    told=st.builds(
        evidence,
        is_success=st.booleans(),
        amount=st.builds(
            Money, st.sampled_from([1900, 1800, 1, 0, -1900]), st.sampled_from(["GBP", "EUR"])
        ),
        milestone=st.sampled_from([None, "activated", "imagined"]),
        mentioned=st.builds(
            Mentioned,
            **{
                name: st.sampled_from([getattr(OURS.attribution, name)] * 4 + ["forged", "", None])
                for name in MEMBERS
            },
        ),
    ),
    known=st.sampled_from([KNOWN, KNOWN, KNOWN, None, Known(OURS, Money(1, "GBP"))]),
    code=st.sampled_from(
        [
            verdict(),
            verdict(),
            verdict(msgspec.structs.replace(OFFER, merchant_id="theirs")),
            NotVerified("bad_signature"),
            NotVerified("expired"),
            None,
        ]
    ),
)
def test_only_what_agrees_in_everything_is_verified(
    told: Evidence, known: Known | None, code: Verified | NotVerified | None
):
    agrees = (
        known is not None
        and told.is_success
        and told.milestone in {None, "activated"}
        and told.amount == known.expected
        and msgspec.structs.asdict(told.mentioned) == msgspec.structs.asdict(OURS.attribution)
        and code == verdict()
    )
    judgement = judge(told, ("activated",), known, code)
    assert (judgement.level is Level.VERIFIED) == agrees
    assert agrees or judgement.reason is not None
