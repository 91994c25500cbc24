"""The replacement of processes, with processes that only live and die."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from tests.serving import until
from ucp_server.supervisor import slot as slots
from ucp_server.supervisor.roles import Role
from ucp_server.supervisor.slot import NeverServed, Slot


class Mayfly:
    """Stands in for a Child: serves or not, and ends when it is told to."""

    def __init__(self, pid: int, *, serves: bool) -> None:
        self.pid = pid
        self.started_at = time.monotonic()
        self._serves = serves
        self._ended = asyncio.Event()
        self.code = 0
        if not serves:
            self.end(1)

    async def ready(self) -> bool:
        return self._serves

    async def wait(self) -> int:
        await self._ended.wait()
        return self.code

    def end(self, code: int) -> None:
        self.code = code
        self._ended.set()

    def drain(self) -> None:
        self.end(0)

    def kill(self) -> None:
        self.end(-9)


class Nest:
    """Makes mayflies and remembers them."""

    def __init__(self, *, serves: bool = True) -> None:
        self.born: list[Mayfly] = []
        self.serves = serves
        self.said: list[str] = []
        self.buried: list[int] = []
        self.slot = Slot(self._hatch, Role.PUBLIC, self.said.append, self.buried.append)

    async def _hatch(self) -> Mayfly:
        self.born.append(Mayfly(len(self.born) + 1, serves=self.serves))
        return self.born[-1]

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.slot.keep())
        await self.slot.serving.wait()
        try:
            yield
        finally:
            await self.slot.stop(1)
            await task


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "BACKOFF_MIN_S", 0.001)
    monkeypatch.setattr(slots, "BACKOFF_MAX_S", 0.004)


async def test_a_dead_process_is_buried_told_and_replaced() -> None:
    nest = Nest()
    async with nest.kept():
        nest.born[0].end(-9)
        await until(lambda: len(nest.born) == 2)
    assert nest.buried == [1, 2]
    assert "public process 1 was ended by signal 9" in nest.said[0]


async def test_one_that_keeps_dying_is_replaced_for_ever() -> None:
    nest = Nest()
    async with nest.kept():
        for count in range(1, 8):
            nest.born[-1].end(3)
            await until(lambda count=count: len(nest.born) == count + 1)
    assert nest.said[0].startswith("public process 1 ended with exit code 3")


def test_the_waits_grow_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [slots.backoff_s(failures) for failures in (1, 2, 3, 7, 20)] == [0.1, 0.2, 0.4, 5.0, 5.0]


async def test_one_that_never_served_is_given_up() -> None:
    nest = Nest(serves=False)
    with pytest.raises(NeverServed, match="ended 3 times before it served"):
        await nest.slot.keep()
    assert len(nest.born) == slots.FIRST_TRIES_MAX


async def test_a_replacement_serves_before_the_old_one_drains() -> None:
    nest = Nest()
    async with nest.kept():
        await nest.slot.replace()
        assert [child.pid for child in nest.born] == [1, 2]
        assert nest.slot.child is nest.born[1]
        await until(lambda: nest.buried == [1])
        nest.born[1].end(-9)
        await until(lambda: len(nest.born) == 3)


async def test_a_replacement_that_does_not_serve_leaves_the_old_one_alone() -> None:
    nest = Nest()
    async with nest.kept():
        nest.serves = False
        await nest.slot.replace()
        assert nest.slot.child is nest.born[0]
        assert "the old one stays" in nest.said[0]


async def test_one_that_does_not_drain_in_time_is_killed() -> None:
    nest = Nest()
    task = asyncio.create_task(nest.slot.keep())
    await nest.slot.serving.wait()
    nest.born[0].drain = lambda: None  # type: ignore[method-assign]  # deaf
    await nest.slot.stop(0.01)
    await task
    assert nest.born[0].code == -9
    assert "did not drain" in nest.said[0]
