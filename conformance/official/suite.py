"""The suite's files: which tests they hold, how one is run, what came of each test."""

import ast
import asyncio
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

# The slowest file makes some forty purchases; offline, the one that fetches public addresses gives
# each of some twenty of them ten seconds.
FILE_LIMIT_S = 400.0

Verdict = Literal["pass", "fail", "not run"]
OUTCOME = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] (\w+\.\w+)", re.MULTILINE)
BLOCK = re.compile(
    r"^(?:FAIL|ERROR): (\w+) .*?\n(.*?)(?=^={20,}|^-{20,}\nRan |\Z)", re.MULTILINE | re.DOTALL
)


class Target(msgspec.Struct, frozen=True):
    """What the suite's flags say: the server, its data and the secret of its test hooks."""

    server_url: str
    data: Path
    simulation_secret: str


class Outcome(msgspec.Struct, frozen=True):
    """One test of the suite, as `Class.test_name`."""

    file: str
    name: str
    verdict: Verdict
    reason: str = ""


def files_of(suite: Path) -> list[Path]:
    return sorted(suite.glob("*_test.py"))


def declared_tests(file: Path) -> list[str]:
    """The tests of a file in the order in which they stand there."""
    tree = ast.parse(file.read_text())
    return [
        f"{each.name}.{member.name}"
        for each in tree.body
        if isinstance(each, ast.ClassDef)
        for member in each.body
        if isinstance(member, ast.FunctionDef) and member.name.startswith("test_")
    ]


async def run_file(python: Path, file: Path, target: Target) -> list[Outcome]:
    """Run one file as its own program; a test that left no outcome counts as not run."""
    agent_port, webhook_port = free_port(), free_port()
    process = await asyncio.create_subprocess_exec(
        str(python),
        file.name,
        f"--server_url={target.server_url}",
        f"--simulation_secret={target.simulation_secret}",
        f"--conformance_input={target.data / 'conformance_input.json'}",
        f"--test_data_dir={target.data}",
        f"--mock_agent_port={agent_port}",
        f"--mock_webhook_port={webhook_port}",
        cwd=file.parent,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(FILE_LIMIT_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        said = await process.stdout.read() if process.stdout else b""
        await process.wait()
    return list(read_outcomes(file.name, declared_tests(file), said.decode(errors="replace")))


def read_outcomes(file: str, declared: list[str], said: str) -> Iterator[Outcome]:
    """One result for each declared test, read from what the test runner printed."""
    outcomes = {name: word for word, name in OUTCOME.findall(said)}
    reasons = {name: _last_error(block) for name, block in BLOCK.findall(said)}
    for name in declared:
        match outcomes.get(name):
            case "OK":
                yield Outcome(file, name, "pass")
            case "FAILED":
                yield Outcome(file, name, "fail", reasons.get(name.partition(".")[2], ""))
            case _:
                yield Outcome(file, name, "not run", said.strip().rpartition("\n")[2])


def _last_error(block: str) -> str:
    """The line that names the exception: the first that stands at the margin after the trace."""
    lines = [line for line in block.splitlines() if re.match(r"[A-Za-z_.]+(Error|Exception)\b", line)]
    return lines[-1].strip() if lines else ""


def free_port() -> int:
    """A port that was free a moment ago; the suite's own helpers take no socket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
