"""A throw-away virtual environment with what the suite needs and nothing of ours."""

import asyncio
import re
import sys
import tomllib
from pathlib import Path

# An install from an index over a slow line; a suite that takes longer is not being installed.
INSTALL_LIMIT_S = 600.0
# The suite declares them for its own development, its tests never import them.
NOT_NEEDED = frozenset({"ruff"})
# Installed from the checkout that was named, not from an index.
LOCAL = "ucp-sdk"


class PreparationFailed(Exception):
    """The environment cannot be made; the text is what the installer said last."""


def requirements(suite: Path) -> list[str]:
    """What the suite's own project file asks for, less its linter and the local SDK."""
    project = tomllib.loads((suite / "pyproject.toml").read_text())["project"]
    wanted = [str(each) for each in project.get("dependencies", [])]
    return [each for each in wanted if _name(each) not in NOT_NEEDED | {LOCAL}]


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower()


async def prepare(suite: Path, sdk: Path, folder: Path) -> Path:
    """The interpreter of a new environment in `folder` that can run the suite."""
    await _run(sys.executable, "-m", "venv", str(folder))
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    await _run(*pip, str(sdk), *requirements(suite))
    return python


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(INSTALL_LIMIT_S):
        said, _ = await process.communicate()
    if process.returncode:
        raise PreparationFailed(said.decode(errors="replace")[-2000:])
