"""The run: each check once, against one tenant."""

from collections.abc import Callable

import conformance.c2a.checks  # noqa: F401 - registers the checks
from conformance.c2a.inputs import Inputs
from conformance.c2a.tenant import Tenant
from conformance.registry import checks_of
from conformance.run import Result, verdicts
from conformance.wire import Client

DIALECT = "c2a"


async def run(inputs: Inputs, told: Callable[[Result], None] = lambda _: None) -> list[Result]:
    """Run the checks; `told` hears each result as it comes."""
    async with Client(insecure=inputs.insecure, extra_headers=inputs.headers) as client:
        tenant = Tenant(client, inputs)
        checks = checks_of(DIALECT, inputs.only)
        return await verdicts(checks, tenant, client, strict=inputs.strict, told=told)
