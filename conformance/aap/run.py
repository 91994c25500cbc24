"""The run: each check once, against one network."""

from collections.abc import Callable

import conformance.aap.checks  # noqa: F401 - registers the checks
from conformance.aap.inputs import Inputs
from conformance.aap.network import DIALECT, Network
from conformance.registry import Check, checks_for
from conformance.run import Result, verdict
from conformance.wire import Client


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
        network = Network(client, inputs)
        results = []
        for each in chosen(inputs.only):
            results.append(await verdict(each, network, client, strict=inputs.strict))
            told(results[-1])
        return results
