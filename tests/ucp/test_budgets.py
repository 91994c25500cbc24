"""Budgets: who is told to wait, for how long, and who is not made to wait by others."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from tests.asgi.test_buckets import Time
from tests.credentials import issued
from tests.ucp.conftest import JANUARY, Agent, Open, create_body, pinned, profile_url
from tests.ucp.test_negotiation import URL, incoming
from tests.ucp.test_signed_requests import NEWEST, Signer, changed
from tests.ucp.test_signed_requests import everybody as signers
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store.credentials import CredentialKind
from ucp_server.store.database import Pool, recorded_statements
from ucp_server.ucp.budgets import SHARE, Budgets, Rates, SharedBudgets
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.negotiation import Caller
from ucp_server.ucp.platforms import Agent as Named
from ucp_server.ucp.platforms import Listed
from ucp_server.ucp.refusals import RateLimited
from ucp_server.ucp.releases import SERVED

HERE = "203.0.113.9"


def caller(listed: Listed | None = None) -> Caller:
    return Caller(agent=Named(profile_url=URL, version=None), profile_url=URL, listed=listed)


def proving(**more: int) -> Caller:
    return caller(Listed(profile_url=URL, auth="api_key", **more))


def asked(operation: str = "create_checkout", address: str = HERE, target: str = "") -> Incoming:
    return incoming(None, operation, address=address, target=target)


# --- addresses ---


def test_strangers_share_the_budget_of_their_address(pool: Pool) -> None:
    time = Time()
    budgets = Budgets(pool, Rates(address=2), time)
    for _ in range(2):
        budgets.meet(asked(), caller())
    with pytest.raises(RateLimited) as refused:
        budgets.meet(asked(), caller(Listed(profile_url=URL, auth="open")))
    assert refused.value.retry_after_s == 30
    budgets.meet(asked(address="198.51.100.7"), caller())
    time.now += 30
    budgets.meet(asked(), caller())


def test_reading_is_cheaper(pool: Pool) -> None:
    budgets = Budgets(pool, Rates(address=1), Time())
    for _ in range(5):
        budgets.meet(asked("get_checkout"), caller())
    with pytest.raises(RateLimited):
        budgets.meet(asked("get_checkout"), caller())


def test_who_cannot_be_told_from_others_is_not_counted(pool: Pool) -> None:
    budgets = Budgets(pool, Rates(address=1), Time())
    for _ in range(10):
        budgets.meet(asked(address=""), caller())


def test_who_proves_itself_uses_up_no_address_and_who_fails_does(pool: Pool) -> None:
    budgets = Budgets(pool, Rates(address=2), Time())
    for _ in range(10):
        budgets.meet(asked(), proving())
    budgets.note_failure(asked())
    budgets.note_failure(asked())
    with pytest.raises(RateLimited):
        budgets.meet(asked(), proving())


def test_the_name_of_an_exempt_platform_exempts_nobody(pool: Pool) -> None:
    """It is asked for its proof whatever others did at its address; those are told to wait."""
    budgets = Budgets(pool, Rates(address=2), Time())
    for _ in range(2):
        budgets.meet(asked(), proving(rate=0))
        budgets.note_failure(asked())
    budgets.meet(asked(), proving(rate=0))
    with pytest.raises(RateLimited):
        budgets.note_failure(asked())
    with pytest.raises(RateLimited):
        budgets.meet(asked(), caller(Listed(profile_url=URL, auth="open", rate=0)))


# --- platforms and checkouts ---


async def test_a_checkout_has_a_budget_of_its_own(pool: Pool) -> None:
    budgets = Budgets(pool, Rates(checkout=2), Time())
    for _ in range(2):
        await budgets.take(asked("update_checkout", target="a"), caller())
    with pytest.raises(RateLimited):
        await budgets.take(asked("complete_checkout", target="a"), caller())
    await budgets.take(asked("update_checkout", target="b"), caller())
    await budgets.take(asked(), caller())
    await budgets.take(asked("complete_checkout", target="a"), proving(rate=0))


async def test_nobody_uses_up_the_budget_of_a_foreign_checkout(pool: Pool) -> None:
    budgets, other = Budgets(pool, Rates(checkout=1), Time()), "https://other.example/profile"
    foreign = Caller(agent=Named(profile_url=other, version=None), profile_url=other, listed=None)
    await budgets.take(asked("update_checkout", target="a"), foreign)
    with pytest.raises(RateLimited):
        await budgets.take(asked("update_checkout", target="a"), foreign)
    await budgets.take(asked("update_checkout", target="a"), caller())


async def test_the_own_rate_of_a_platform_goes_first(pool: Pool) -> None:
    budgets = Budgets(pool, Rates(platform=1), Time())
    for _ in range(3):
        await budgets.take(asked(), proving(rate=3))
        await budgets.take(asked(), proving(rate=0))
    with pytest.raises(RateLimited) as refused:
        await budgets.take(asked(), proving(rate=3))
    assert 1 <= refused.value.retry_after_s <= 60


async def test_a_name_alone_uses_up_nobodys_budget(pool: Pool) -> None:
    budgets = Budgets(pool, Rates(platform=1), Time())
    for _ in range(10):
        await budgets.take(asked(), caller(Listed(profile_url=URL, auth="open")))
    await budgets.take(asked(), proving())


async def test_processes_share_what_a_platform_has(pool: Pool) -> None:
    """Together never more than the rate, and hardly less."""
    rate, processes = 200, [SharedBudgets(pool) for _ in range(4)]

    async def ask(number: int) -> bool:
        return await processes[number % 4].take("demo", URL, 1, rate) == 0.0

    let_in = sum(await asyncio.gather(*(ask(number) for number in range(2 * rate))))
    assert rate - 4 * (rate // SHARE) <= let_in <= rate


async def test_counting_costs_a_statement_now_and_then_and_waiting_none(pool: Pool) -> None:
    shared = SharedBudgets(pool)
    with recorded_statements() as statements:
        for _ in range(100):
            assert await shared.take("demo", URL, 1, 100) == 0.0
        assert len(statements) == SHARE
        assert await shared.take("demo", URL, 1, 100) > 0
        told = len(statements)
        for _ in range(50):
            assert await shared.take("demo", URL, 1, 100) > 0
        assert len(statements) == told


async def test_a_store_that_is_away_fails_all_who_wait_at_once() -> None:
    tried = 0

    async def nobody_answers() -> asyncpg.Connection:
        nonlocal tried
        tried += 1
        await asyncio.sleep(0)
        raise StoreUnavailable

    shared = SharedBudgets(Pool(nobody_answers, size=2))
    asking = (shared.take("demo", URL, 1, 100) for _ in range(50))
    told = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(failure) for failure in told] == [StoreUnavailable] * 50
    assert tried == 1


async def test_a_window_that_is_over_opens_anew(pool: Pool) -> None:
    time = Time()
    shared = SharedBudgets(pool, time)
    assert await shared.take("demo", URL, 5, 5) == 0.0
    assert await shared.take("demo", URL, 5, 5) > 0
    time.now += 61.0
    async with pool.connection() as connection:
        await connection.execute("update rate_windows set opened_at = opened_at - interval '61 seconds'")
    assert await shared.take("demo", URL, 5, 5) == 0.0


# --- as platforms are told ---


async def test_every_release_is_told_in_its_own_form(town: Open):
    trusting = {"trusted_proxies": ("127.0.0.1/32",), "address_rate": 1}
    async with town(server=trusting) as here:
        for version in SERVED:
            agent = here.agent_of(version)
            sent = {"Forwarded": f"for=198.51.100.{SERVED.index(version)}"}
            body = create_body(release=version)
            first = await agent.ask("POST", "/checkout-sessions", body, headers=sent, key=f"key-{version}")
            assert first.status_code == 201
            told = await agent.ask("POST", "/checkout-sessions", body, headers=sent, key=f"key2-{version}")
            assert (told.status_code, told.headers["retry-after"]) == (429, "60")
            document = told.json()
            code = document["messages"][0]["code"] if version in JANUARY else document["code"]
            assert code == "rate_limited"


async def test_an_exempt_platform_is_never_told_to_wait(town: Open, tmp_path: Path, pool: Pool):
    """What others do in its name, even at its own address, changes nothing for it."""
    secret = await issued(pool, CredentialKind.PLATFORM, profile_url("one"))
    platforms = {"one": pinned(tmp_path, "one", auth="api_key", rate=0), "two": pinned(tmp_path, "two")}
    rates = {"trusted_proxies": ("127.0.0.1/32",), "address_rate": 2, "platform_rate": 1}
    async with town(server=rates, platforms=platforms) as here:
        exempt, other = here.agent("one"), here.agent("two")
        assert [(await _create(exempt)).status_code for _ in range(3)] == [401, 401, 429]
        assert (await _create(other)).status_code == 429
        for _ in range(3):
            assert (await _create(exempt, secret=secret)).status_code == 201


@pytest.mark.parametrize("fault", ["digest_mismatch", "algorithm_unsupported"])
async def test_a_signature_that_cannot_hold_counts_as_a_failure(town: Open, tmp_path: Path, fault: str):
    rates = {"trusted_proxies": ("127.0.0.1/32",), "address_rate": 1}
    async with town(server=rates, platforms=signers(tmp_path)) as here:
        signer = Signer(here)
        good = signer.request("POST", "/checkout-sessions", create_body(release=NEWEST))
        named = good.headers["signature-input"].replace("ours", "useless")
        bad = {
            "digest_mismatch": replace(good, body=good.body + b" "),
            "algorithm_unsupported": changed(good, **{"signature-input": named}),
        }[fault]
        at = {"forwarded": f"for={HERE}"}
        told = [await signer.send(changed(bad, **at)) for _ in range(2)]
        assert [reply.json()["code"] for reply in told] == [fault, "rate_limited"]


async def test_what_was_told_to_wait_is_not_kept_under_its_key(town: Open):
    async with town(server={"trusted_proxies": ("127.0.0.1/32",), "address_rate": 1}) as here:
        agent = here.agent()
        assert (await _create(agent, "a-key-of-the-first")).status_code == 201
        assert (await _create(agent, "a-key-of-the-second")).status_code == 429
        again = await _create(agent, "a-key-of-the-second", "198.51.100.7")
        assert (again.status_code, "idempotent-replayed" in again.headers) == (201, False)


async def _create(agent: Agent, key: str | None = None, address: str = HERE, secret: str = ""):
    headers = {"Forwarded": f"for={address}"} | ({"X-API-Key": secret} if secret else {})
    return await agent.ask("POST", "/checkout-sessions", create_body(), key=key, headers=headers)
