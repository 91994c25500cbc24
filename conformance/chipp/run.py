"""The run: each check of the dialect once, and its verdict."""

import contextlib
from collections.abc import Callable

import conformance.chipp.checks  # noqa: F401 - registers the checks
from conformance.chipp.application import Application
from conformance.chipp.hooks import Hooks
from conformance.chipp.inputs import Inputs
from conformance.registry import checks_for
from conformance.run import Result, verdicts
from conformance.wire import Client


async def run(inputs: Inputs, told: Callable[[Result], None] = lambda _: None) -> list[Result]:
    """Run the checks against the application; `told` hears each result as it comes."""
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            Client(insecure=inputs.insecure, extra_headers=inputs.headers)
        )
        hooks = await stack.enter_async_context(Hooks(inputs.hook_port)) if inputs.hook_port else None
        application = Application(client, inputs, hooks)
        checks = checks_for("chipp", inputs.only)
        return await verdicts(checks, application, client, strict=inputs.strict, told=told)
