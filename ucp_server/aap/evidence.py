"""Evidence as sources send it: signed, timed, and told in one of two forms.

``X-AAP-Signature: t=<seconds of the epoch>,v1=<hex>`` where ``v1`` is the HMAC-SHA256, under the
source's secret, of ``<t>.<body>``. The published pages name the events and not their form; a payment
intent is taken as its provider writes it, everything else in this protocol's own words.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from msgspec.structs import replace

from ucp_server.aap.amounts import money_of
from ucp_server.aap.ids import read_id
from ucp_server.aap.refusals import BadRequest, NoEvidence, NotSigned
from ucp_server.domain.ledger import Evidence, Mentioned, Recorded
from ucp_server.domain.money import Money
from ucp_server.store.ids import ulid_of

Wire = dict[str, Any]

SIGNATURE_HEADER: Final = "x-aap-signature"
# Room for a queue and for clocks, and too little to collect signatures for later.
TOLERANCE_S: Final = 300
# A secret is changed by sending both signatures for a while; nobody changes it four times at once.
_SIGNATURES_MAX: Final = 4

# Whether the payment went well, by the event that tells of it.
_PAYMENTS: Final = MappingProxyType(
    {
        "payment_intent.succeeded": True,
        "payment_intent.payment_succeeded": True,
        "payment_succeeded": True,
        "payment_intent.payment_failed": False,
        "payment_intent.canceled": False,
        "payment_failed": False,
    }
)
_MADE_UP: Final = ("mock", "test")
_SUCCESSES: Final = frozenset({"succeeded", "success", "paid", "completed"})


def check_signature(secret: str, header: str, raw: bytes, now: datetime) -> None:
    """Raises `NotSigned` where ``raw`` was not signed under ``secret`` within the last minutes."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    moments = [value for name, _, value in parts if name == "t"]
    if len(moments) != 1 or not (moments[0].isascii() and moments[0].isdigit()) or len(moments[0]) > 12:
        raise NotSigned
    if abs(now.timestamp() - int(moments[0])) > TOLERANCE_S:
        raise NotSigned
    expected = signature_of(secret, moments[0], raw)
    given = [value for name, _, value in parts if name == "v1"][:_SIGNATURES_MAX]
    if not _any_equal(expected, given):
        raise NotSigned


def signature_of(secret: str, moment: str, raw: bytes) -> str:
    return hmac.digest(secret.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hex()


def _any_equal(expected: str, given: Iterable[str]) -> bool:
    return any(hmac.compare_digest(expected.encode(), value.encode()) for value in given)


def refuse_made_up(document: Wire) -> None:
    """Raises `NoEvidence` for an event that says of itself that it is none, whatever else it is."""
    if document.get("environment") in _MADE_UP:
        raise NoEvidence("Mock events are no evidence")


def decode_evidence(document: Wire, milestones: Iterable[str]) -> Evidence | None:
    """What the event tells; None for one that is neither a payment nor among ``milestones``.

    Raises `BadRequest` for what is no amount or no time.
    """
    kind = document["type"]
    if kind not in _PAYMENTS and kind not in milestones:
        return None
    about = document["data"].get("object") or document["data"]
    return Evidence(
        event_id=document["id"],
        is_success=_PAYMENTS.get(kind, True) and about.get("status", "succeeded") in _SUCCESSES,
        amount=_amount(document["data"]),
        order_reference=about.get("orderReference") or about["id"],
        mentioned=_mentioned(about.get("metadata") or {}),
        occurred_at=_moment(document.get("created")),
        milestone=None if kind in _PAYMENTS else kind,
    )


def _amount(data: Wire) -> Money:
    intent = data.get("object")
    if intent is None:
        return money_of(data["amount"], data["currency"])
    # A provider counts in the least unit of its currency, which has to be one that we know.
    nothing = money_of(0, intent["currency"].upper())
    # JSON Schema takes 1800.0 for an integer, too.
    return replace(nothing, minor=int(intent.get("amount_received", intent["amount"])))


def _mentioned(metadata: Wire) -> Mentioned:
    """What is missing stays missing; an id that is no ULID names nothing of ours."""
    ids = {name: metadata.get(f"aap_{name}") for name in ("recommendation_id", "session_id")}
    read = {name: None if ulid is None else read_id(ulid) for name, ulid in ids.items()}
    return Mentioned(
        code=metadata.get("aap_code"),
        offer_id=metadata.get("aap_offer_id"),
        merchant_id=metadata.get("aap_merchant_id"),
        agent_id=metadata.get("aap_agent_id"),
        **read,
    )


def _moment(created: float | str | None) -> datetime | None:
    """Seconds of the epoch or ISO 8601 with its offset."""
    if created is None:
        return None
    try:
        if not isinstance(created, str):
            return datetime.fromtimestamp(created, UTC)
        moment = datetime.fromisoformat(created)
    except (ValueError, OverflowError, OSError) as error:
        raise BadRequest("created is no time") from error
    if moment.tzinfo is None:
        raise BadRequest("created has no offset from UTC")
    return moment.astimezone(UTC)


def render_recorded(recorded: Recorded) -> Wire:
    """``verification`` is how good this very evidence is, not what the conversion has from elsewhere."""
    document: Wire = {"received": True, "status": "not_recorded"}
    if recorded.level is not None:
        document["status"] = "already_recorded" if recorded.is_replay else "conversion_recorded"
        document["verification"] = recorded.level.value
    if recorded.conversion is not None:
        document["conversionId"] = ulid_of(recorded.conversion.id)
    if recorded.reason is not None:
        document["reason"] = recorded.reason
    return document
