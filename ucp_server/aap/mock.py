"""The lesson: the journey of the tools with made-up answers, and the event that a shop would send.

Under `KEY`, which is no secret and opens nothing, the MCP server answers from here. Whoever learns
sees the whole journey and leaves no trace: no session, no checkout, no entry in the ledger. Every id
says that it is made up, and the link leads nowhere (RFC 6761 reserves ``.invalid``).
"""

import json
from typing import Any, Final

from ucp_server.aap.mcp import NEXT, server_of, tools_of
from ucp_server.aap.schema import Schemas
from ucp_server.asgi.mcp import McpServer, ToolFailed

Wire = dict[str, Any]

KEY: Final = "aap_mock_conversion"

_SESSION: Final = "0M0CK0SESS1000000000000000"
_RECOMMENDATION: Final = "0M0CK0REC00000000000000000"
_OFFER: Final = "mock-offer-60gb"
_MERCHANT: Final = "mock-merchant"
_PRICE: Final = 18
_CURRENCY: Final = "GBP"
_NAME: Final = "60 GB, rolling month (made up)"
_PROVIDER: Final = "Mock Mobile"
_CODE: Final = "aap://mock.invalid/v1/bWFkZS11cA.bm8tc2lnbmF0dXJl"
_CHECKOUT: Final = "mock-checkout-0001"
CHECKOUT_URL: Final = f"https://checkout.mock-conversion.invalid/{_CHECKOUT}"
_FAR_AWAY: Final = "2099-01-01T00:00:00.000Z"


def conversion_event() -> Wire:
    """What a merchant's system might tell once a sale counts. It teaches the parts and proves nothing."""
    return {
        "event_id": "mock-event-0001",
        "event_type": "conversion.eligible",
        "environment": "mock",
        "merchant_id": _MERCHANT,
        "offer_id": _OFFER,
        "session_id": _SESSION,
        "recommendation_id": _RECOMMENDATION,
        "checkout_id": _CHECKOUT,
        "checkout_url": CHECKOUT_URL,
        "conversion_id": "mock-conversion-0001",
        "amount": _PRICE,
        "currency": _CURRENCY,
        "status": "eligible_conversion",
        "attribution": {"aap_code": _CODE, "recorded": True},
    }


def artefact() -> str:
    """The event as the file ``examples/mock-conversion/conversion-event.json`` has it."""
    return json.dumps(conversion_event(), indent=2) + "\n"


def lesson(schemas: Schemas, version: str) -> McpServer[None]:
    return server_of(tools_of(schemas, _search, _requirements, _link), version)


async def _search(caller: None, arguments: Wire) -> Wire:
    del caller, arguments
    offer = {
        "id": _OFFER,
        "merchantId": _MERCHANT,
        "vertical": "sim",
        "provider": _PROVIDER,
        "name": _NAME,
        "price": _PRICE,
        "currency": _CURRENCY,
        "criteria": {"data_gb": 60, "contract_months": 0},
        "aapCode": _CODE,
        "status": "active",
    }
    return {"sessionId": _SESSION, "count": 1, "expiresAt": _FAR_AWAY, "offers": [offer]}


async def _requirements(caller: None, arguments: Wire) -> Wire:
    del caller
    _check_offer(arguments)
    return {
        "offer_id": _OFFER,
        "name": _NAME,
        "price": _PRICE,
        "currency": _CURRENCY,
        "requirements": [
            {"field": "email", "required": True, "reason": "A real shop would write to it."},
        ],
    }


async def _link(caller: None, arguments: Wire) -> Wire:
    del caller
    _check_offer(arguments)
    if arguments["session_id"] != _SESSION:
        raise ToolFailed("Session not found")
    return {
        "checkout_url": CHECKOUT_URL,
        "session_id": _SESSION,
        "offer_id": _OFFER,
        "recommendation_id": _RECOMMENDATION,
        "next": NEXT,
    }


def _check_offer(arguments: Wire) -> None:
    if arguments["offer_id"] != _OFFER:
        raise ToolFailed("Offer not found")
