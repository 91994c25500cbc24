"""The run: each check once, against one network."""

from collections.abc import Callable

import conformance.aap.checks  # noqa: F401 - registers the checks
from conformance.aap.inputs import Inputs
from conformance.aap.network import DIALECT, Network
from conformance.registry import checks_of
from conformance.run import Result, verdicts
from conformance.wire import Client


async def run(inputs: Inputs, told: Callable[[Result], None] = lambda _: None) -> list[Result]:
    """Run the checks; `told` hears each result as it comes."""
    async with Client(insecure=inputs.insecure, extra_headers=inputs.headers) as client:
        network = Network(client, inputs)
        checks = checks_of(DIALECT, inputs.only)
        return await verdicts(checks, network, client, strict=inputs.strict, told=told)
