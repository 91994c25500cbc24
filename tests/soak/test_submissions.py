"""A small run of what `python -m tests.soak --submissions` does for long."""

from pathlib import Path

import pytest

from tests.soak.submissions import run

NUMBER = 200


# Minutes only where eight others keep the machine busy.
@pytest.mark.timeout(300)
async def test_every_submission_has_one_end_and_one_charge(database: str, tmp_path: Path) -> None:
    verdict = await run(database, tmp_path, number=NUMBER, seed=7, is_quick=True)
    assert (verdict.broken, verdict.charged_twice) == ([], 0)
    assert verdict.ended.total() == NUMBER
    assert verdict.ended["done"] > NUMBER / 2
    assert verdict.kills > 0
