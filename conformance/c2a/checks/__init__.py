"""The checks, group by group, in the order in which they run."""

from conformance.c2a.checks import (  # noqa: I001 - the order of the imports is the order of the run
    callers,
    offers,
    checkout,
    names,
    status,
    correlation,
    methods,
    always,
)

__all__ = ["always", "callers", "checkout", "correlation", "methods", "names", "offers", "status"]
