import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.simulators.profiles import RAW, VARIANTS, good
from ucp_server.handlers.fetch_guarded import GuardedFetch
from ucp_server.ports import FetchCode, Fetched, FetchRefused
from ucp_server.ucp.profiles_cache import (
    BACK_OFF_MAX_S,
    FETCHES_AT_ONCE,
    FETCHES_PER_S,
    KEPT_BYTES_MAX,
    PROFILE_BYTES_MAX,
    PROFILES_MAX,
    STALE_S,
    TTL_MAX_S,
    TTL_MIN_S,
    Busy,
    InvalidUrl,
    Malformed,
    ProfileCache,
    ProfileError,
    Unreachable,
    decode_profile,
)

URL = "https://platform.example/profile"
GOOD = json.dumps(good("https://platform.example/hooks")).encode()


class SteppedClock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 11, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def step(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class Origin:
    """The port `Fetch` with one answer for all; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Fetched | FetchRefused = Fetched(200, (), GOOD)
        self.arrived = asyncio.Semaphore(0)
        self.open = asyncio.Event()
        self.open.set()

    async def get(self, url: str, *, accept: str, max_bytes: int, timeout_s: float) -> Fetched:
        assert (accept, max_bytes, timeout_s) == ("application/json", PROFILE_BYTES_MAX, 3.0)
        self.asked.append(url)
        self.arrived.release()
        await self.open.wait()
        if isinstance(self.answer, FetchRefused):
            raise self.answer
        return self.answer

    async def post(self, *_: object, **__: object) -> Fetched:
        raise AssertionError("profiles are read only")


@pytest.fixture
def origin() -> Origin:
    return Origin()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
async def cache(origin: Origin, clock: SteppedClock):
    made = ProfileCache(origin, clock)
    yield made
    await made.close()


async def settled(cache: ProfileCache) -> None:
    """Every fetch behind somebody's back has ended."""
    async with asyncio.timeout(10):
        while cache._running:
            await asyncio.wait(cache._running.values())


async def test_one_fetch_serves_all_who_wait(cache: ProfileCache, origin: Origin):
    origin.open.clear()
    waiting = [asyncio.ensure_future(cache.get(URL)) for _ in range(500)]
    hung_up = waiting.pop()
    await origin.arrived.acquire()
    hung_up.cancel()
    origin.open.set()
    profiles = await asyncio.gather(*waiting)
    assert origin.asked == [URL]
    assert profiles[0].document["ucp"]["version"] == "2026-01-11"
    assert all(profile is profiles[0] for profile in profiles)


async def test_a_failure_nobody_waits_for_ends_quietly(cache: ProfileCache, origin: Origin):
    origin.open.clear()
    origin.answer = FetchRefused("unreachable", "gone")
    waiting = asyncio.ensure_future(cache.get(URL))
    await origin.arrived.acquire()
    waiting.cancel()
    origin.open.set()
    await settled(cache)
    with pytest.raises(Unreachable):
        await cache.get(URL)


@pytest.mark.parametrize(
    ("said", "lifetime_s"),
    [
        ((), TTL_MIN_S),
        (("max-age=1",), TTL_MIN_S),
        (("public, max-age=600",), 600),
        (("public", "Max-Age=600"), 600),
        (('max-age="600"',), 600),
        (("max-age=600, no-cache",), TTL_MIN_S),
        (("no-store",), TTL_MIN_S),
        (("max-age=99999999",), TTL_MAX_S),
        (("max-age=-1",), TTL_MIN_S),
        (("s-maxage=600",), TTL_MIN_S),
        (("max-age=soon",), TTL_MIN_S),
    ],
)
async def test_it_lives_as_long_as_its_origin_says_within_bounds(
    cache: ProfileCache, origin: Origin, said: tuple[str, ...], lifetime_s: int
):
    origin.answer = Fetched(200, tuple(("cache-control", value) for value in said), GOOD)
    profile = await cache.get(URL)
    assert (profile.fresh_until - profile.fetched_at).total_seconds() == lifetime_s


async def test_an_old_one_is_served_while_a_new_one_comes(
    cache: ProfileCache, origin: Origin, clock: SteppedClock
):
    first = await cache.get(URL)
    clock.step(TTL_MIN_S - 1)
    assert await cache.get(URL) is first
    assert len(origin.asked) == 1
    clock.step(1)
    origin.open.clear()
    assert await cache.get(URL) is first
    assert await cache.get(URL) is first
    origin.open.set()
    await settled(cache)
    assert len(origin.asked) == 2
    assert (await cache.get(URL)).fetched_at == clock.now()


async def test_a_known_platform_outlives_its_host_for_a_day(
    cache: ProfileCache, origin: Origin, clock: SteppedClock
):
    first = await cache.get(URL)
    origin.answer = FetchRefused("timeout", "slow")
    for _ in range(STALE_S // BACK_OFF_MAX_S):
        clock.step(BACK_OFF_MAX_S)
        assert await cache.get(URL) is first
        await settled(cache)
    clock.step(BACK_OFF_MAX_S)
    with pytest.raises(Unreachable):
        await cache.get(URL)


async def test_a_failure_is_remembered_longer_each_time(
    cache: ProfileCache, origin: Origin, clock: SteppedClock
):
    origin.answer = Fetched(500, (), b"")
    waits = []
    for _ in range(12):
        with pytest.raises(Unreachable):
            await cache.get(URL)
        asked, waited = len(origin.asked), 0
        while len(origin.asked) == asked:
            clock.step(30)
            waited += 30
            with pytest.raises(Unreachable):
                await cache.get(URL)
        waits.append(waited)
    assert waits[:5] == [60, 120, 240, 480, BACK_OFF_MAX_S]
    assert set(waits[5:]) == {BACK_OFF_MAX_S}
    origin.answer = Fetched(200, (), GOOD)
    clock.step(BACK_OFF_MAX_S)
    assert (await cache.get(URL)).url == URL


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("forbidden_url", InvalidUrl),
        ("unreachable", Unreachable),
        ("timeout", Unreachable),
        ("redirected", Unreachable),
        ("tls", Unreachable),
        ("too_large", Malformed),
    ],
)
async def test_each_refusal_has_its_error(
    cache: ProfileCache, origin: Origin, code: FetchCode, error: type[ProfileError]
):
    origin.answer = FetchRefused(code, "why")
    for _ in range(2):
        with pytest.raises(error, match="why"):
            await cache.get(URL)
    assert len(origin.asked) == 1


@pytest.mark.parametrize("status", [199, 204, 304, 404, 500])
async def test_only_a_2xx_with_a_document_is_a_profile(cache: ProfileCache, origin: Origin, status: int):
    origin.answer = Fetched(status, (), b"" if status == 204 else GOOD)
    with pytest.raises(Malformed if status == 204 else Unreachable):
        await cache.get(URL)


async def test_so_many_at_once(cache: ProfileCache, origin: Origin):
    origin.open.clear()
    waiting = [asyncio.ensure_future(cache.get(f"{URL}/{n}")) for n in range(FETCHES_AT_ONCE)]
    for _ in waiting:
        await origin.arrived.acquire()
    with pytest.raises(Busy) as busy:
        await cache.get(f"{URL}/one-more")
    assert busy.value.retry_after_s == 1
    origin.open.set()
    await asyncio.gather(*waiting)
    assert (await cache.get(f"{URL}/one-more")).url == f"{URL}/one-more"


async def test_so_many_a_second(cache: ProfileCache, clock: SteppedClock):
    for n in range(FETCHES_PER_S):
        await cache.get(f"{URL}/{n}")
    with pytest.raises(Busy):
        await cache.get(f"{URL}/next")
    await cache.get(f"{URL}/0")
    clock.step(1 / FETCHES_PER_S)
    await cache.get(f"{URL}/next")
    with pytest.raises(Busy):
        await cache.get(f"{URL}/after")


async def test_it_keeps_the_ones_in_use(origin: Origin, clock: SteppedClock):
    cache = ProfileCache(origin, clock)
    for n in range(PROFILES_MAX + 1):
        clock.step(1 / FETCHES_PER_S)
        await cache.get(f"{URL}/{n}")
        await cache.get(f"{URL}/0")
        await settled(cache)
    assert len(cache._kept) == PROFILES_MAX
    assert f"{URL}/0" in cache._kept
    assert f"{URL}/1" not in cache._kept


async def test_its_memory_is_bounded(cache: ProfileCache, origin: Origin, clock: SteppedClock):
    size = PROFILE_BYTES_MAX
    origin.answer = Fetched(200, (), b'{"a": "' + b"x" * (size - 9) + b'"}')
    for n in range(KEPT_BYTES_MAX // size + 5):
        clock.step(1)
        await cache.get(f"{URL}/{n}")
    assert cache._kept_bytes == KEPT_BYTES_MAX
    assert cache._kept_bytes == sum(kept.size for kept in cache._kept.values())


MALFORMED = {"array_root", "string_root", "null_root", "keys_65", "members_10000", "deep"}


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_what_is_a_profile_at_all(name: str):
    body = json.dumps(VARIANTS[name](good("https://platform.example/hooks"))).encode()
    if name in MALFORMED:
        with pytest.raises(Malformed):
            decode_profile(body)
    else:
        assert decode_profile(body) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        *RAW.values(),
        b'\xef\xbb\xbf{"ucp": {}}',
        b'{"a": "\\ud800"}',
        b'{"a": "\\u0000"}',
        b'{"\\u0000": 1}',
        b'{"a": 1e999}',
        json.dumps({"keys": [{}] * 65}).encode(),
        json.dumps({"a": [[0] * 99] * 99}).encode(),
    ],
)
def test_what_is_none(body: bytes):
    with pytest.raises(Malformed):
        decode_profile(body)


async def test_over_the_real_way_out():
    """A listener on loopback, the guarded client and the cache together."""
    asked = 0

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(GOOD)}\r\nCache-Control: max-age=90\r\n\r\n"
        writer.write(head.encode() + GOOD)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    fetch = GuardedFetch(allow_loopback=True)
    cache = ProfileCache(fetch, SteppedClock())
    async with server:
        profile = await cache.get(f"http://localhost:{port}/profile")
        assert await cache.get(f"http://localhost:{port}/profile") is profile
        assert (profile.fresh_until - profile.fetched_at).total_seconds() == 90
        with pytest.raises(InvalidUrl):
            await cache.get("http://10.0.0.1/profile")
    assert asked == 1
    await fetch.close()
