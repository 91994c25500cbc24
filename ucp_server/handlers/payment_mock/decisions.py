"""What becomes of a record: pure, so that it can be decided again when another was quicker."""

import hashlib

import msgspec

from ucp_server.domain.money import Money
from ucp_server.handlers.payment_mock.books import Action, Record
from ucp_server.handlers.payment_mock.tokens import Behaviour
from ucp_server.ports import (
    ActionNeeded,
    Approved,
    Declined,
    NotSent,
    Outcome,
    Settlement,
    Unknown,
)

_ACTIONS: dict[Settlement, Action] = {
    Settlement.CAPTURE: "capture",
    Settlement.VOID: "void",
    Settlement.REFUND: "refund",
}


class Refused(Exception):
    """The books do not allow it."""


def reference_of(key: str) -> str:
    return f"mock_{hashlib.sha256(key.encode()).hexdigest()[:20]}"


def opened(key: str, asked: Money, behaviour: Behaviour, now_s: float) -> Record:
    """The first decision about ``key``."""
    waits = behaviour.verdict == "pending" and behaviour.delay_s > 0
    return Record(
        reference=reference_of(key),
        status="none" if behaviour.trouble.endswith("_before") else behaviour.verdict,
        amount_minor=asked.minor + behaviour.amount_off_minor,
        asked_minor=asked.minor,
        currency=asked.currency,
        settles_at=now_s + behaviour.delay_s if waits else 0.0,
    )


def settled(record: Record, action: Settlement, amount_minor: int, action_key: str) -> Record:
    """Capture, void or refund once per ``action_key``; raises `Refused`."""
    done = (_ACTIONS[action], amount_minor)
    if action_key in record.actions:
        if record.actions[action_key] != done:
            raise Refused("this action key did something else")
        return record
    actions = {**record.actions, action_key: done}
    if action is Settlement.VOID:
        if record.captured_minor:
            raise Refused("what is captured is refunded, not voided")
        return msgspec.structs.replace(record, status="voided", actions=actions)
    if record.status != "approved" or amount_minor <= 0:
        raise Refused("there is nothing to settle")
    captured, refunded = record.captured_minor, record.refunded_minor
    if action is Settlement.CAPTURE:
        captured += amount_minor
    else:
        refunded += amount_minor
    if captured > record.amount_minor or refunded > captured:
        raise Refused("this is more than there is")
    return msgspec.structs.replace(
        record, captured_minor=captured, refunded_minor=refunded, actions=actions
    )


def answered(record: Record, *, is_confirmed: bool) -> Record:
    """The buyer's answer to the bank's question: the first one counts, and only while it is asked."""
    if record.status != "action_needed":
        return record
    return msgspec.structs.replace(record, status="approved" if is_confirmed else "declined")


def outcome_of(record: Record, now_s: float) -> Outcome:
    """The record as the engine is told of it."""
    match record.status:
        case "approved":
            return _approved(record)
        case "pending" if record.settles_at and now_s >= record.settles_at:
            return _approved(record)
        case "declined":
            return Declined("The payment was declined.")
        case "voided":
            return Declined("The payment was voided.", code="voided")
        case "action_needed":
            return ActionNeeded("The buyer has to confirm this payment.")
        case "none":
            return NotSent("The provider does not know this payment.")
        case _:
            return Unknown("The provider has not decided yet.")


def _approved(record: Record) -> Approved:
    amount = Money(record.amount_minor, record.currency)
    return Approved(record.reference, amount, captured=record.captured_minor > 0)
