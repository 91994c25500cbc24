"""Processes of a bench: how they end, what they cost."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
STOP_S = 10.0
# Fields of /proc/PID/stat behind the command's closing bracket (proc(5)), counted from 0.
_PARENT = 1
# Its own time in user and system mode, and that of the children it has buried.
_TIMES = slice(11, 15)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder for one run."""
    with tempfile.TemporaryDirectory(prefix="ucp-bench-") as name:
        folder = Path(name)
        # The account that root lends to Postgres has to get through.
        folder.chmod(0o755)
        yield folder


async def until_stopped() -> None:
    """Until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


@asynccontextmanager
async def spawned(
    module: str, *arguments: str, log: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """``python -m module``, ended by SIGTERM."""
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            stdout=out,
            stderr=out,
            cwd=REPOSITORY,
            env=os.environ | (environment or {}),
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            async with asyncio.timeout(STOP_S):
                await process.wait()


async def ask(module: str, question: bytes) -> bytes:
    """What ``python -m module`` prints when it is given ``question``; RuntimeError when it fails."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
    )
    answer, errors = await process.communicate(question)
    if process.returncode != 0:
        raise RuntimeError(f"{module} failed:\n{errors.decode()[-4000:]}")
    return answer


def cpu_s(roots: Iterable[int]) -> float:
    """Seconds of processor that ``roots`` and all below them have used."""
    fields = _fields()
    return sum(sum(map(int, fields[pid][_TIMES])) for pid in _family(roots, fields)) / TICKS_PER_S


def family(roots: Iterable[int]) -> set[int]:
    """``roots`` and all below them, as far as they live."""
    return _family(roots, _fields())


def _family(roots: Iterable[int], fields: Mapping[int, list[str]]) -> set[int]:
    members = set(roots)
    for _ in range(len(fields)):
        grown = members | {pid for pid, stat in fields.items() if int(stat[_PARENT]) in members}
        if grown == members:
            break
        members = grown
    return members & fields.keys()


def _fields() -> dict[int, list[str]]:
    return {pid: stat for pid, stat in map(_stat, _pids()) if stat}


def _pids() -> Iterable[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _stat(pid: int) -> tuple[int, list[str]]:
    try:
        return pid, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return pid, []
