"""The ledger of recommended sales: what was told of them, by whom, and what was decided.

Entries are added, never changed; constraints of the store decide between those who add at the same
moment. A sale is *verified* only where the source, the signed code, the recommendation, the amount
and the success of the payment agree; a search leads to one sale.
"""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from msgspec.structs import replace

from ucp_server.domain.attribution import Recommendation, earned
from ucp_server.domain.errors import (
    AlreadyConverted,
    ConversionNotFound,
    RecommendationNotFound,
    ReportRefused,
    RevisionConflict,
    RulingRefused,
    SessionNotFound,
)
from ucp_server.domain.events import Delivered, DeliveryOutcome, Job, Sale
from ucp_server.domain.ledger import (
    Claimed,
    Conversion,
    ConversionState,
    Evidence,
    Fact,
    LedgerEntry,
    Level,
    Mentioned,
    Recorded,
    Rejected,
    Ruled,
    fold,
    may_become,
)
from ucp_server.domain.money import Money
from ucp_server.engine.codes import Codes
from ucp_server.engine.faults import fault_point
from ucp_server.engine.judging import Judgement, Known, judge
from ucp_server.engine.setup import Setup
from ucp_server.engine.sources import Source
from ucp_server.store.checkouts import load_checkout_of_any
from ucp_server.store.database import read, statement
from ucp_server.store.documents import decode_sale, encode
from ucp_server.store.ids import is_id, new_id
from ucp_server.store.ledger import (
    insert_entry,
    load_conversion,
    load_conversions_of_session,
    load_event,
)
from ucp_server.store.recommendations import (
    load_any_recommendation,
    load_recommendation,
    load_recommendations_of_session,
)
from ucp_server.store.violations import EntryTaken, EventKnown

# Sources of our own. No registered one can have such a name.
_ORDERS: Final = ":orders"
_MERCHANT: Final = ":merchant"
_LINK: Final = ":link"
_RULINGS: Final = ":rulings"

# Others add to one conversion a few times in its life.
APPENDS_TRIED_MAX: Final = 5
# A chatty source fills no conversion: what comes later is kept beside it. Far below what is loaded.
CHAINED_MAX: Final = 100

# An order that goes unpaid may be paid yet; one that was paid back whole may not.
_CORRECTIONS: Final = {
    "unpaid": ConversionState.DISPUTED,
    "paid": ConversionState.RESOLVED,
    "undone": ConversionState.CLAWED_BACK,
}

_CONVERTED: Final = Rejected(reason="already_converted")

log = logging.getLogger(__name__)


async def conversions_of_session(setup: Setup, session_id: str) -> tuple[Conversion, ...]:
    """What a search has led to, as it stands now: one conversion, or none."""
    async with read(setup.pool) as db:
        entries = await load_conversions_of_session(db, session_id)
    at = setup.clock.now()
    folded = (fold(list(own), at) for _, own in groupby(entries, lambda entry: entry.conversion_id))
    return tuple(conversion for conversion in folded if conversion is not None)


@dataclass(frozen=True, slots=True)
class _Told:
    """One event of a source. ``digest`` tells whether a repeat says the same."""

    merchant_id: str
    source: str
    event_id: str
    digest: str


class Ledger:
    """Takes reports and evidence, rules, and tells how a sale stands. One per process."""

    def __init__(self, setup: Setup, codes: Codes) -> None:
        self._setup = setup
        self._codes = codes

    # --- reports: somebody says so ---

    async def report(
        self, merchant_id: str, session_id: str, order_reference: str, amount: Money
    ) -> Conversion:
        """The merchant tells of a sale that a search led to. The same order again is the same conversion.

        Raises SessionNotFound (also where none of its offers was recommended), AlreadyConverted,
        ReportRefused, RevisionConflict.
        """
        recommendation = await self._recommended_by(merchant_id, session_id)
        told = _Told(merchant_id, _MERCHANT, order_reference, _digest(session_id, amount))
        for _ in range(APPENDS_TRIED_MAX):
            known = await self._event(told)
            if known is not None:
                return await self._reported_before(known, told)
            before = await self._conversion_of(recommendation)
            if before is not None and (before.is_reported or before.level is Level.VERIFIED):
                return _same_sale(before, order_reference)
            claim = _claim(recommendation, Level.MERCHANT_REPORTED, amount, order_reference)
            if await self._append(told, claim, before, session_id):
                return await self.conversion_of_session(merchant_id, session_id)
        raise RevisionConflict

    async def fallback(self, recommendation_id: str, order_reference: str, amount: Money) -> Conversion:
        """Whoever followed a recommendation's link tells of a sale. Adds at most one entry, ever.

        Raises RecommendationNotFound, ReportRefused, AlreadyConverted, RevisionConflict.
        """
        if not is_id(recommendation_id):
            raise RecommendationNotFound
        async with read(self._setup.pool) as db:
            recommendation = await load_any_recommendation(db, recommendation_id)
        if recommendation is None:
            raise RecommendationNotFound
        merchant_id = recommendation.offer.merchant_id
        told = _Told(merchant_id, _LINK, recommendation.id, _digest(order_reference, amount))
        claim = _claim(recommendation, Level.FALLBACK_REPORTED, amount, order_reference)
        for _ in range(APPENDS_TRIED_MAX):
            before = await self._conversion_of(recommendation)
            if before is not None:
                return before
            if await self._append(told, claim, None, recommendation.session_id):
                return await self.conversion_of_session(merchant_id, recommendation.session_id)
        raise RevisionConflict

    # --- evidence: somebody saw it ---

    async def observe(self, source: Source, evidence: Evidence) -> Recorded:
        """What a registered source tells, whose signature was checked by the caller.

        The same event again changes nothing; another one under its id counts for nothing. Raises
        RevisionConflict, StoreUnavailable: nothing was recorded then.
        """
        return await self._observe(source.merchant_id, source.id, source.milestones, evidence)

    async def record_sale(self, merchant_id: str, sale: Sale) -> Recorded:
        """Our own order is evidence like any other. Safe to repeat. Raises as `observe`."""
        if sale.what != "placed":
            return await self._correct(merchant_id, sale)
        told = sale.attribution
        evidence = Evidence(
            event_id=sale.order_id,
            is_success=True,
            amount=sale.amount,
            order_reference=sale.order_id,
            mentioned=Mentioned(
                code=told.code,
                recommendation_id=told.recommendation_id,
                session_id=told.session_id,
                offer_id=told.offer_id,
                merchant_id=told.merchant_id,
                agent_id=told.agent_id,
            ),
            occurred_at=sale.at,
        )
        return await self._observe(merchant_id, _ORDERS, (), evidence)

    async def _observe(
        self, merchant_id: str, source: str, milestones: tuple[str, ...], evidence: Evidence
    ) -> Recorded:
        told = _Told(merchant_id, source, evidence.event_id, _digest(evidence))
        for _ in range(APPENDS_TRIED_MAX):
            entry = await self._event(told)
            if entry is not None:
                return await self._replayed(entry, told)
            known = await self._known(merchant_id, evidence)
            judgement = await self._judge(evidence, milestones, known)
            recorded = await self._record(told, evidence, known, judgement)
            if recorded is not None:
                return recorded
        raise RevisionConflict

    async def _judge(
        self, evidence: Evidence, milestones: tuple[str, ...], known: Known | None
    ) -> Judgement:
        text, now = evidence.mentioned.code, self._setup.clock.now()
        # A source may be late, and is not believed to be early.
        at = min(evidence.occurred_at or now, now)
        code = None if text is None else await self._codes.verify(text, at)
        return judge(evidence, milestones, known, code)

    async def _record(
        self, told: _Told, evidence: Evidence, known: Known | None, judgement: Judgement
    ) -> Recorded | None:
        """None where others were faster: look again."""
        if known is None or judgement.level is None:
            rejected = Rejected(reason=judgement.reason or "unknown_recommendation")
            is_added = await self._append(told, rejected, None, None)
            return Recorded(conversion=None, level=None, reason=rejected.reason) if is_added else None
        recommendation = known.recommendation
        try:
            before = await self._conversion_of(recommendation)
        except AlreadyConverted:
            is_added = await self._append(told, _CONVERTED, None, None)
            return Recorded(conversion=None, level=None, reason=_CONVERTED.reason) if is_added else None
        fact: Fact = _CONVERTED
        if before is None or judgement.level.rank > before.level.rank:
            fact = _claim(
                recommendation,
                judgement.level,
                evidence.amount,
                evidence.order_reference,
                reason=judgement.reason,
            )
        is_chained = before is None or fact is not _CONVERTED or before.entries < CHAINED_MAX
        session_id = recommendation.session_id if is_chained else None
        if not await self._append(told, fact, before if is_chained else None, session_id):
            return None
        conversion = await self.conversion_of_session(told.merchant_id, recommendation.session_id)
        return _recorded(conversion, fact)

    async def _replayed(self, entry: LedgerEntry, told: _Told) -> Recorded:
        if entry.digest != told.digest:
            return Recorded(conversion=None, level=None, reason="event_reused", is_replay=True)
        conversion = None
        if entry.session_id is not None:
            conversion = await self.conversion(entry.merchant_id, entry.conversion_id)
        return replace(_recorded(conversion, entry.fact), is_replay=True)

    async def _known(self, merchant_id: str, evidence: Evidence) -> Known | None:
        id_ = evidence.mentioned.recommendation_id
        if id_ is None or not is_id(id_):
            return None
        async with read(self._setup.pool) as db:
            recommendation = await load_recommendation(db, merchant_id, id_)
            if recommendation is None:
                return None
            if recommendation.checkout_id is None:
                return Known(recommendation, recommendation.offer.price)
            stored = await load_checkout_of_any(db, merchant_id, recommendation.checkout_id)
        if stored is None:
            return None
        quote = stored.checkout.quote
        return Known(recommendation, Money(quote.total_minor, quote.currency))

    # --- rulings: somebody decides ---

    async def rule(
        self, merchant_id: str, conversion_id: str, state: ConversionState, text: str | None = None
    ) -> Conversion:
        """Make the conversion ``state``, if it may become that; ``text`` is the reason given.

        Safe to repeat. Raises ConversionNotFound, RulingRefused, RevisionConflict.
        """
        for _ in range(APPENDS_TRIED_MAX):
            # Written down with the very time that was judged by: a sale may become valid meanwhile.
            at = self._setup.clock.now()
            before = await self._conversion_at(merchant_id, conversion_id, at)
            if before.state is state:
                return before
            if not may_become(before.state, state):
                raise RulingRefused(before.state)
            event_id = f"{conversion_id}:{before.entries + 1}"
            told = _Told(merchant_id, _RULINGS, event_id, _digest(state, text))
            ruled = Ruled(state=state, text=text)
            if await self._append(told, ruled, before, before.attribution.session_id, at):
                return await self.conversion(merchant_id, conversion_id)
        raise RevisionConflict

    async def _correct(self, merchant_id: str, sale: Sale) -> Recorded:
        """The order's money went another way. What was decided for good stays."""
        session_id = sale.attribution.session_id
        try:
            conversion = await self.conversion_of_session(merchant_id, session_id)
            if conversion.attribution.recommendation_id == sale.attribution.recommendation_id:
                state = _CORRECTIONS[sale.what]
                conversion = await self.rule(merchant_id, conversion.id, state, f"the order is {sale.what}")
        except ConversionNotFound:
            return Recorded(conversion=None, level=None, reason=sale.what)
        except RulingRefused:
            conversion = await self.conversion_of_session(merchant_id, session_id)
        return Recorded(conversion=conversion, level=None, reason=sale.what)

    # --- looking ---

    async def conversion(self, merchant_id: str, conversion_id: str) -> Conversion:
        """As it stands now. Raises ConversionNotFound."""
        return await self._conversion_at(merchant_id, conversion_id, self._setup.clock.now())

    async def _conversion_at(self, merchant_id: str, conversion_id: str, at: datetime) -> Conversion:
        if not is_id(conversion_id):
            raise ConversionNotFound
        async with read(self._setup.pool) as db:
            entries = await load_conversion(db, merchant_id, conversion_id)
        conversion = fold(entries, at)
        if conversion is None:
            raise ConversionNotFound
        return conversion

    async def conversion_of_session(self, merchant_id: str, session_id: str) -> Conversion:
        """Raises ConversionNotFound where the search led to no sale of this merchant's."""
        for conversion in await conversions_of_session(self._setup, session_id):
            if conversion.merchant_id == merchant_id:
                return conversion
        raise ConversionNotFound

    async def _conversion_of(self, recommendation: Recommendation) -> Conversion | None:
        """The sale of its search, if there is one. Raises AlreadyConverted for another merchant's."""
        found = await conversions_of_session(self._setup, recommendation.session_id)
        ours = [one for one in found if one.merchant_id == recommendation.offer.merchant_id]
        if found and not ours:
            raise AlreadyConverted
        return ours[0] if ours else None

    async def _recommended_by(self, merchant_id: str, session_id: str) -> Recommendation:
        """The merchant's recommendation that was handed off, else the last one."""
        if not is_id(session_id):
            raise SessionNotFound
        async with read(self._setup.pool) as db:
            found = await load_recommendations_of_session(db, session_id, merchant_id=merchant_id)
        if not found:
            raise SessionNotFound
        return next((one for one in found if one.checkout_id is not None), found[-1])

    async def _reported_before(self, known: LedgerEntry, told: _Told) -> Conversion:
        if known.digest != told.digest:
            raise AlreadyConverted
        return await self.conversion(known.merchant_id, known.conversion_id)

    async def _event(self, told: _Told) -> LedgerEntry | None:
        async with read(self._setup.pool) as db:
            return await load_event(db, told.merchant_id, told.source, told.event_id)

    # --- adding ---

    async def _append(
        self,
        told: _Told,
        fact: Fact,
        after: Conversion | None,
        session_id: str | None,
        at: datetime | None = None,
    ) -> bool:
        """Add one entry; False where the event is known by now, or the conversion has moved on."""
        entry = LedgerEntry(
            id=new_id(),
            merchant_id=told.merchant_id,
            conversion_id=new_id() if after is None else after.id,
            sequence=1 if after is None else after.entries + 1,
            source=told.source,
            event_id=told.event_id,
            digest=told.digest,
            fact=fact,
            recorded_at=at or self._setup.clock.now(),
            session_id=session_id,
        )
        await fault_point("ledger.before_append")
        try:
            async with statement(self._setup.pool) as tx:
                await insert_entry(tx, entry)
        except (EventKnown, EntryTaken):
            return False
        await fault_point("ledger.appended")
        return True


@dataclass(frozen=True, slots=True)
class EvidenceDeliverer:
    """Writes our own orders into the ledger."""

    ledger: Ledger

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome:
        del rendered
        recorded = await self.ledger.record_sale(job.merchant_id, decode_sale(job.payload))
        if recorded.level is None and recorded.conversion is None:
            log.error("the order of job %s is no evidence: %s", job.id, recorded.reason)
        return Delivered()


def _recorded(conversion: Conversion | None, fact: Fact) -> Recorded:
    match fact:
        case Claimed(level=level, reason=reason):
            return Recorded(conversion=conversion, level=level, reason=reason)
        case Rejected(reason=reason):
            return Recorded(conversion=conversion, level=None, reason=reason)
        case Ruled():
            return Recorded(conversion=conversion, level=None)


def _same_sale(before: Conversion, order_reference: str) -> Conversion:
    """A merchant has one name for an order; our own orders and other sources have theirs."""
    if before.level is Level.MERCHANT_REPORTED and before.order_reference != order_reference:
        raise AlreadyConverted
    return before


def _claim(
    recommendation: Recommendation,
    level: Level,
    amount: Money,
    order_reference: str,
    reason: str | None = None,
) -> Claimed:
    """Raises ReportRefused for what no sale can have cost."""
    offer = recommendation.offer
    if amount.currency != offer.price.currency:
        raise ReportRefused(f"The offer is in {offer.price.currency}.")
    if amount.minor <= 0:
        raise ReportRefused("A sale has a positive amount.")
    return Claimed(
        level=level,
        attribution=recommendation.attribution,
        vertical=offer.vertical,
        amount=amount,
        earned=earned(offer.commission, amount),
        order_reference=order_reference,
        reason=reason,
    )


def _digest(*told: object) -> str:
    return hashlib.sha256(encode(told)).hexdigest()
