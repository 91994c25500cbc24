"""Sessions, conversions and numbers on the wire (field.md 8: ``/v1/sessions``, ``/v1/conversions``)."""

from typing import Any

from ucp_server.aap.amounts import number_of
from ucp_server.aap.offers import render_short_offer
from ucp_server.asgi.times import iso8601
from ucp_server.domain.attribution import Earned, Recommendation
from ucp_server.domain.ledger import Conversion, validation_days
from ucp_server.domain.money import Money
from ucp_server.engine.attribution import SessionView, Stats
from ucp_server.store.ids import ulid_of

Wire = dict[str, Any]


def render_session(view: SessionView) -> Wire:
    session = view.session
    return {
        "session": {
            "id": ulid_of(session.id),
            "agentId": session.agent_id,
            "status": view.state.value,
            "createdAt": iso8601(session.created_at),
            "expiresAt": iso8601(session.expires_at),
        },
        "recommendations": [_recommendation(each) for each in view.recommendations],
        "conversions": [render_conversion(each) for each in view.conversions],
    }


def _recommendation(recommendation: Recommendation) -> Wire:
    return {
        "id": ulid_of(recommendation.id),
        "offerId": recommendation.offer.id,
        "merchantId": recommendation.offer.merchant_id,
        "createdAt": iso8601(recommendation.created_at),
        "clicks": recommendation.followed,
        "offer": render_short_offer(recommendation.offer),
    }


def render_conversion(conversion: Conversion) -> Wire:
    return {
        "conversionId": ulid_of(conversion.id),
        "sessionId": ulid_of(conversion.attribution.session_id),
        "orderReference": conversion.order_reference,
        "transactionValue": number_of(conversion.amount),
        "currency": conversion.amount.currency,
        "commission": _earned(conversion.commission),
        "status": conversion.state.value,
        "verification": conversion.level.value,
        "validationPeriodDays": validation_days(conversion.vertical),
    }


def _earned(earned: Earned) -> Wire:
    return {
        "amount": number_of(Money(earned.amount_minor, earned.currency)),
        "networkFee": number_of(Money(earned.network_fee_minor, earned.currency)),
        "builderPayout": number_of(Money(earned.payout_minor, earned.currency)),
        "type": earned.type.value,
    }


def render_stats(stats: Stats) -> Wire:
    return {
        "recommendationId": ulid_of(stats.recommendation.id),
        "clicks": stats.followed,
        "conversions": len(stats.conversions),
    }
