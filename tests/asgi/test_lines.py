import asyncio
import os
import threading
from collections.abc import Iterator

import msgspec
import pytest

from ucp_server.asgi import lines as module
from ucp_server.asgi.lines import Lines


@pytest.fixture
def file() -> Iterator[int]:
    fd = os.memfd_create("lines")
    yield fd
    os.close(fd)


def _read(fd: int) -> list[dict[str, object]]:
    return [msgspec.json.decode(line) for line in os.pread(fd, 10_000_000, 0).splitlines()]


async def test_lines_wait_for_a_batch_and_are_written_in_order(file: int) -> None:
    lines = Lines(file)
    for number in range(1_000):
        lines.write({"number": number})
    assert _read(file) == []
    lines.flush()
    assert [line["number"] for line in _read(file)] == list(range(1_000))


async def test_they_are_written_without_being_asked() -> None:
    read_end, write_end = os.pipe()
    lines = Lines(write_end)
    for number in (b"1", b"2"):
        lines.write({"number": int(number)})
        async with asyncio.timeout(10):
            written = await asyncio.to_thread(os.read, read_end, 1_000)
        assert written == b'{"number":' + number + b"}\n"
    os.close(read_end)
    os.close(write_end)


async def test_line_ends_in_a_value_make_no_second_line(file: int) -> None:
    lines = Lines(file)
    lines.write({"outcome": 'a\n{"request_id":"forged"}\r\n'})
    lines.flush()
    assert len(_read(file)) == 1


async def test_a_slow_reader_costs_lines_that_are_counted(file: int) -> None:
    lines = Lines(file)
    text = "a" * 1_000_000
    for _ in range(6):
        lines.write({"text": text})
    lines.flush()
    kept = module.PENDING_MAX // len(text)
    assert len(_read(file)) == kept + 1
    assert _read(file)[-1] == {"event": "lines_dropped", "count": 6 - kept}


async def test_a_full_pipe_is_waited_for_by_the_thread_not_by_the_loop() -> None:
    read_end, write_end = os.pipe()
    lines = Lines(write_end)
    for _ in range(3):
        lines.write({"text": "a" * 100_000})
    received = bytearray()

    def read_all() -> None:
        while piece := os.read(read_end, 65536):
            received.extend(piece)

    reader = threading.Thread(target=read_all)
    reader.start()
    lines.flush()
    os.close(write_end)
    reader.join(10)
    os.close(read_end)
    assert received.count(b"\n") == 3


async def test_an_unwritable_descriptor_costs_lines_and_nothing_else() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    lines = Lines(write_end)
    lines.write({"number": 1})
    lines.flush()
    os.close(write_end)
