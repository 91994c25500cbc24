import asyncio
import itertools

import aiohttp
import pytest
import pytest_asyncio

from tests.simulators.running import Psp, psp, until

# One process for all of them; each test has keys of its own.
pytestmark = pytest.mark.asyncio(loop_scope="module")
_names = itertools.count()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider():
    async with psp() as process:
        yield process


@pytest.fixture
def key() -> str:
    return f"key-{next(_names)}"


def asked(key: str, token: str, amount_minor: int = 1000) -> dict[str, object]:
    return {
        "key": key,
        "amount_minor": amount_minor,
        "currency": "EUR",
        "token": token,
        "merchant": "shop",
    }


async def authorise(provider: Psp, key: str, token: str, amount_minor: int = 1000):
    return await provider.call("POST", "/authorizations", asked(key, token, amount_minor))


async def look_up(provider: Psp, key: str):
    return await provider.call("GET", f"/authorizations/{key}")


async def act(provider: Psp, key: str, action: str, amount_minor: int, action_key: str):
    body = {"amount_minor": amount_minor, "action_key": action_key}
    return await provider.call("POST", f"/authorizations/{key}/{action}", body)


async def events(provider: Psp, key: str) -> list[str]:
    return [entry["event"] for entry in await provider.ledger() if entry["key"] == key]


async def test_one_key_is_one_authorisation(provider: Psp, key: str):
    first = await authorise(provider, key, "success_token")
    again = await authorise(provider, key, "success_token")
    assert first == again == await look_up(provider, key)
    assert first["status"] == "approved"
    assert await events(provider, key) == ["authorised"]


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("fail_token", "declined"),
        ("whatever", "declined"),
        ("pending_token", "pending"),
        ("step_up_token", "action_needed"),
        ("slow_0.01", "approved"),
    ],
)
async def test_the_token_decides(provider: Psp, key: str, token: str, status: str):
    assert (await authorise(provider, key, token))["status"] == status


@pytest.mark.parametrize(
    ("token", "written"),
    [
        ("unknown_token", ["authorised"]),
        ("lost_before", []),
        ("http500_before", []),
        ("http500_after", ["authorised"]),
        ("garbage_token", ["authorised"]),
    ],
)
async def test_trouble_strikes_once(provider: Psp, key: str, token: str, written: list[str]):
    with pytest.raises((aiohttp.ClientError, AssertionError, ValueError)):
        await authorise(provider, key, token)
    assert await events(provider, key) == written
    assert (await authorise(provider, key, token))["status"] == "approved"
    assert await events(provider, key) == ["authorised"]


async def test_another_amount_can_be_approved(provider: Psp, key: str):
    assert (await authorise(provider, key, "amount_off_token"))["amount_minor"] == 1001


async def test_a_step_up_ends_as_the_buyer_ends_it(provider: Psp, key: str):
    waiting = await authorise(provider, key, "step_up_token")
    assert waiting["challenge_url"].endswith(waiting["reference"])
    await provider.pass_challenge(waiting["reference"])
    assert (await look_up(provider, key))["status"] == "approved"
    assert await events(provider, key) == ["challenged", "authorised"]


async def test_actions_happen_once_and_within_the_books(provider: Psp, key: str):
    await authorise(provider, key, "success_token")
    await act(provider, key, "capture", 600, "c1")
    assert (await act(provider, key, "capture", 600, "c1"))["captured_minor"] == 600
    await act(provider, key, "refund", 100, "r1")
    for action, amount, action_key in [
        ("capture", 401, "c2"),
        ("refund", 501, "r2"),
        ("void", 0, "v"),
        ("refund", 99, "r1"),
    ]:
        with pytest.raises(AssertionError, match="409"):
            await act(provider, key, action, amount, action_key)
    assert await events(provider, key) == ["authorised", "captured", "refunded"]
    assert await provider.held_minor(key) == 900


async def test_voiding_an_unseen_key_bars_it(provider: Psp, key: str):
    await act(provider, key, "void", 0, "v")
    assert (await authorise(provider, key, "success_token"))["status"] == "voided"
    assert await events(provider, key) == ["voided"]


async def test_the_books_survive_a_kill_and_hold_no_token(provider: Psp, key: str):
    await authorise(provider, key, "amount_off_token")
    before = await provider.ledger()
    await provider.kill()
    await provider.restart()
    assert await provider.ledger() == before
    assert (await authorise(provider, key, "amount_off_token"))["status"] == "approved"
    for path in provider.folder.iterdir():
        assert "amount_off_token" not in path.read_text()


async def test_ordered_failures(provider: Psp, key: str):
    await provider.control(fail_next={"count": 1, "how": "cut", "when": "after"})
    with pytest.raises(aiohttp.ClientError):
        await authorise(provider, key, "success_token")
    assert await events(provider, key) == ["authorised"]
    await provider.control(fail_next={"count": 1, "how": "500", "calls": "look_up"})
    assert (await authorise(provider, key, "success_token"))["status"] == "approved"
    with pytest.raises(AssertionError, match="500"):
        await look_up(provider, key)
    assert (await look_up(provider, key))["status"] == "approved"


async def test_a_forgotten_key_is_charged_again(provider: Psp, key: str):
    await authorise(provider, key, "success_token")
    await provider.control(forget=[key])
    with pytest.raises(AssertionError, match="404"):
        await look_up(provider, key)
    await authorise(provider, key, "success_token")
    assert await events(provider, key) == ["authorised", "authorised"]


async def test_a_pause_holds_calls_until_it_ends(provider: Psp, key: str):
    await provider.control(paused=True)
    waiting = asyncio.ensure_future(authorise(provider, key, "success_token"))
    await until(lambda: _arrived(provider, key))
    assert await events(provider, key) == []
    await provider.control(paused=False)
    assert (await waiting)["status"] == "approved"


async def test_pending_is_settled_on_order(provider: Psp, key: str):
    await authorise(provider, key, "pending_token")
    await provider.control(settle={key: "declined"})
    assert (await look_up(provider, key))["status"] == "declined"


async def _arrived(provider: Psp, key: str) -> bool:
    return {"call": "authorise", "key": key} in await provider.calls()
