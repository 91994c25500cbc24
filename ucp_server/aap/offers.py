"""Searches and recommendations on the wire (field.md 8: ``/v1/offers``, ``/v1/recommend``)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from ucp_server.aap.amounts import money_of, number_of
from ucp_server.aap.refusals import BadRequest
from ucp_server.asgi.times import iso8601
from ucp_server.domain.attribution import Offer, OfferQuery, Recommendation, SearchSession
from ucp_server.engine.attribution import Found
from ucp_server.store.ids import ulid_of

Wire = dict[str, Any]

# No offer has a longer one.
_TEXT_MAX: Final = 255
# A bound on prices names no currency and is taken for one of two decimal places, as most have.
_BOUND_CURRENCY: Final = "GBP"
_MONTHS_MAX: Final = 1200
_DATA_GB_MAX: Final = 1_000_000.0

# Names of our query by those of a URL and of a tool's arguments.
_PRICES: Final = MappingProxyType({"min_price": "min_price_minor", "max_price": "max_price_minor"})


def decode_query(asked: Mapping[str, Any]) -> OfferQuery:
    """The search that is asked for, in the words of the URL. Raises `BadRequest`."""
    bounds = {ours: _price(name, asked[name]) for name, ours in _PRICES.items() if _is_given(asked, name)}
    months, data_gb = asked.get("contract_months"), asked.get("data_gb_min")
    return OfferQuery(
        vertical=_text(asked, "vertical"),
        provider=_text(asked, "provider"),
        text=_text(asked, "q"),
        data_gb_min=None if data_gb in {None, ""} else _number("data_gb_min", data_gb),
        contract_months=None if months in {None, ""} else _months(months),
        **bounds,
    )


def decode_tool_query(arguments: Wire) -> OfferQuery:
    """As `decode_query`, from arguments that follow their form; what else they hold is not read."""
    named: Wire = {
        name: arguments[name] for name in ("vertical", "provider", "max_price") if name in arguments
    }
    if "min_data_gb" in arguments:
        named["data_gb_min"] = arguments["min_data_gb"]
    if "contract_months" in arguments:
        named["contract_months"] = int(arguments["contract_months"])
    return decode_query(named)


def _is_given(asked: Mapping[str, Any], name: str) -> bool:
    return asked.get(name) not in {None, ""}


def _text(asked: Mapping[str, Any], name: str) -> str | None:
    text = str(asked.get(name) or "").strip()
    if len(text) > _TEXT_MAX:
        raise BadRequest(f"{name} is too long")
    return text or None


def _price(name: str, value: Any) -> int:
    try:
        minor = money_of(value, _BOUND_CURRENCY).minor
    except BadRequest as error:
        raise BadRequest(f"{name} has to be an amount") from error
    if minor < 0:
        raise BadRequest(f"{name} has to be an amount")
    return minor


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except ValueError as error:
        raise BadRequest(f"{name} has to be a number") from error
    if not 0 <= number <= _DATA_GB_MAX:
        raise BadRequest(f"{name} has to be a number")
    return number


def _months(value: Any) -> int:
    """0 for an offer that binds nobody."""
    text = str(value)
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(_MONTHS_MAX))
    if not is_number or int(text) > _MONTHS_MAX:
        raise BadRequest("contract_months has to be a number of months")
    return int(text)


def render_search(session: SearchSession, found: Sequence[Found]) -> Wire:
    return {
        "sessionId": ulid_of(session.id),
        "count": len(found),
        "expiresAt": iso8601(session.expires_at),
        "offers": [render_offer(each.offer, each.code.text) for each in found],
    }


def render_offer(offer: Offer, code: str) -> Wire:
    return {
        "id": offer.id,
        "merchantId": offer.merchant_id,
        "vertical": offer.vertical,
        "provider": offer.provider,
        "name": offer.name,
        "price": number_of(offer.price),
        "currency": offer.price.currency,
        "criteria": offer.criteria,
        "aapCode": code,
        "status": "active" if offer.active else "inactive",
    }


def render_short_offer(offer: Offer) -> Wire:
    return {
        "id": offer.id,
        "provider": offer.provider,
        "name": offer.name,
        "price": number_of(offer.price),
        "currency": offer.price.currency,
    }


def render_recommendation(recommendation: Recommendation, fallback_url: str) -> Wire:
    return {
        "recommendationId": ulid_of(recommendation.id),
        "fallbackUrl": fallback_url,
        "attributionRecorded": True,
        "offer": render_short_offer(recommendation.offer),
    }
