"""What is published: built, installed into an empty environment, run from elsewhere."""

import asyncio
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import httpx2
import pytest
from packaging.requirements import Requirement

from tests.conftest import quick_folder
from tests.serving import REPOSITORY, prepared

LOCK = REPOSITORY / "requirements.lock"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([*PIP, "wheel", "--no-deps", "-w", folder, REPOSITORY], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture
def installed(wheel: Path) -> Iterator[Path]:
    """An environment that holds what the lock names and the wheel, nothing else."""
    folder = quick_folder()
    venv.create(folder / "venv")
    python = folder / "venv" / "bin" / "python"
    into = [*PIP[:3], "--python", str(python), *PIP[3:], "install", "--no-deps", "--no-compile"]
    subprocess.run([*into, "--require-hashes", "-r", LOCK], check=True)
    subprocess.run([*into, wheel], check=True)
    yield folder
    shutil.rmtree(folder)


def test_the_wheel_carries_what_the_program_reads(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    for wanted in (
        "ucp_server/data/schemas/ucp/2026-01-11/checkout.json",
        "ucp_server/data/demo_shop/products.csv",
        "ucp_server/store/migrations/0001_shop_and_checkouts.sql",
    ):
        assert wanted in names
    assert any(name.startswith("ucp_server/data/profiles/") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "conformance/"))]


async def test_the_wheel_sells_from_an_empty_environment(installed: Path) -> None:
    options = ["--mode", "demo", "--data-dir", str(installed / "data"), "--workers", "1"]
    async with prepared(installed, *options) as shop:
        shop.program = [installed / "venv" / "bin" / "ucp-server"]
        await shop.start()
        async with httpx2.AsyncClient() as client:
            assert (await client.get(f"{shop.http}/healthz")).status_code == 200
        assert "ucp-server buy " in shop.output
        buying = await asyncio.create_subprocess_exec(
            *(*shop.program, "buy", shop.https, "--item", "gift-card-25"),
            stdout=asyncio.subprocess.PIPE,
            cwd=installed,
        )
        told, _ = await buying.communicate()
        assert b"its signature is the shop's" in told, told.decode()
        assert buying.returncode == 0
        assert await shop.stop() == 0


def _declared() -> list[Requirement]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return [
        Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["embedded"]
    ]


def test_the_lock_holds_every_dependency_in_a_version_that_is_allowed() -> None:
    locked = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", LOCK.read_text(), re.MULTILINE))
    for requirement in _declared():
        assert locked[requirement.name.lower()] in requirement.specifier, requirement


def test_the_lock_has_hashes_and_no_addresses() -> None:
    text = LOCK.read_text()
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)
