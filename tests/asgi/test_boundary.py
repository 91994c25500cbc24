import asyncio

from tests.asgi.calling import scope_of
from ucp_server.asgi.boundary import CAUSES_MAX, FRAMES_MAX, crash_line

CANARY = "tok_4111111111111111"


def _fail(token: str) -> None:
    raise KeyError(token)


def _caught(depth: int = 0) -> BaseException:
    try:
        if depth:
            raise ValueError(CANARY) from _caught(depth - 1)
        _fail(CANARY)
    except (KeyError, ValueError) as error:
        return error
    raise AssertionError


def _recursing(depth: int) -> None:
    if depth == 0:
        raise asyncio.InvalidStateError(CANARY)
    _recursing(depth - 1)


def test_the_line_names_type_and_places_and_nothing_that_was_said() -> None:
    line = crash_line(scope_of(), _caught())
    assert line["exception"] == "builtins.KeyError"
    assert [str(frame).split()[-1] for frame in line["frames"]] == ["_caught", "_fail"]  # type: ignore[attr-defined]
    assert CANARY not in str(line)


def test_causes_are_named_and_bounded() -> None:
    line = crash_line(scope_of(), _caught(depth=CAUSES_MAX + 3))
    assert line["causes"] == ["builtins.ValueError"] * CAUSES_MAX


def test_frames_are_bounded() -> None:
    try:
        _recursing(100)
    except asyncio.InvalidStateError as error:
        line = crash_line(scope_of(), error)
    assert len(line["frames"]) == FRAMES_MAX  # type: ignore[arg-type]
