"""The command line of the official runner."""

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from conformance.official.environment import PreparationFailed, prepare, requirements
from conformance.official.serving import StartFailed, served
from conformance.official.suite import Outcome, Target, files_of, run_file
from conformance.official.table import table

FAILED, NOT_RUN = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all passed but the allowed ones; 1: a test failed; 2: the suite could not be run."""
    options = _parser().parse_args(arguments)
    try:
        target, results = asyncio.run(_run(options))
    except (PreparationFailed, StartFailed) as error:
        print(error)
        return NOT_RUN
    text = table(results, options.suite, options.sdk, target)
    print(text)
    if options.output is not None:
        options.output.write_text(text)
    broken = [each for each in results if each.verdict != "pass"]
    return FAILED if {each.name for each in broken} - set(options.allow) else 0


async def _run(options: argparse.Namespace) -> tuple[Target, list[Outcome]]:
    data: Path = options.data.resolve()
    secret = options.simulation_secret or uuid4().hex
    async with contextlib.AsyncExitStack() as stack:
        python: Path | None = options.python
        if python is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ucp-official-"))
            wanted = [str(options.sdk.resolve()), *requirements(options.suite)]
            python = await prepare(Path(folder), wanted)
        target = Target(options.server, data, secret)
        if options.serve:
            target = await stack.enter_async_context(served(data, secret))
        results = []
        for file in files_of(options.suite.resolve()):
            results += await run_file(python, file, target)
            print(f"{file.name}: {_tally(file.name, results)}", flush=True)
        return target, results


def _tally(file: str, results: list[Outcome]) -> str:
    of_file = [each.verdict for each in results if each.file == file]
    return f"{of_file.count('pass')} of {len(of_file)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.official",
        description="Run the official suite's files, unchanged, one by one, against a server.",
    )
    add = parser.add_argument
    add("--suite", type=Path, required=True, help="checkout of the suite (fdced3a)")
    add("--sdk", type=Path, required=True, help="checkout of its python-sdk (8896ad6)")
    add("--data", type=Path, required=True, help="the suite's shop, which the server has loaded")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--server", default="", help="URL of a running server")
    where.add_argument("--serve", action="store_true", help="start our own server in suite mode")
    add("--simulation-secret", default="", help="opens the running server's test hooks")
    add("--python", type=Path, help="an interpreter that has what the suite needs")
    add("--allow", action="append", default=[], metavar="CLASS.TEST", help="may fail, as offline")
    add("--output", type=Path, help="write the result table there")
    return parser
