"""What the constraints of the schema say, by their names: the database decides who wins."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg


class Violation(Exception):
    """A constraint refused the statement; nothing of it was written."""


class KeyTaken(Violation):
    """The idempotency key has a claim already."""


class RowExists(Violation):
    """A row with this id is there: our own statement, committed earlier without our knowing."""


class AttemptOpen(Violation):
    """Another attempt may be moving money for this checkout."""


class StockShort(Violation):
    """Fewer pieces are left than wanted."""


class CorrelationTaken(Violation):
    """The caller has handed in something else, or the same, under this name of its own."""


class AmountExceeded(Violation):
    """More would be captured than was authorised, or refunded than was captured."""


class EventKnown(Violation):
    """The source told of this event before."""


class EntryTaken(Violation):
    """Others added to the conversion at the same moment, or opened it."""


class HandleTaken(Violation):
    """Somebody has this handle."""


# Partitions have names of their own for the constraint of their parent.
_BY_NAME: Final = (
    (re.compile(r"claims(_\d+)?_pkey"), KeyTaken),
    (
        re.compile(
            r"(checkouts|orders)(_\w+)?_pkey|(attempts|carts|outbox|submissions)_pkey|attempts_psp_key"
        ),
        RowExists,
    ),
    (re.compile(r"submissions_correlation"), CorrelationTaken),
    (re.compile(r"attempts_one_open"), AttemptOpen),
    (re.compile(r"inventory_reserved_on_hand"), StockShort),
    (re.compile(r"attempts_captured_amount|attempts_refunded_captured"), AmountExceeded),
    (re.compile(r"ledger_event"), EventKnown),
    (re.compile(r"ledger_order|ledger_conversion"), EntryTaken),
    (re.compile(r"handles_pkey|evidence_sources_pkey"), HandleTaken),
)


@contextmanager
def violations() -> Iterator[None]:
    """Raise a `Violation` for the constraints above; any other one is a defect and passes through."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        name = error.constraint_name or ""
        for pattern, kind in _BY_NAME:
            if pattern.fullmatch(name):
                raise kind(name) from error
        raise
