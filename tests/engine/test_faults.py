"""The fault points: each stands once in the source, and none does anything unless asked to."""

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest

import ucp_server
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.engine.faults import FAULT_POINTS, armed, fault_point, is_test_build

NEEDED = 25


def test_every_name_is_used_exactly_once() -> None:
    sources = Path(ucp_server.__file__).parent.rglob("*.py")
    used = Counter(
        name
        for path in sources
        for name in re.findall(r'await fault_point\(\s*"([^"]+)"', path.read_text())
    )
    assert used == Counter(FAULT_POINTS)
    assert len(FAULT_POINTS) >= NEEDED


async def test_an_unarmed_point_does_nothing() -> None:
    assert not is_test_build()
    for name in FAULT_POINTS:
        await fault_point(name)


async def test_an_armed_point_strikes_at_its_hit_and_only_there() -> None:
    with armed("create.quoted=raise@2, update.loaded=cancel"):
        await fault_point("create.quoted")
        with pytest.raises(StoreUnavailable):
            await fault_point("create.quoted")
        await fault_point("create.quoted")
        await fault_point("cancel.loaded")
        with pytest.raises(asyncio.CancelledError):
            await fault_point("update.loaded")
    await fault_point("update.loaded")


async def test_a_delay_lets_others_go_first() -> None:
    with armed("create.quoted=delay:1"):
        order = []

        async def slow() -> None:
            await fault_point("create.quoted")
            order.append("slow")

        async def quick() -> None:
            order.append("quick")

        await asyncio.gather(slow(), quick())
    assert order == ["quick", "slow"]


@pytest.mark.parametrize("plan", ["nowhere=kill", "create.quoted=explode", "create.quoted"])
def test_a_plan_that_names_nothing_is_refused(plan: str) -> None:
    with pytest.raises(ValueError, match="UCP_SERVER_FAULTS"), armed(plan):
        pass
