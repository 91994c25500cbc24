"""Whose signature counts: the keys in the caller's profile, and when that is looked at once more."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from tests.simulators.profiles import good
from tests.ucp.test_negotiation import incoming
from tests.ucp.test_profiles_cache import Origin, SteppedClock
from tests.ucp.test_signatures import KEY, LARGE, public, signed
from ucp_server.domain.errors import Refusal
from ucp_server.ports import Fetched, FetchRefused
from ucp_server.ucp.authentication import Authentication
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.negotiation import Caller
from ucp_server.ucp.platforms import Agent, Listed
from ucp_server.ucp.profiles_cache import FETCHES_PER_S, TTL_MAX_S, TTL_MIN_S, ProfileCache
from ucp_server.ucp.signature_keys import SigningKey
from ucp_server.ucp.signatures import Request
from ucp_server.ucp.signed_callers import SignedCallers, published

Wire = dict[str, Any]

URL = "https://platform.example/profile"
ASKED = Request(method="GET", url="https://shop.example/ucp/2026-08-25/orders/1", headers={}, body=b"")
# Kept for as long as we believe anybody.
LONG = (("cache-control", f"public, max-age={TTL_MAX_S}"),)
UNKNOWN_KIDS = 10_000


def profile(*keys: SigningKey, member: str = "signing_keys", **more: Any) -> Fetched:
    document = {**good("https://platform.example/hooks"), member: public(*keys), **more}
    return Fetched(200, LONG, json.dumps(document).encode())


def caller(url: str | None = URL, listed: Listed | None = None) -> Caller:
    return Caller(agent=Agent(profile_url=url, version=None), profile_url=url, listed=listed)


def asked(sent: Request | None, **changes: Any) -> Incoming:
    headers = {} if sent is None else dict(sent.headers)
    return incoming(None, "get_order", headers=headers, sent=sent, **changes)


def by(key: SigningKey, clock: SteppedClock, url: str = URL) -> Incoming:
    named = replace(ASKED, headers={"ucp-agent": f'profile="{url}"'})
    return asked(signed(named, key, int(clock.now().timestamp())))


@pytest.fixture
def origin() -> Origin:
    made = Origin()
    made.answer = profile(KEY)
    return made


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
async def profiles(origin: Origin, clock: SteppedClock) -> AsyncIterator[ProfileCache]:
    made = ProfileCache(origin, clock)
    yield made
    await made.close()


@pytest.fixture
def signers(profiles: ProfileCache, clock: SteppedClock) -> SignedCallers:
    return SignedCallers(profiles, clock)


async def refused(signers: SignedCallers, request: Incoming, who: Caller | None = None) -> str:
    """The code of the refusal, empty where there is none."""
    code = ""
    try:
        await signers.check(request, who or caller())
    except Refusal as refusal:
        code = refusal.code
    assert request.facts["signature"] == (code or "holds")
    return code


async def test_a_signature_is_held_against_the_profile(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    assert await refused(signers, by(KEY, clock)) == ""
    assert await refused(signers, by(LARGE, clock)) == "key_not_found"
    assert origin.asked == [URL, URL]


async def test_who_signs_nothing_makes_us_fetch_nothing(signers: SignedCallers, origin: Origin):
    halves = ({"signature": "sig1=:AAAA:"}, {"signature-input": "sig1=()"})
    for headers in ({}, *halves):
        assert await refused(signers, asked(replace(ASKED, headers=headers))) == "signature_missing"
    assert await refused(signers, asked(None)) == "signature_missing"
    assert origin.asked == []


async def test_a_signature_without_a_platform_is_nobodys(signers: SignedCallers, clock: SteppedClock):
    assert await refused(signers, by(KEY, clock), caller(None)) == "signature_missing"


@pytest.mark.parametrize("member", ["signing_keys", "keys"])
async def test_keys_stand_under_either_name(
    signers: SignedCallers, origin: Origin, clock: SteppedClock, member: str
):
    origin.answer = profile(KEY, member=member)
    assert await refused(signers, by(KEY, clock)) == ""


def test_what_is_no_key_is_passed_over():
    (key,) = public(KEY)
    assert published({"signing_keys": [1, None, "x", key, []], "keys": {"kid": "x"}}) == [key]
    assert published({}) == []


async def test_a_pinned_profile_is_all_there_is(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    pinned = caller(listed=Listed(profile_url=URL, document={"keys": public(LARGE)}))
    assert await refused(signers, by(LARGE, clock), pinned) == ""
    assert await refused(signers, by(KEY, clock), pinned) == "key_not_found"
    assert origin.asked == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (FetchRefused("unreachable", "gone"), "profile_unreachable"),
        (FetchRefused("forbidden_url", "inside"), "invalid_profile_url"),
        (Fetched(200, (), b"[]"), "profile_malformed"),
    ],
)
async def test_without_a_profile_nobody_is_believed(
    signers: SignedCallers, origin: Origin, clock: SteppedClock, answer: Any, code: str
):
    origin.answer = answer
    assert await refused(signers, by(KEY, clock)) == code


async def test_what_is_no_url_was_signed_by_nobody(signers: SignedCallers, clock: SteppedClock):
    request = by(KEY, clock)
    broken = asked(replace(request.sent, url="https://[shop/"))
    assert await refused(signers, broken) == "signature_invalid"


# --- rotation ---


async def test_a_new_key_counts_as_soon_as_it_signs(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    """M:D/signatures#Key Rotation: added, used, and then the old one taken away."""
    assert await refused(signers, by(KEY, clock)) == ""
    origin.answer = profile(KEY, LARGE)
    assert await refused(signers, by(LARGE, clock)) == ""
    assert await refused(signers, by(KEY, clock)) == ""
    assert origin.asked == [URL] * 2
    origin.answer = profile(LARGE)
    clock.step(TTL_MAX_S)
    assert await refused(signers, by(KEY, clock)) == "key_not_found"
    assert await refused(signers, by(LARGE, clock)) == ""


async def test_a_key_that_was_withdrawn_does_not_open_once_more(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    """Elsewhere an old profile is served while a new one is fetched."""
    assert await refused(signers, by(KEY, clock)) == ""
    clock.step(12 * TTL_MAX_S)
    origin.answer = profile(LARGE)
    assert await refused(signers, by(KEY, clock)) == "key_not_found"


async def test_keys_are_believed_for_an_hour_of_silence(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    origin.answer = replace(origin.answer, headers=())
    assert await refused(signers, by(KEY, clock)) == ""
    origin.answer = FetchRefused("timeout", "silent")
    clock.step(TTL_MAX_S - 1)
    assert await refused(signers, by(KEY, clock)) == ""
    clock.step(1)
    assert await refused(signers, by(KEY, clock)) == "profile_unreachable"
    clock.step(TTL_MAX_S)
    origin.answer = profile(KEY)
    assert await refused(signers, by(KEY, clock)) == ""


async def test_many_who_wait_for_a_new_key_wait_for_one_fetch(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    assert await refused(signers, by(KEY, clock)) == ""
    origin.answer = profile(KEY, LARGE)
    origin.open.clear()
    waiting = [asyncio.ensure_future(refused(signers, by(LARGE, clock))) for _ in range(50)]
    await origin.arrived.acquire()
    await origin.arrived.acquire()
    origin.open.set()
    assert await asyncio.gather(*waiting) == [""] * 50
    assert origin.asked == [URL] * 2


async def test_unknown_names_of_keys_cost_one_look_per_floor(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    """Made-up names, at once and one after the other: one fetch more than without them."""
    real = by(KEY, clock)
    assert await refused(signers, real) == ""
    for floor, count in enumerate((UNKNOWN_KIDS, 100, 100), start=1):
        at_once = (refused(signers, made_up(real, name)) for name in range(count // 2))
        assert set(await asyncio.gather(*at_once)) == {"key_not_found"}
        for name in range(count // 2, count):
            assert await refused(signers, made_up(real, name)) == "key_not_found"
        assert origin.asked == [URL] * (1 + floor)
        clock.step(TTL_MIN_S)
    assert await refused(signers, by(KEY, clock)) == ""


def made_up(request: Incoming, number: int) -> Incoming:
    said = request.headers["signature-input"].replace('"ours"', f'"unknown-{number}"')
    headers = {**request.headers, "signature-input": said}
    return replace(request, headers=headers, sent=replace(request.sent, headers=headers), facts={})


async def test_the_floor_is_one_for_all_profiles_of_an_origin(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    urls = [f"https://platform.example/{name}" for name in range(10)]
    urls += ["https://PLATFORM.example/again", "https://other.example/profile"]
    for url in urls:
        assert await refused(signers, by(KEY, clock, url), caller(url)) == ""
    for url in urls * 3:
        assert await refused(signers, by(LARGE, clock, url), caller(url)) == "key_not_found"
    assert len(origin.asked) == len(urls) + 2


async def test_a_host_that_does_not_answer_is_not_asked_again(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    assert await refused(signers, by(KEY, clock)) == ""
    origin.answer = FetchRefused("unreachable", "gone")
    for _ in range(3):
        assert await refused(signers, by(LARGE, clock)) == "key_not_found"
    assert origin.asked == [URL] * 2
    assert await refused(signers, by(KEY, clock)) == ""


async def test_too_much_at_once_is_told_as_that(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    urls = [f"https://platform-{name}.example/" for name in range(FETCHES_PER_S)]
    for url in urls:
        assert await refused(signers, by(KEY, clock, url), caller(url)) == ""
    # Not that the key is unknown: that is what nobody has looked for yet.
    assert await refused(signers, by(LARGE, clock, urls[0]), caller(urls[0])) == "busy"
    clock.step(1)
    assert await refused(signers, by(LARGE, clock, urls[0]), caller(urls[0])) == "key_not_found"


async def test_a_clock_that_was_set_back_shuts_nobody_out(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    assert await refused(signers, by(LARGE, clock)) == "key_not_found"
    clock.step(-86_400)
    origin.answer = profile(LARGE)
    assert await refused(signers, by(LARGE, clock)) == ""


# --- what the merchant asks for ---


NO_POOL: Any = None


async def admitted(signers: SignedCallers, request: Incoming, listed: Listed | None) -> str:
    try:
        await Authentication(NO_POOL, signers).check(request, caller(listed=listed))
    except Refusal as refusal:
        return refusal.code
    return ""


def listed(auth: Any = "open", **more: Any) -> Listed:
    return Listed(profile_url=URL, auth=auth, **more)


@pytest.mark.parametrize("record", [listed(signatures="require"), listed("signature")])
async def test_a_signature_can_be_the_proof(signers: SignedCallers, clock: SteppedClock, record: Listed):
    assert await admitted(signers, by(KEY, clock), record) == ""
    assert await admitted(signers, by(LARGE, clock), record) == "key_not_found"
    for operation in ("create_checkout", "get_order"):
        unsigned = replace(asked(ASKED), operation=operation)
        assert await admitted(signers, unsigned, record) == "signature_missing"


async def test_a_signature_can_be_asked_for_beside_a_proof(signers: SignedCallers, clock: SteppedClock):
    record = listed("mtls", signatures="require", certificate_subject="CN=nobody")
    assert await admitted(signers, by(KEY, clock), record) == "unauthorized"


async def test_a_signature_can_be_looked_at_alone(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    record = listed(signatures="log")
    for request, told in (
        (by(KEY, clock), "holds"),
        (by(LARGE, clock), "key_not_found"),
        (asked(ASKED), "signature_missing"),
    ):
        written = replace(request, operation="create_checkout", facts={})
        assert await admitted(signers, written, record) == ""
        assert written.facts["signature"] == told


async def test_a_signature_is_not_looked_at_unasked(
    signers: SignedCallers, origin: Origin, clock: SteppedClock
):
    for record in (None, listed()):
        written = replace(by(LARGE, clock), operation="create_checkout")
        assert await admitted(signers, written, record) == ""
        assert "signature" not in written.facts
    assert origin.asked == []


@pytest.mark.parametrize("record", [None, listed(), listed(signatures="log")])
async def test_orders_are_shown_to_who_signs(
    signers: SignedCallers, clock: SteppedClock, record: Listed | None
):
    """T3:D/order#Authorization: one who need not prove himself can do so all the same."""
    assert await admitted(signers, by(KEY, clock), record) == ""
    assert await admitted(signers, by(LARGE, clock), record) == "key_not_found"
    assert await admitted(signers, asked(ASKED), record) == "unauthorized"
