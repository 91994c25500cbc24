"""What follows from a change: delivery jobs, rows that are written with it and done afterwards."""

from datetime import datetime
from enum import StrEnum

import msgspec

from ucp_server.domain.checkout import Subscriber


class JobKind(StrEnum):
    """What a delivery job does. Each kind has one retry rule."""

    WEBHOOK = "webhook"  # tell the platform of the order
    MAIL = "mail"  # tell the buyer
    CAPTURE = "capture"  # take the authorised money
    VOID = "void"  # give an authorisation back
    REFUND = "refund"  # give captured money back


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the outbox.

    ``id`` is a UUIDv7 as text and stays the same over all tries (it is the event id on the wire).
    Jobs of one ``stream`` are done in the order of their ``sequence``; ``payload`` is JSON whose
    shape belongs to the kind.
    """

    id: str
    merchant_id: str
    kind: JobKind
    stream: str
    sequence: int
    payload: bytes
    created_at: datetime
    subscriber: Subscriber | None = None
