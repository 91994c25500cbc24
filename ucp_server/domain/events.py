"""What follows from a change: delivery jobs, rows that are written with it and done afterwards."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from ucp_server.domain.attribution import Attribution
from ucp_server.domain.checkout import Subscriber
from ucp_server.domain.money import Money
from ucp_server.domain.order import Order
from ucp_server.domain.tools import SoldAs


class JobKind(StrEnum):
    """What a delivery job does. Each kind has one retry rule."""

    WEBHOOK = "webhook"  # tell the platform of the order
    MAIL = "mail"  # tell the buyer
    CAPTURE = "capture"  # take the authorised money
    VOID = "void"  # give an authorisation back
    REFUND = "refund"  # give captured money back
    RELEASE = "release"  # tell a stock kept elsewhere that held pieces are free again
    CONFIRM = "confirm"  # tell it that they are sold
    TOOL = "tool"  # have one of the merchant's tools fulfil a line
    SUBMIT = "submit"  # pay a checkout that was handed in whole
    EVIDENCE = "evidence"  # write an order into the ledger of recommendations


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the outbox.

    ``id`` is a UUIDv7 as text and stays the same over all tries (it is the event id on the wire).
    Jobs of one ``stream`` are done in the order of their ``sequence``, whatever their kind;
    ``payload`` is JSON: a `Notice` for webhooks and mail, a `MoneyMove` where money moves, a
    `StockMove` for stock kept elsewhere, a `ToolWork` for tools, a `Sale` for evidence, a
    `Submitted` (of ``store/submissions.py``) for checkouts that were handed in whole.
    """

    id: str
    merchant_id: str
    kind: JobKind
    stream: str
    sequence: int
    payload: bytes
    created_at: datetime
    subscriber: Subscriber | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The order as it was after ``what`` happened; ``about`` names its event, adjustment or tool run.

    ``served`` is told once: when every tool of the order has done its work, or was given up. The buyer
    hears of it where something was given up.
    """

    what: Literal["placed", "served", "shipped", "delivered", "canceled", "returned", "refunded", "changed"]
    order: Order
    about: str | None = None


class MoneyMove(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``amount_minor`` to capture, void or refund of an attempt; a refund names its adjustment."""

    attempt_id: str
    amount_minor: int
    order_id: str | None = None
    adjustment_id: str | None = None


class StockMove(msgspec.Struct, frozen=True, kw_only=True):
    """The hold that a stock kept elsewhere is to release or confirm."""

    hold_id: str


class ToolWork(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The run of an order that a tool is to do; ``sold_as`` is what its line was bought as."""

    order_id: str
    run_id: str
    sold_as: SoldAs


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a recommended checkout: an order that may go unpaid, be paid yet, or be undone."""

    order_id: str
    attribution: Attribution
    amount: Money
    at: datetime
    what: Literal["placed", "unpaid", "paid", "undone"]


# --- how a delivery ended ---


class Delivered(msgspec.Struct, frozen=True, tag=True):
    """The other side has it."""


class Retry(msgspec.Struct, frozen=True, tag=True):
    """Not this time; ``after_s`` when the other side said how long to wait."""

    text: str
    after_s: float | None = None


class Paused(msgspec.Struct, frozen=True, tag=True):
    """The other side wants no more for now (410): kept, in order, until the merchant goes on."""

    text: str


class Parked(msgspec.Struct, frozen=True, tag=True):
    """Trying again is pointless; kept for the merchant to look at and send again."""

    text: str


DeliveryOutcome = Delivered | Retry | Paused | Parked
