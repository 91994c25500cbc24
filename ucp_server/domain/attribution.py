"""Sales that somebody recommended: offers, searches, recommendations, and what such a sale earns.

What an agent or a browser says never becomes a fact here: a `Recommendation` keeps the offer as it
was, and the `Attribution` of a checkout is written by us alone.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from ucp_server.domain.money import Money, allocate, share

# Of what a sale earns the network keeps a fifth; the rest is the recommender's.
_FEE_AND_PAYOUT: Final = (20, 80)

SESSION_TTL_S: Final = 24 * 60 * 60

Criterion = bool | int | float | str


class CommissionType(StrEnum):
    CPA = "cpa"
    PERCENTAGE = "percentage"
    HYBRID = "hybrid"


class Commission(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the merchant pays for a sale, in minor units of the offer's currency.

    ``cpa``: ``amount_minor`` for each sale. ``percentage``: ``rate_ppm`` of the sale, at least
    ``min_minor``. ``hybrid``: ``min_minor`` for each sale and ``rate_ppm`` of it on top.
    """

    type: CommissionType
    amount_minor: int = 0
    rate_ppm: int = 0
    min_minor: int = 0


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """A commission in figures; ``amount_minor`` is the sum of the other two."""

    type: CommissionType
    currency: str
    amount_minor: int
    network_fee_minor: int
    payout_minor: int


def earned(commission: Commission, sale: Money) -> Earned:
    """What ``sale`` earns under ``commission``."""
    part_minor = share(sale.minor, commission.rate_ppm)
    match commission.type:
        case CommissionType.CPA:
            amount_minor = max(commission.amount_minor, commission.min_minor)
        case CommissionType.PERCENTAGE:
            amount_minor = max(part_minor, commission.min_minor)
        case CommissionType.HYBRID:
            amount_minor = commission.min_minor + part_minor
    fee_minor, payout_minor = allocate(amount_minor, _FEE_AND_PAYOUT)
    return Earned(
        type=commission.type,
        currency=sale.currency,
        amount_minor=amount_minor,
        network_fee_minor=fee_minor,
        payout_minor=payout_minor,
    )


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """An item of a merchant that may be recommended; ``name`` and ``price`` are the item's."""

    id: str
    merchant_id: str
    item_id: str
    vertical: str
    provider: str
    name: str
    price: Money
    commission: Commission
    criteria: dict[str, Criterion] = {}
    active: bool = True


class OfferQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is given must hold. Prices are compared in each offer's own minor units."""

    vertical: str | None = None
    provider: str | None = None
    text: str | None = None
    min_price_minor: int | None = None
    max_price_minor: int | None = None
    data_gb_min: float | None = None
    contract_months: int | None = None
    limit: int = 20


class SessionState(StrEnum):
    """Where a search stands, in the published words. From ``converted`` on the ledger decides."""

    CREATED = "created"
    ACTIVE = "active"
    CHECKOUT = "checkout"
    CONVERTED = "converted"
    VALIDATED = "validated"
    SETTLED = "settled"
    CANCELLED = "cancelled"
    CLAWED_BACK = "clawed_back"
    DISPUTED = "disputed"
    RESOLVED = "resolved"


class SearchSession(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One search of one agent: it may lead to one sale. ``state`` is at most ``checkout`` here.

    ``recommendation_id`` is the one that was handed off.
    """

    id: str
    agent_id: str
    state: SessionState
    revision: int
    created_at: datetime
    expires_at: datetime
    offer_ids: tuple[str, ...]
    recommendation_id: str | None = None


class Recommendation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``offer`` is as it was then and ``code`` its signed statement; ``followed`` counts link visits."""

    id: str
    session_id: str
    agent_id: str
    offer: Offer
    code: str
    created_at: datetime
    context: str | None = None
    checkout_id: str | None = None
    followed: int = 0

    @property
    def attribution(self) -> "Attribution":
        return Attribution(
            code=self.code,
            recommendation_id=self.id,
            session_id=self.session_id,
            offer_id=self.offer.id,
            merchant_id=self.offer.merchant_id,
            agent_id=self.agent_id,
        )


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """Which recommendation a sale comes from: facts of ours that travel with a checkout."""

    code: str
    recommendation_id: str
    session_id: str
    offer_id: str
    merchant_id: str
    agent_id: str
