"""The agent's own address: its profile, and where order events arrive."""

import io

import aiohttp
import pytest

from tests.ucp.conftest import SCHEMAS
from ucp_server.agent.listening import Listening
from ucp_server.agent.speech import capabilities, profile
from ucp_server.ucp.platforms import read_platform
from ucp_server.ucp.releases import WITH_SCHEMAS


def test_the_profile_of_the_first_release_is_a_list() -> None:
    document = profile("2026-01-11", "http://127.0.0.1:1/events")
    listed = {entry["name"]: entry for entry in document["ucp"]["capabilities"]}
    assert set(listed) == {f"dev.ucp.shopping.{name}" for name in capabilities("2026-01-11")}
    assert listed["dev.ucp.shopping.order"]["config"] == {"webhook_url": "http://127.0.0.1:1/events"}
    assert "extends" not in listed["dev.ucp.shopping.checkout"]
    assert listed["dev.ucp.shopping.discount"]["extends"] == "dev.ucp.shopping.checkout"
    assert "dev.ucp.shopping.cart" not in listed


@pytest.mark.parametrize(("release", "parents"), [("2026-04-08", 1), ("2026-08-25", 3)])
def test_later_extensions_are_of_more_than_checkouts(release: str, parents: int) -> None:
    listed = profile(release, "http://127.0.0.1:1/events")["ucp"]["capabilities"]
    (discount,), (fulfillment,) = (
        listed[f"dev.ucp.shopping.{name}"] for name in ("discount", "fulfillment")
    )
    assert discount["extends"] == ["dev.ucp.shopping.checkout", "dev.ucp.shopping.cart"]
    named = fulfillment["extends"]
    assert (1 if isinstance(named, str) else len(named)) == parents


@pytest.mark.parametrize("release", WITH_SCHEMAS)
def test_the_profile_is_one_of_its_release(release: str) -> None:
    document = profile(release, "http://127.0.0.1:1/events")
    assert SCHEMAS.checker(release, "request", "profile").check(document) == ()
    names = {f"dev.ucp.shopping.{name}" for name in capabilities(release)}
    assert set(read_platform("https://agent.example/p", document).capabilities or ()) == names


async def test_events_arrive_as_they_were_sent() -> None:
    async with Listening() as listening, aiohttp.ClientSession() as session:
        async with session.get(listening.profile_url) as reply:
            document = await reply.json()
        (order,) = document["ucp"]["capabilities"]["dev.ucp.shopping.order"]
        url = order["config"]["webhook_url"]
        async with session.post(url, data=b'{"id":\xff}', headers={"Request-Signature": "a..b"}) as reply:
            assert reply.status == 200
        event = await listening.event(5.0)
        assert event is not None
        assert event.url == url
        assert (event.body, event.headers["request-signature"]) == (b'{"id":\xff}', "a..b")


async def test_no_event_is_no_event() -> None:
    async with Listening() as listening:
        assert await listening.event(0.01) is None


async def test_what_is_too_large_or_too_much_is_not_taken() -> None:
    async with Listening() as listening, aiohttp.ClientSession() as session:
        url = f"{listening.origin}/events"
        async with session.post(url, data=io.BytesIO(b"x" * (1024 * 1024 + 1))) as reply:
            assert reply.status == 413
        for _ in range(100):
            async with session.post(url, data=b"{}") as reply:
                assert reply.status == 200
        async with session.post(url, data=b"{}") as reply:
            assert reply.status == 503
