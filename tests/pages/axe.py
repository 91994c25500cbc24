"""What axe-core finds on a page that keeps people out."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Frame, Page

PROGRAM = Path(__file__).parents[2] / ".axe/node_modules/axe-core/axe.min.js"
AXE = pytest.mark.skipif(
    not PROGRAM.exists(), reason=f"NO AXE: accessibility was not looked at, {PROGRAM} was not fetched"
)
# WCAG 2.2 AA, and what axe's makers advise beyond it.
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@cache
def program() -> str:
    return PROGRAM.read_text()


async def findings(page: Page | Frame, *rules: str) -> list[str]:
    """What is wrong, by rule and place; all that ``TAGS`` have, or only ``rules``."""
    asked = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    options: dict[str, Any] = {"runOnly": asked, "resultTypes": ["violations"], "iframes": False}
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(program())
    found = await page.evaluate("async (options) => (await axe.run(options)).violations", options)
    return [
        f"{rule['impact']}: {rule['id']}: {node['target']}: {node['html'][:120]}"
        for rule in found
        for node in rule["nodes"]
    ]
