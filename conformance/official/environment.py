"""A throw-away virtual environment with what an official program needs and nothing of ours."""

import asyncio
import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

# An install from an index over a slow line; what takes longer is not being installed.
INSTALL_LIMIT_S = 600.0
# The suite declares its linter, its tests never import it; the SDK comes from a checkout.
NOT_FOR_THE_SUITE = frozenset({"ruff", "ucp-sdk"})


class PreparationFailed(Exception):
    """The environment cannot be made; the text is what the installer said last."""


def requirements(project: Path, without: frozenset[str] = NOT_FOR_THE_SUITE) -> list[str]:
    """What the project's own file asks for, less the named packages."""
    declared = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    wanted = [str(each) for each in declared.get("dependencies", [])]
    return [each for each in wanted if _name(each) not in without]


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower()


async def prepare(folder: Path, wanted: Sequence[str]) -> Path:
    """The interpreter of a new environment in `folder` with the wanted packages (or paths)."""
    await _run(sys.executable, "-m", "venv", str(folder))
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    await _run(*pip, *wanted)
    return python


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(INSTALL_LIMIT_S):
        said, _ = await process.communicate()
    if process.returncode:
        raise PreparationFailed(said.decode(errors="replace")[-2000:])
