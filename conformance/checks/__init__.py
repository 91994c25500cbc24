"""The checks, group by group, in the order in which they run.

`always` comes last: it looks back at everything that was said.
"""

from conformance.checks import (  # noqa: I001 - the order of the imports is the order of the run
    discovery,
    negotiation,
    checkout,
    update,
    authority,
    fulfillment,
    discount,
    consent,
    idempotency,
    complete,
    identity,
    errors,
    events,
    totals,
    state,
    always,
)

__all__ = [
    "always",
    "authority",
    "checkout",
    "complete",
    "consent",
    "discount",
    "discovery",
    "errors",
    "events",
    "fulfillment",
    "idempotency",
    "identity",
    "negotiation",
    "state",
    "totals",
    "update",
]
