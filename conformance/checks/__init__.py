"""The checks, group by group, in the order in which they run.

`always` comes last: it looks back at everything that was said.
"""

from conformance.checks import (  # noqa: I001 - the order of the imports is the order of the run
    discovery,
    negotiation,
    callers,
    checkout,
    update,
    authority,
    fulfillment,
    destinations,
    discount,
    consent,
    idempotency,
    complete,
    instruments,
    identity,
    errors,
    outcomes,
    events,
    signed_events,
    order,
    totals,
    state,
    always,
)

__all__ = [
    "always",
    "authority",
    "callers",
    "checkout",
    "complete",
    "consent",
    "destinations",
    "discount",
    "discovery",
    "errors",
    "events",
    "fulfillment",
    "idempotency",
    "identity",
    "instruments",
    "negotiation",
    "order",
    "outcomes",
    "signed_events",
    "state",
    "totals",
    "update",
]
