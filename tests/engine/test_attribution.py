"""Search, recommend, hand off: the order of checks, one sale per search, facts that nobody changes."""

import ast
import asyncio
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.engine.rows import one, rows
from tests.engine.shopfront import AGENT, Shopfront, make_shopfront, put_offer
from tests.engine.world import FilePsp, SetClock, call, cancel, make_setup, prices_of, update
from tests.style.sources import trees
from ucp_server.domain.attribution import SESSION_TTL_S, OfferQuery, SearchSession, SessionState
from ucp_server.domain.checkout import Buyer
from ucp_server.domain.errors import (
    HandOffRefused,
    MerchantNotReady,
    OfferGone,
    OfferUnknown,
    RecommendationNotFound,
    SessionExpired,
    SessionNotFound,
    StoreUnavailable,
)
from ucp_server.domain.lifecycle import State
from ucp_server.domain.money import Money
from ucp_server.engine.commands import Scope
from ucp_server.engine.faults import armed
from ucp_server.store.database import Pool
from ucp_server.store.ids import new_id
from ucp_server.worker import trim

ANY = OfferQuery()


@pytest.fixture
async def front(pool: Pool, tmp_path: Path) -> Shopfront:
    clock = SetClock()
    await put_offer(pool, "offer-rose", item_id="rose")
    await put_offer(pool, "offer-tulip", item_id="tulip", title="Tulip", price_minor=500)
    return make_shopfront(make_setup(pool, tmp_path / "books.jsonl", clock=clock), clock)


async def searched(front: Shopfront) -> SearchSession:
    session, _ = await front.network.search(AGENT, ANY)
    return session


async def recommended(front: Shopfront, offer_id: str = "offer-rose") -> tuple[str, str]:
    session = await searched(front)
    recommendation = await front.network.recommend(AGENT, session.id, offer_id)
    return session.id, recommendation.id


async def test_a_search_opens_a_session_of_a_day_and_every_offer_has_a_code_that_verifies(front: Shopfront):
    session, found = await front.network.search(AGENT, ANY)
    assert session.state is SessionState.CREATED
    assert (session.expires_at - session.created_at).total_seconds() == SESSION_TTL_S
    assert session.offer_ids == ("offer-tulip", "offer-rose")
    for one_found in found:
        verdict = await front.codes.verify(one_found.code.text, front.clock.now())
        assert getattr(verdict, "payload", None) == one_found.code.payload
        assert one_found.code.payload.offer_id == one_found.offer.id


async def test_a_recommendation_keeps_the_offer_as_it_was(front: Shopfront, pool: Pool):
    session_id, recommendation_id = await recommended(front)
    async with pool.connection() as connection:
        await connection.execute("update items set price_minor = 9999, title = 'Dear'")
    kept = await front.network.recommendation(recommendation_id)
    assert (kept.offer.name, kept.offer.price.minor) == ("Rose", 1200)
    assert (await front.network.session(AGENT, session_id)).state is SessionState.ACTIVE


async def test_a_hand_off_is_one_open_checkout_with_facts_of_ours(front: Shopfront):
    session_id, recommendation_id = await recommended(front)
    buyer = Buyer(email="ada@example.com")
    handed = await front.network.hand_off(AGENT, session_id, recommendation_id, buyer)
    assert handed.checkout.state is State.OPEN
    assert handed.checkout.quote.total_minor == 1200
    assert handed.checkout.basket.buyer == buyer
    assert handed.checkout.platform_id == AGENT
    assert handed.checkout.expires_at <= handed.session.expires_at
    assert handed.checkout.attribution == handed.recommendation.attribution
    assert handed.session.state is SessionState.CHECKOUT
    assert (await front.network.session(AGENT, session_id)).state is SessionState.CHECKOUT
    again = await front.network.hand_off(AGENT, session_id, recommendation_id)
    assert again == handed


async def test_twenty_hand_offs_at_once_are_one_checkout(front: Shopfront, pool: Pool):
    session_id, recommendation_id = await recommended(front)
    handed = await asyncio.gather(
        *(front.network.hand_off(AGENT, session_id, recommendation_id) for _ in range(20))
    )
    assert len({one_handed.checkout.id for one_handed in handed}) == 1
    assert await one(pool, "select count(*) from checkouts") == 1


@pytest.mark.parametrize("point", ["create.committed", "hand_off.created", "hand_off.marked"])
async def test_a_hand_off_that_died_is_gone_on_with(front: Shopfront, pool: Pool, point: str):
    session_id, recommendation_id = await recommended(front)
    with armed(f"{point}=raise"), pytest.raises(StoreUnavailable):
        await front.network.hand_off(AGENT, session_id, recommendation_id)
    handed = await front.network.hand_off(AGENT, session_id, recommendation_id)
    assert await one(pool, "select count(*) from checkouts") == 1
    assert str(await one(pool, "select checkout_id from recommendations")) == handed.checkout.id
    assert (await front.network.session(AGENT, session_id)).state is SessionState.CHECKOUT


async def test_a_search_leads_to_one_checkout_only(front: Shopfront, pool: Pool):
    session = await searched(front)
    first = await front.network.recommend(AGENT, session.id, "offer-rose")
    second = await front.network.recommend(AGENT, session.id, "offer-tulip")
    await front.network.hand_off(AGENT, session.id, first.id)
    with pytest.raises(HandOffRefused):
        await front.network.hand_off(AGENT, session.id, second.id)
    with pytest.raises(HandOffRefused):
        await front.network.recommend(AGENT, session.id, "offer-tulip")
    assert await one(pool, "select count(*) from checkouts") == 1


async def test_of_two_merchants_offers_handed_off_at_once_one_remains(pool: Pool, tmp_path: Path):
    clock = SetClock()
    setup = make_setup(pool, tmp_path / "books.jsonl", clock=clock)
    merchants = {**setup.merchants, "other": msgspec.structs.replace(setup.merchants["shop"], id="other")}
    payments = {**setup.payments, "other": setup.payments["shop"]}
    setup = make_setup(pool, tmp_path / "books.jsonl", clock=clock, merchants=merchants, payments=payments)
    front = make_shopfront(setup, clock)
    await put_offer(pool, "ours", item_id="rose")
    await put_offer(pool, "theirs", item_id="tulip", merchant_id="other")
    session = await searched(front)
    recommendations = [await front.network.recommend(AGENT, session.id, id_) for id_ in ("ours", "theirs")]
    ended = await asyncio.gather(
        *(front.network.hand_off(AGENT, session.id, r.id) for r in recommendations), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in ended) == ["HandOff", "HandOffRefused"]
    states = await rows(pool, "select state from checkouts")
    assert sorted(row["state"] for row in states) in (["canceled", "open"], ["open"])


async def test_what_is_looked_at_first(front: Shopfront, pool: Pool):
    network, (session_id, recommendation_id) = front.network, await recommended(front)
    for unknown in (new_id(), "no-id", ""):
        with pytest.raises(SessionNotFound):
            await network.hand_off(AGENT, unknown, recommendation_id)
        with pytest.raises(RecommendationNotFound):
            await network.hand_off(AGENT, session_id, unknown)
    with pytest.raises(SessionNotFound):
        await network.hand_off("agent_2", session_id, recommendation_id)
    _, of_another_search = await recommended(front)
    with pytest.raises(RecommendationNotFound):
        await network.hand_off(AGENT, session_id, of_another_search)
    with pytest.raises(OfferUnknown):
        await network.recommend(AGENT, session_id, "offer-vase")
    async with pool.connection() as connection:
        await connection.execute("update offers set active = false where id = 'offer-rose'")
    with pytest.raises(OfferGone):
        await network.hand_off(AGENT, session_id, recommendation_id)
    with pytest.raises(OfferGone):
        await network.recommend(AGENT, session_id, "offer-rose")
    front.clock.at += timedelta(seconds=SESSION_TTL_S)
    with pytest.raises(SessionExpired):
        await network.hand_off(AGENT, session_id, recommendation_id)
    with pytest.raises(SessionExpired):
        await network.recommend(AGENT, session_id, "offer-tulip")
    assert (await network.session(AGENT, session_id)).session.id == session_id


class NeedsFields(FilePsp):
    async def on_page(self, merchant_id: str, total: Money, session: str) -> None:
        return None


class Broken(FilePsp):
    async def on_page(self, merchant_id: str, total: Money, session: str) -> None:
        raise ZeroDivisionError


async def test_a_search_whose_checkout_came_to_nothing_is_cancelled(front: Shopfront):
    session_id, recommendation_id = await recommended(front)
    handed = await front.network.hand_off(AGENT, session_id, recommendation_id)
    scope = Scope(merchant_id="shop", platform_id=AGENT)
    await front.engine.run(call(scope=scope), cancel(handed.checkout.id))
    assert (await front.network.session(AGENT, session_id)).state is SessionState.CANCELLED
    with pytest.raises(HandOffRefused):
        await front.network.hand_off(AGENT, session_id, recommendation_id)


def test_nobody_else_attributes_a_checkout():
    """What a caller says of the sort never becomes a fact of ours."""
    writers = [
        str(path)
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "CreateCheckout"
        and any(keyword.arg in {"attribution", None} for keyword in node.keywords)
    ]
    assert writers == ["ucp_server/engine/attribution.py"]


@pytest.mark.parametrize("handlers", [(), (NeedsFields,), (Broken, NeedsFields)])
async def test_a_merchant_without_a_way_to_be_paid_is_not_ready(
    pool: Pool, tmp_path: Path, handlers: tuple[type[FilePsp], ...]
):
    clock, books = SetClock(), tmp_path / "books.jsonl"
    await put_offer(pool, "offer-rose")
    payments = {"shop": {handler.__name__: handler(books) for handler in handlers}}
    setup = make_setup(pool, books, clock=clock, payments=payments, vaults={})
    front = make_shopfront(setup, clock)
    session_id, recommendation_id = await recommended(front)
    with pytest.raises(MerchantNotReady):
        await front.network.hand_off(AGENT, session_id, recommendation_id)


async def test_a_card_that_is_kept_pays_without_our_page(pool: Pool, tmp_path: Path):
    clock, books = SetClock(), tmp_path / "books.jsonl"
    await put_offer(pool, "offer-rose")
    psp = NeedsFields(books)
    setup = make_setup(
        pool, books, clock=clock, payments={"shop": {"psp": psp}}, vaults={"shop": ("psp", psp)}
    )
    front = make_shopfront(setup, clock)
    handed = await front.network.hand_off(AGENT, *await recommended(front))
    assert handed.checkout.state is State.OPEN


async def test_what_is_no_longer_sold_is_not_handed_off(front: Shopfront, pool: Pool):
    session_id, recommendation_id = await recommended(front)
    del prices_of(front.setup).prices["rose"]
    with pytest.raises(HandOffRefused):
        await front.network.hand_off(AGENT, session_id, recommendation_id)
    assert await one(pool, "select count(*) from checkouts") == 0
    assert (await front.network.session(AGENT, session_id)).state is SessionState.ACTIVE


async def test_no_update_changes_the_attribution(front: Shopfront):
    session_id, recommendation_id = await recommended(front)
    handed = await front.network.hand_off(AGENT, session_id, recommendation_id)
    wanted = update(handed.checkout.id, tulip=1)
    forged = msgspec.structs.replace(
        wanted, wanted=msgspec.structs.replace(wanted.wanted, attribution={"agent_id": "agent_2"})
    )
    scope = Scope(merchant_id="shop", platform_id=AGENT)
    await front.engine.run(call(scope=scope), forged)
    after = await front.engine.read(scope, handed.checkout.id)
    assert after.revision == 2
    assert after.attribution == handed.checkout.attribution


async def test_a_link_counts_its_visits(front: Shopfront):
    _, recommendation_id = await recommended(front)
    for _ in range(3):
        await front.network.follow(recommendation_id)
    stats = await front.network.stats(recommendation_id)
    assert (stats.followed, stats.conversions) == (3, ())
    for unknown in (new_id(), "no-id"):
        with pytest.raises(RecommendationNotFound):
            await front.network.follow(unknown)


async def test_searches_that_led_to_nothing_are_forgotten_after_a_week(front: Shopfront, pool: Pool):
    unused, (used, _) = await searched(front), await recommended(front)
    front.clock.at += timedelta(seconds=SESSION_TTL_S) + trim.SEARCHES_KEPT
    await trim.run_once(pool, front.clock)
    assert (await front.network.session(AGENT, unused.id)).session == unused
    front.clock.at += timedelta(seconds=1)
    await trim.run_once(pool, front.clock)
    with pytest.raises(SessionNotFound):
        await front.network.session(AGENT, unused.id)
    assert (await front.network.session(AGENT, used)).session.id == used
