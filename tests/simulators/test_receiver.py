import aiohttp
import pytest
import pytest_asyncio

from tests.simulators.running import Receiver, receiver

# One process for all of them; each test has paths of its own.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform():
    async with receiver() as process:
        yield process


async def post(url: str, body: bytes, **headers: str):
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
        session.post(url, data=body, headers=headers, allow_redirects=False) as reply,
    ):
        return reply.status, await reply.read(), reply.headers


async def test_it_keeps_what_came_byte_for_byte(platform: Receiver):
    status, _, _ = await post(platform.webhook_url, b'{"a":\xff}', **{"Webhook-Id": "evt_1"})
    assert status == 200
    [entry] = await platform.received(at_least=1)
    assert (entry.method, entry.body, entry.header("webhook-id")) == ("POST", b'{"a":\xff}', "evt_1")
    await platform.kill()
    await platform.restart()
    assert await platform.received() == [entry]


async def test_it_answers_as_told(platform: Receiver):
    await platform.answer(
        "/hooks/a",
        {"status": 500},
        {"status": 429, "headers": {"Retry-After": "1"}},
        {"status": 302, "headers": {"Location": "http://169.254.169.254/"}},
        then={"status": 410},
    )
    seen = [await post(f"{platform.url}/hooks/a", b"") for _ in range(5)]
    assert [status for status, _, _ in seen] == [500, 429, 302, 410, 410]
    assert seen[1][2]["Retry-After"] == "1"
    assert (await post(f"{platform.url}/hooks/b", b""))[0] == 200


@pytest.mark.parametrize("answer", [{"cut": "before"}, {"cut": "after_status"}])
async def test_it_cuts_and_still_has_the_event(platform: Receiver, answer: dict[str, object]):
    path = f"/hooks/{answer['cut']}"
    await platform.answer(path, then=answer)
    with pytest.raises(aiohttp.ClientError):
        await post(platform.url + path, b"x")
    assert [entry.body for entry in await platform.received(path)] == [b"x"]


async def test_its_profile_names_its_own_webhook(platform: Receiver):
    document = await platform.call("GET", "/profile.json")
    names = [entry["name"].rpartition(".")[2] for entry in document["ucp"]["capabilities"]]
    assert names == ["checkout", "order", "fulfillment", "discount", "buyer_consent"]
    assert document["ucp"]["capabilities"][1]["config"] == {"webhook_url": platform.webhook_url}


async def test_broken_profiles_are_broken_in_the_way_they_say(platform: Receiver):
    assert "version" not in (await platform.call("GET", "/profile/no_version.json"))["ucp"]
    assert len((await platform.call("GET", "/profile/keys_65.json"))["signing_keys"]) == 65
    orphans = await platform.call("GET", "/profile/orphans.json")
    assert all("checkout" not in entry["name"] for entry in orphans["ucp"]["capabilities"])


async def test_a_told_profile_is_served_with_its_headers(platform: Receiver):
    url = await platform.serve_profile("mine", {"ucp": {}}, {"Cache-Control": "max-age=5"})
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        assert await reply.json() == {"ucp": {}}
        assert reply.headers["Cache-Control"] == "max-age=5"
    assert len(await platform.received("/profile/mine.json")) == 1
