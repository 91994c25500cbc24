"""The run: each check once, its verdict, and what was said when it failed."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

import conformance.checks  # noqa: F401 - registers the checks
from conformance.inputs import Inputs
from conformance.platform import Platform
from conformance.registry import Broken, Check, Lacking, checks_for
from conformance.shop import Shop, Unreachable, discover
from conformance.wire import Client, Exchange

Verdict = Literal["pass", "fail", "warn", "skip"]


class Result(msgspec.Struct, frozen=True):
    """What came of one check; `shown_by` is the exchange that shows a failure."""

    check: Check
    verdict: Verdict
    reason: str = ""
    shown_by: Exchange | None = None


async def run(inputs: Inputs, told: Callable[[Result], None] = lambda _: None) -> list[Result]:
    """Run the checks of the release against the shop; `told` hears each result as it comes.

    Raises Unreachable when there is no profile of the release to begin with.
    """
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            Client(insecure=inputs.insecure, extra_headers=inputs.headers)
        )
        try:
            discovery = await discover(client, inputs)
            platform = None
            if not inputs.profile:
                platform = await stack.enter_async_context(Platform(inputs.release))
            shop = Shop(client, inputs, discovery, platform)
        except Broken as error:
            raise Unreachable(str(error)) from error
        chosen = checks_for(inputs.release, inputs.only)
        return await verdicts(chosen, shop, client, strict=inputs.strict, told=told)


async def verdicts(
    checks: Iterable[Check],
    shown: object,
    client: Client,
    *,
    strict: bool,
    told: Callable[[Result], None],
) -> list[Result]:
    """What comes of the checks, one after the other; `told` hears each result as it comes."""
    results = []
    for each in checks:
        results.append(await verdict(each, shown, client, strict=strict))
        told(results[-1])
    return results


async def verdict(check: Check, shown: object, client: Client, *, strict: bool) -> Result:
    """What comes of the check when it is ``shown`` a shop; what was said stands in the client's journal."""
    said_before = len(client.journal)
    try:
        await check.body(shown)
    except Lacking as error:
        return Result(check, "skip", f"needs {error}")
    except Broken as error:
        said = client.journal[said_before:]
        shown_by = error.shown_by or (said[-1] if said else None)
        mild = check.advice and not strict
        return Result(check, "warn" if mild else "fail", str(error), shown_by)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        # The shop's document lacks a member or has one of a wrong type where the check reads it.
        said = client.journal[said_before:]
        reason = f"the reply is not of the expected form: {type(error).__name__} {error}"
        return Result(check, "fail", reason, said[-1] if said else None)
    return Result(check, "pass")
