import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.simulators.running import Proxy, proxy, until


class Upstream:
    """Answers every line with its upper case, and remembers all that it read."""

    def __init__(self) -> None:
        self.read = b""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self.read += line
            writer.write(line.upper())
            await writer.drain()
        writer.close()


@pytest.fixture
async def line():
    upstream = Upstream()
    server = await asyncio.start_server(upstream.take, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with proxy(f"127.0.0.1:{port}") as process:
            yield upstream, process


class Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def say(self, text: str) -> str:
        """The answer; "" when the line was cut instead."""
        async with asyncio.timeout(10):
            try:
                self._writer.write(text.encode() + b"\n")
                await self._writer.drain()
                return (await self._reader.readline()).decode().strip()
            except ConnectionError:
                return ""


@asynccontextmanager
async def calling(process: Proxy) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.close()


async def test_it_passes_everything_on(line: tuple[Upstream, Proxy]):
    upstream, process = line
    async with calling(process) as caller:
        assert await caller.say("begin") == "BEGIN"
        await process.control(slice={"bytes": 1}, latency_s=0.01)
        assert await caller.say("commit") == "COMMIT"
    assert upstream.read == b"begin\ncommit\n"
    await until(lambda: _closed(process))


async def _closed(process: Proxy) -> bool:
    return (await process.facts())["open"] == 0


@pytest.mark.parametrize(("when", "arrived"), [("before", False), ("after", True), ("answered", True)])
async def test_it_cuts_on_a_pattern(line: tuple[Upstream, Proxy], when: str, arrived: bool):
    upstream, process = line
    await process.control(cut_on={"text": "commit", "when": when, "nth": 2})
    async with calling(process) as caller:
        assert await caller.say("commit 1") == "COMMIT 1"
        assert await caller.say("commit 2") == ""
    if arrived:
        await until(lambda: b"commit 2" in upstream.read)
    await until(lambda: _closed(process))
    assert (b"commit 2" in upstream.read) is arrived
    assert (await process.facts())["cuts"] == 1
    async with calling(process) as other:
        assert await other.say("commit 3") == "COMMIT 3"


async def test_it_cuts_in_the_middle_of_an_answer(line: tuple[Upstream, Proxy]):
    _, process = line
    await process.control(cut_after={"bytes": 3, "way": "down"})
    async with calling(process) as caller:
        assert await caller.say("begin") in {"BEG", ""}


async def test_a_frozen_line_stays_open_and_silent(line: tuple[Upstream, Proxy]):
    upstream, process = line
    async with calling(process) as caller:
        assert await caller.say("one") == "ONE"
        await process.control(frozen=True)
        answer = asyncio.ensure_future(caller.say("two"))
        await process.control()
        assert upstream.read == b"one\n"
        await process.control(frozen=False)
        assert await answer == "TWO"


async def test_it_can_refuse_and_heal(line: tuple[Upstream, Proxy]):
    _, process = line
    await process.control(refusing=True)
    async with calling(process) as caller:
        assert await caller.say("x") == ""
    await process.control(reset=True)
    async with calling(process) as caller:
        assert await caller.say("x") == "X"
        await process.control(cut_all=True)
        assert await caller.say("y") == ""
