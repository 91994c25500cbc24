"""Platform profiles, fetched as seldom as can be and never waited for when one is at hand.

UCP "Fetching" (overview): at least 60 s between two fetches whatever the origin says, bounded in
number, size and rate; one fetch serves everybody who waits for the same URL; an old profile is
served while a new one is fetched; failures are remembered with a back-off.
"""

import asyncio
import re
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ucp_server.ports import Clock, Fetch, FetchCode, Fetched, FetchRefused

Wire = dict[str, Any]

# The specification forbids a lower bound on size; real profiles have 2 to 10 KiB.
PROFILE_BYTES_MAX = 128 * 1024
# Out of a create's 4 s, with as much left for our own work as that takes.
FETCH_S = 3.0

TTL_MIN_S = 60
# How long a platform that withdrew a key can still be believed, whatever max-age it once sent.
TTL_MAX_S = 3600
# A platform whose profile host is down for a night can still buy.
STALE_S = 24 * 3600
BACK_OFF_MAX_S = 900
BACK_OFF_STEPS_MAX = 10

PROFILES_MAX = 10_000
FAILURES_MAX = 10_000
# Far more than can be refreshed within the floor at `FETCHES_PER_S`.
REFRESHED_MAX = 10_000
# Of raw JSON; parsed it is several times that, which still fits beside everything else.
KEPT_BYTES_MAX = 32 * 1024 * 1024

FETCHES_AT_ONCE = 16
FETCHES_PER_S = 20

# More than any real profile has, and little enough to walk through per request.
SIGNING_KEYS_MAX = 64
MEMBERS_MAX = 256
NODES_MAX = 5_000
DEPTH_MAX = 32

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?([0-9]{1,9})", re.ASCII | re.IGNORECASE)
_NOT_KEPT = re.compile(r"(?:^|[\s,])no-(?:store|cache)\b", re.ASCII | re.IGNORECASE)


class ProfileError(Exception):
    """Why there is no profile. ``text`` is for people and holds no secret."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class InvalidUrl(ProfileError):
    """The URL, or an address of its host, is not one that may be asked."""


class Unreachable(ProfileError):
    """No complete answer with a 2xx status in time."""


class Malformed(ProfileError):
    """An answer that is no JSON object within the limits above."""


class Busy(ProfileError):
    """Too many fetches just now; trying again after ``retry_after_s`` seconds makes sense."""

    retry_after_s = 1


class CachedProfile(msgspec.Struct, frozen=True):
    """``document`` is shared by everybody who asks: read it, never change it."""

    url: str
    document: Wire
    fetched_at: datetime
    fresh_until: datetime


class _Kept(msgspec.Struct, frozen=True):
    profile: CachedProfile
    size: int


class _Failure(msgspec.Struct, frozen=True):
    kind: type[ProfileError]
    text: str
    times: int
    retry_at: datetime


class ProfileCache:
    """One per process, for one event loop.

    failures_kept_s: seconds before a failed URL is tried again, doubled with each failure in a
    row. Less than the default is for machines where the platform runs next door.
    """

    def __init__(self, fetch: Fetch, clock: Clock, *, failures_kept_s: float = TTL_MIN_S) -> None:
        self._fetch = fetch
        self._clock = clock
        self._failures_kept_s = failures_kept_s
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._kept_bytes = 0
        self._failures: OrderedDict[str, _Failure] = OrderedDict()
        self._refreshed_at: OrderedDict[str, datetime] = OrderedDict()
        self._running: dict[str, asyncio.Task[CachedProfile]] = {}
        self._budget = _Budget(clock)

    async def get(self, url: str) -> CachedProfile:
        """The profile at ``url``, at most a day old; raises a `ProfileError`."""
        now = self._clock.now()
        kept = self._kept.get(url)
        if kept is not None and now < kept.profile.fresh_until + timedelta(seconds=STALE_S):
            self._kept.move_to_end(url)
            if now >= kept.profile.fresh_until and not self._backs_off(url, now):
                self._start(url)
            return kept.profile
        failure = self._failures.get(url)
        if failure is not None and now < failure.retry_at:
            raise failure.kind(failure.text)
        fetching = self._start(url)
        if fetching is None:
            raise Busy("Too many profiles are being fetched at the moment.")
        # One who hangs up does not end it for the others.
        return await asyncio.shield(fetching)

    async def refreshed(self, profile: CachedProfile) -> CachedProfile:
        """The newest form of ``profile``, which lacks something that its platform says is there.

        That is fetched out of turn at most once per floor and origin, whoever asks (M:D/overview#Fetching,
        unknown ``kid``). ``profile`` itself where nothing newer is to be had; raises `Busy`.
        """
        fetching = self._running.get(profile.url)
        if fetching is None:
            newest = self._newest(profile)
            if newest is not profile or not self._may_refresh(profile.url):
                return newest
            fetching = self._start(profile.url)
            if fetching is None:
                raise Busy("Too many profiles are being fetched at the moment.")
            self._note_refresh(profile.url)
        try:
            return await asyncio.shield(fetching)
        except ProfileError:
            return profile

    async def close(self) -> None:
        running = list(self._running.values())
        for fetching in running:
            fetching.cancel()
        if running:
            await asyncio.wait(running)

    def _newest(self, profile: CachedProfile) -> CachedProfile:
        kept = self._kept.get(profile.url)
        return profile if kept is None else kept.profile

    def _may_refresh(self, url: str) -> bool:
        last = self._refreshed_at.get(_origin(url))
        now = self._clock.now()
        # A clock that was set back must not shut out a platform until it has caught up.
        return last is None or not last <= now < last + timedelta(seconds=TTL_MIN_S)

    def _note_refresh(self, url: str) -> None:
        origin = _origin(url)
        self._refreshed_at.pop(origin, None)
        self._refreshed_at[origin] = self._clock.now()
        if len(self._refreshed_at) > REFRESHED_MAX:
            self._refreshed_at.popitem(last=False)

    def _backs_off(self, url: str, now: datetime) -> bool:
        failure = self._failures.get(url)
        return failure is not None and now < failure.retry_at

    def _start(self, url: str) -> asyncio.Task[CachedProfile] | None:
        """The fetch of ``url`` that runs, or a new one; None when there are too many."""
        running = self._running.get(url)
        if running is not None:
            return running
        if len(self._running) >= FETCHES_AT_ONCE or not self._budget.take():
            return None
        fetching = asyncio.create_task(self._fetched(url))
        self._running[url] = fetching
        fetching.add_done_callback(lambda done: self._ended(url, done))
        return fetching

    def _ended(self, url: str, fetching: asyncio.Task[CachedProfile]) -> None:
        del self._running[url]
        # Looked at here, since perhaps nobody waits for it.
        if not fetching.cancelled():
            fetching.exception()

    async def _fetched(self, url: str) -> CachedProfile:
        try:
            answer = await self._ask(url)
            document = decode_profile(answer.body)
        except ProfileError as error:
            self._remember_failure(url, error)
            raise
        now = self._clock.now()
        fresh_until = now + timedelta(seconds=_lifetime_s(answer.headers))
        profile = CachedProfile(url, document, now, fresh_until)
        self._keep(profile, len(answer.body))
        return profile

    async def _ask(self, url: str) -> Fetched:
        try:
            answer = await self._fetch.get(
                url, accept="application/json", max_bytes=PROFILE_BYTES_MAX, timeout_s=FETCH_S
            )
        except FetchRefused as refused:
            raise _ERRORS[refused.code](refused.text) from refused
        if not 200 <= answer.status < 300:
            raise Unreachable(f"The host answered with status {answer.status}.")
        return answer

    def _keep(self, profile: CachedProfile, size: int) -> None:
        self._failures.pop(profile.url, None)
        before = self._kept.pop(profile.url, None)
        self._kept[profile.url] = _Kept(profile, size)
        self._kept_bytes += size - (before.size if before is not None else 0)
        while len(self._kept) > PROFILES_MAX or self._kept_bytes > KEPT_BYTES_MAX:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= dropped.size

    def _remember_failure(self, url: str, error: ProfileError) -> None:
        before = self._failures.pop(url, None)
        times = 1 if before is None else min(before.times + 1, BACK_OFF_STEPS_MAX)
        wait_s = min(self._failures_kept_s * 2 ** (times - 1), BACK_OFF_MAX_S)
        retry_at = self._clock.now() + timedelta(seconds=wait_s)
        self._failures[url] = _Failure(type(error), error.text, times, retry_at)
        if len(self._failures) > FAILURES_MAX:
            self._failures.popitem(last=False)


def _origin(url: str) -> str:
    """Scheme, host and port; only asked for a URL that was fetched before, so it is one."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


class _Budget:
    """So many fetches a second, all hosts together; unused ones are kept for one second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = float(FETCHES_PER_S)
        self._counted_at = clock.now()

    def take(self) -> bool:
        now = self._clock.now()
        # A clock that was set back counts as one that stood still.
        passed_s = max(0.0, (now - self._counted_at).total_seconds())
        self._left = min(FETCHES_PER_S, self._left + passed_s * FETCHES_PER_S)
        self._counted_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


# A redirect is an answer without a 2xx status; one too large is no profile, whatever it holds.
_ERRORS: dict[FetchCode, type[ProfileError]] = {
    "forbidden_url": InvalidUrl,
    "unreachable": Unreachable,
    "timeout": Unreachable,
    "redirected": Unreachable,
    "tls": Unreachable,
    "too_large": Malformed,
}


def decode_profile(body: bytes) -> Wire:
    """Read a profile; raises `Malformed` for what is no JSON object within the limits above."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise Malformed("The profile is not readable as JSON.") from exc
    if not isinstance(document, dict):
        raise Malformed("The profile is not a JSON object.")
    _check_size(document)
    for name in ("signing_keys", "keys"):
        keys = document.get(name)
        if isinstance(keys, list) and len(keys) > SIGNING_KEYS_MAX:
            raise Malformed(f"The profile has more than {SIGNING_KEYS_MAX} signing keys.")
    return document


def _check_size(document: Wire) -> None:
    level: list[Any] = [document]
    nodes = 0
    for _ in range(DEPTH_MAX):
        nodes += len(level)
        if not level:
            return
        if nodes > NODES_MAX:
            break
        level = [child for value in level for child in _children(value)]
    raise Malformed("The profile has too many members, or too deep ones.")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        if len(value) > MEMBERS_MAX:
            raise Malformed(f"The profile has an object with more than {MEMBERS_MAX} members.")
        return [*value.keys(), *value.values()]
    if isinstance(value, str) and "\0" in value:
        # Postgres holds no NUL in a text, and no URL or name has one.
        raise Malformed("The profile has a text with a NUL in it.")
    return value if isinstance(value, list) else []


def _lifetime_s(headers: tuple[tuple[str, str], ...]) -> int:
    """Seconds that the answer may be used for, as `Cache-Control` says, within our bounds."""
    said = ",".join(value for name, value in headers if name.lower() == "cache-control")
    max_age = _MAX_AGE.search(said)
    if max_age is None or _NOT_KEPT.search(said):
        return TTL_MIN_S
    return min(max(int(max_age[1]), TTL_MIN_S), TTL_MAX_S)
