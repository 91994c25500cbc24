"""The run: each check once, against one tenant."""

from collections.abc import Callable

import conformance.c2a.checks  # noqa: F401 - registers the checks
from conformance.c2a.inputs import Inputs
from conformance.c2a.tenant import Tenant
from conformance.registry import Check, checks_for
from conformance.run import Result, verdict
from conformance.wire import Client

DIALECT = "c2a"


def chosen(only: frozenset[str] = frozenset()) -> list[Check]:
    """All checks, or those of the groups and names in `only` (with or without the dialect)."""
    return [
        each
        for each in checks_for(DIALECT)
        if not only or only & {each.id, each.id.partition(".")[2], each.id.split(".")[1]}
    ]


async def run(inputs: Inputs, told: Callable[[Result], None] = lambda _: None) -> list[Result]:
    """Run the checks; `told` hears each result as it comes."""
    async with Client(insecure=inputs.insecure, extra_headers=inputs.headers) as client:
        tenant = Tenant(client, inputs)
        results = []
        for each in chosen(inputs.only):
            results.append(await verdict(each, tenant, client, strict=inputs.strict))
            told(results[-1])
        return results
