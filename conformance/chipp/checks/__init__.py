"""The checks, group by group, in the order in which they run."""

from conformance.chipp.checks import (  # noqa: I001 - the order of the imports is the order of the run
    discovery,
    access,
    sessions,
    idempotency,
    completing,
    errors,
    events,
)

__all__ = ["access", "completing", "discovery", "errors", "events", "idempotency", "sessions"]
