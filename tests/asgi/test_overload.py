import asyncio

from starlette.types import Receive, Scope, Send

from tests.asgi.calling import call, scope_of
from tests.asgi.listening import stall
from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.limits import Limits
from ucp_server.asgi.overload import TICK_S, LagWatch, Overload
from ucp_server.asgi.reply import json_reply, plain_refusal


async def test_more_than_the_most_at_once_are_told_to_come_back() -> None:
    begun, leave = asyncio.Event(), asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await leave.wait()
        await json_reply(200, {})(scope, receive, send)

    overload = Overload(waits, limits=Limits(in_flight_max=1, lag_max_s=None), refuse=plain_refusal)
    first = asyncio.create_task(call(overload, scope_of("/a")))
    await begun.wait()
    scope = scope_of("/b")
    shed = await call(overload, scope)
    assert shed is not None
    assert (shed.status, shed.code(), shed.header("retry-after")) == (503, "overloaded", "1")
    assert shed.header("connection") is None
    assert facts_of(scope)["guard"] == "overloaded"
    leave.set()
    answered = await first
    assert answered is not None
    assert answered.status == 200
    assert overload.in_flight == 0


async def test_a_failure_gives_the_place_back() -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError

    overload = Overload(fails, limits=Limits(in_flight_max=1), refuse=plain_refusal)
    for _ in range(3):
        try:
            await call(overload, scope_of())
        except ValueError:
            continue
    assert overload.in_flight == 0


async def _seen(watch: LagWatch, *, late: bool) -> bool:
    for _ in range(1_000):
        if (watch.look() > TICK_S) == late:
            return True
        await asyncio.sleep(TICK_S / 10)
    return False


async def test_a_stall_of_the_loop_is_seen_and_forgotten() -> None:
    watch = LagWatch()
    assert watch.look() == 0.0
    stall(TICK_S + 0.1)
    assert await _seen(watch, late=True)
    assert await _seen(watch, late=False)
    watch.stop()


def test_the_watch_follows_the_loop_that_runs() -> None:
    watch = LagWatch()

    async def look() -> float:
        return watch.look()

    assert asyncio.run(look()) == 0.0
    assert asyncio.run(look()) == 0.0


async def test_what_begins_something_is_shed_before_what_goes_on() -> None:
    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await json_reply(200, {})(scope, receive, send)

    waiting = 0
    limits = Limits(queue_new_max=2)
    overload = Overload(
        answers,
        limits=limits,
        refuse=plain_refusal,
        begins=lambda scope: scope["method"] == "POST",
        queue=lambda: waiting,
    )

    async def statuses() -> list[int]:
        told = [await call(overload, scope_of("/a", method=method)) for method in ("POST", "PUT", "GET")]
        return [reply.status for reply in told if reply is not None]

    assert await statuses() == [200, 200, 200]
    waiting = 2
    assert await statuses() == [503, 200, 200]
    assert overload.in_flight == 0


async def refused(*headers: tuple[bytes, bytes], body: bytes = b"{}"):
    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError

    overload = Overload(never, limits=Limits(in_flight_max=0, linger_s=0.05), refuse=plain_refusal)
    shed = await call(overload, scope_of("/a", *headers, method="POST"), body)
    assert shed is not None
    assert (shed.status, shed.header("retry-after")) == (503, "1")
    return shed


async def test_whoever_is_shed_keeps_its_connection() -> None:
    shed = await refused((b"content-length", b"2"))
    assert shed.header("connection") is None


async def test_a_connection_that_could_be_read_in_two_ways_is_not_kept() -> None:
    shed = await refused((b"content-length", b"2"), (b"transfer-encoding", b"chunked"))
    assert shed.header("connection") == "close"
    shed = await refused((b"content-length", b"99999999"))
    assert shed.header("connection") == "close"
