"""The checks, group by group, in the order in which they run."""

from conformance.aap.checks import (  # noqa: I001 - the order of the imports is the order of the run
    access,
    offers,
    checkout,
    authority,
    codes,
    tools,
    links,
    conversions,
    evidence,
    always,
)

__all__ = [
    "access",
    "always",
    "authority",
    "checkout",
    "codes",
    "conversions",
    "evidence",
    "links",
    "offers",
    "tools",
]
