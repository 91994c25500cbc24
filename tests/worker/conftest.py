from pathlib import Path

import pytest

from tests.engine.world import make_setup
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.store.database import Pool


@pytest.fixture
def setup(pool: Pool, tmp_path: Path) -> Setup:
    return make_setup(pool, tmp_path / "books.jsonl")


@pytest.fixture
def engine(setup: Setup) -> Engine:
    return Engine(setup)
