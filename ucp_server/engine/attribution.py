"""The network of recommendations: search, recommend, hand off to a checkout, look at what came of it.

A search belongs to its agent and lives for a day; it leads to one sale at most. What a checkout is
attributed to is written here, from our own rows, and by nobody else.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from ucp_server.domain.attribution import (
    SESSION_TTL_S,
    Offer,
    OfferQuery,
    Recommendation,
    SearchSession,
    SessionState,
)
from ucp_server.domain.checkout import Buyer, Checkout
from ucp_server.domain.errors import (
    CheckoutNotFound,
    HandlerUnavailable,
    HandOffRefused,
    InvalidRequest,
    KeyReused,
    MerchantNotReady,
    OfferGone,
    OfferUnknown,
    ProblemRefused,
    RecommendationNotFound,
    Refusal,
    ReplyExpired,
    RevisionConflict,
    SessionExpired,
    SessionNotFound,
)
from ucp_server.domain.ledger import Conversion
from ucp_server.domain.lifecycle import State
from ucp_server.domain.lines import WantedLine
from ucp_server.engine.asking import ask_for_page
from ucp_server.engine.checkout import REVISIONS_TRIED_MAX
from ucp_server.engine.codes import Code, Codes
from ucp_server.engine.commands import Call, CancelCheckout, CreateCheckout, Key, Rendering, Scope, Wanted
from ucp_server.engine.faults import fault_point
from ucp_server.engine.ledger import conversions_of_session
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.ports import Offers, Payment
from ucp_server.store.database import read, statement
from ucp_server.store.ids import is_id, new_id
from ucp_server.store.recommendations import (
    count_followed,
    insert_recommendation,
    load_any_recommendation,
    load_recommendations_of_session,
    mark_checkout,
)
from ucp_server.store.search_sessions import insert_session, load_session, update_session

log = logging.getLogger(__name__)

# A checkout in which one of these is found is worth nothing to its buyer.
_REFUSING: Final = frozenset({"out_of_stock", "item_unavailable", "not_found"})

_PLACES: Final = {SessionState.CREATED: 0, SessionState.ACTIVE: 1, SessionState.CHECKOUT: 2}
_LOST: Final = frozenset({State.CANCELED, State.EXPIRED})


@dataclass(frozen=True, slots=True)
class Found:
    """An offer as it was found, with its signed statement."""

    offer: Offer
    code: Code


@dataclass(frozen=True, slots=True)
class HandOff:
    """``checkout`` is open, or what became of it since; ``offer`` is as it is now."""

    checkout: Checkout
    offer: Offer
    recommendation: Recommendation
    session: SearchSession


@dataclass(frozen=True, slots=True)
class SessionView:
    """``state`` is the search's, or what the ledger says once there is a sale."""

    session: SearchSession
    state: SessionState
    recommendations: tuple[Recommendation, ...]
    conversions: tuple[Conversion, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    recommendation: Recommendation
    followed: int
    conversions: tuple[Conversion, ...]


class Network:
    """Use cases of agents over one `Setup`. Every id of somebody else is an unknown one."""

    def __init__(self, setup: Setup, engine: Engine, offers: Offers, codes: Codes) -> None:
        self._setup = setup
        self._engine = engine
        self._offers = offers
        self._codes = codes

    async def search(self, agent_id: str, query: OfferQuery) -> tuple[SearchSession, tuple[Found, ...]]:
        """Offers that fit, cheapest first, and the session in which they may be recommended."""
        found = await self._offers.search(query)
        at = self._setup.clock.now()
        session = SearchSession(
            id=new_id(),
            agent_id=agent_id,
            state=SessionState.CREATED,
            revision=1,
            created_at=at,
            expires_at=at + timedelta(seconds=SESSION_TTL_S),
            offer_ids=tuple(offer.id for offer in found),
        )
        coded = tuple([Found(offer, await self._codes.issue(offer, at)) for offer in found])
        async with statement(self._setup.pool) as tx:
            await insert_session(tx, session)
        return session, coded

    async def offer(self, offer_id: str) -> Offer:
        """Raises OfferUnknown, and OfferGone for one that is not active."""
        offer = await self._offers.find(offer_id)
        if offer is None:
            raise OfferUnknown
        if not offer.active:
            raise OfferGone
        return offer

    async def recommend(
        self, agent_id: str, session_id: str, offer_id: str, context: str | None = None
    ) -> Recommendation:
        """Write down that the agent recommends an offer of its search.

        Raises SessionNotFound, SessionExpired, OfferUnknown, OfferGone; HandOffRefused where the
        search has become a checkout or has as many recommendations as it may.
        """
        session = await self._open_session(agent_id, session_id)
        if offer_id not in session.offer_ids:
            raise OfferUnknown
        offer = await self._offer_as_it_is(offer_id)
        if session.state is SessionState.CHECKOUT:
            raise HandOffRefused("This search has become a checkout.")
        at = self._setup.clock.now()
        recommendation = Recommendation(
            id=new_id(),
            session_id=session.id,
            agent_id=agent_id,
            offer=offer,
            code=(await self._codes.issue(offer, at)).text,
            created_at=at,
            context=context,
        )
        async with statement(self._setup.pool) as tx:
            is_inserted = await insert_recommendation(tx, recommendation)
        if not is_inserted:
            raise HandOffRefused("This search has too many recommendations.")
        await self._move(session, SessionState.ACTIVE)
        return recommendation

    async def hand_off(
        self, agent_id: str, session_id: str, recommendation_id: str, buyer: Buyer | None = None
    ) -> HandOff:
        """A checkout of the recommended offer; asked again, the same one.

        Raises, looked at in this order: SessionNotFound, SessionExpired, RecommendationNotFound,
        OfferGone, MerchantNotReady, HandOffRefused; StoreUnavailable at any time.
        """
        session = await self._open_session(agent_id, session_id)
        recommendation = await self._recommendation_of(session, recommendation_id)
        offer = await self._offer_as_it_is(recommendation.offer.id)
        await self._check_merchant(offer)
        _check_is_first(session, recommendation.id)
        checkout = await self._checkout_of(session, recommendation, buyer)
        session = await self._bind(session, recommendation, checkout)
        return HandOff(checkout, offer, replace(recommendation, checkout_id=checkout.id), session)

    async def session(self, agent_id: str, session_id: str) -> SessionView:
        """Raises SessionNotFound."""
        session = await self._session(agent_id, session_id)
        async with read(self._setup.pool) as db:
            recommendations = await load_recommendations_of_session(db, session.id)
        conversions = await conversions_of_session(self._setup, session.id)
        if conversions:
            state = conversions[-1].session_state
        else:
            state = await self._state_without_sale(session, recommendations)
        return SessionView(session, state, tuple(recommendations), conversions)

    async def recommendation(self, recommendation_id: str) -> Recommendation:
        """For whoever holds its link. Raises RecommendationNotFound."""
        if not is_id(recommendation_id):
            raise RecommendationNotFound
        async with read(self._setup.pool) as db:
            found = await load_any_recommendation(db, recommendation_id)
        if found is None:
            raise RecommendationNotFound
        return found

    async def follow(self, recommendation_id: str) -> Recommendation:
        """Somebody followed its link. Raises RecommendationNotFound."""
        if not is_id(recommendation_id):
            raise RecommendationNotFound
        async with statement(self._setup.pool) as tx:
            found = await count_followed(tx, recommendation_id)
        if found is None:
            raise RecommendationNotFound
        return found

    async def stats(self, recommendation_id: str) -> Stats:
        """Raises RecommendationNotFound."""
        found = await self.recommendation(recommendation_id)
        conversions = await conversions_of_session(self._setup, found.session_id)
        ours = tuple(one for one in conversions if one.attribution.recommendation_id == found.id)
        return Stats(found, found.followed, ours)

    async def _state_without_sale(
        self, session: SearchSession, recommendations: Sequence[Recommendation]
    ) -> SessionState:
        """A search whose checkout came to nothing is over."""
        handed_off = [one for one in recommendations if one.id == session.recommendation_id]
        for one in handed_off:
            scope = Scope(merchant_id=one.offer.merchant_id, platform_id=session.agent_id)
            checkout = await self._engine.read(scope, one.checkout_id or "")
            if checkout.state in _LOST:
                return SessionState.CANCELLED
        return session.state

    # --- what has to be there ---

    async def _session(self, agent_id: str, session_id: str) -> SearchSession:
        if not is_id(session_id):
            raise SessionNotFound
        async with read(self._setup.pool) as db:
            session = await load_session(db, session_id, agent_id=agent_id)
        if session is None:
            raise SessionNotFound
        return session

    async def _open_session(self, agent_id: str, session_id: str) -> SearchSession:
        session = await self._session(agent_id, session_id)
        if session.expires_at <= self._setup.clock.now():
            raise SessionExpired
        return session

    async def _recommendation_of(self, session: SearchSession, recommendation_id: str) -> Recommendation:
        async with read(self._setup.pool) as db:
            found = await load_recommendations_of_session(db, session.id)
        for recommendation in found:
            if recommendation.id == recommendation_id:
                return recommendation
        raise RecommendationNotFound

    async def _offer_as_it_is(self, offer_id: str) -> Offer:
        offer = await self._offers.find(offer_id)
        if offer is None or not offer.active:
            raise OfferGone
        return offer

    async def _check_merchant(self, offer: Offer) -> None:
        """The buyer must be able to pay: on our page, or with a card that is kept."""
        if offer.merchant_id not in self._setup.merchants:
            raise MerchantNotReady
        handlers = self._setup.payments.get(offer.merchant_id, {}).values()
        if offer.merchant_id in self._setup.vaults:
            return
        if not any([await self._pays_on_page(handler, offer) for handler in handlers]):
            raise MerchantNotReady

    async def _pays_on_page(self, handler: Payment, offer: Offer) -> bool:
        within_s = self._setup.timings.ask_within_s
        try:
            found = await ask_for_page(handler, offer.merchant_id, offer.price, "", within_s=within_s)
        except HandlerUnavailable:
            return False
        return found is not None

    # --- the checkout ---

    async def _checkout_of(
        self, session: SearchSession, recommendation: Recommendation, buyer: Buyer | None
    ) -> Checkout:
        """One per search: the search is the key, so that twins and repeats get the same one."""
        offer, at = recommendation.offer, self._setup.clock.now()
        scope = Scope(merchant_id=offer.merchant_id, platform_id=session.agent_id)
        command = CreateCheckout(
            wanted=Wanted(lines=(WantedLine(item_id=offer.item_id, quantity=1),), buyer=buyer),
            ttl_s=max(1, int((session.expires_at - at).total_seconds())),
            attribution=recommendation.attribution,
        )
        key = Key(operation="hand_off", key=session.id, fingerprint=recommendation.id.encode())
        try:
            checkout_id = await self._create(_call(scope, key), key, command)
            checkout = await self._engine.read(scope, checkout_id)
        except (ProblemRefused, InvalidRequest, HandlerUnavailable, KeyReused, CheckoutNotFound) as error:
            raise HandOffRefused(error.text) from error
        if checkout.state in _LOST:
            raise HandOffRefused(f"The checkout of this search is {checkout.state}.")
        return checkout

    async def _create(self, call: Call, key: Key, command: CreateCheckout) -> str:
        """The id of the checkout. A repeat is not priced again: the item may be gone by now."""
        try:
            answer = await self._engine.replay(call.scope, key) or await self._engine.run(call, command)
        except ReplyExpired as expired:
            return expired.checkout_id
        return answer.reply.decode()

    async def _bind(
        self, session: SearchSession, recommendation: Recommendation, checkout: Checkout
    ) -> SearchSession:
        """Say which checkout the search has become. Safe to repeat."""
        await fault_point("hand_off.created")
        async with statement(self._setup.pool) as tx:
            await mark_checkout(tx, checkout.merchant_id, recommendation.id, checkout.id)
        await fault_point("hand_off.marked")
        try:
            return await self._move(session, SessionState.CHECKOUT, recommendation.id)
        except HandOffRefused:
            # Another merchant's offer of the same search was faster.
            await self._abandon(checkout)
            raise

    async def _move(
        self, session: SearchSession, to: SessionState, recommendation_id: str | None = None
    ) -> SearchSession:
        """Forward only. Raises HandOffRefused where another recommendation was handed off."""
        for _ in range(REVISIONS_TRIED_MAX):
            if recommendation_id is not None:
                _check_is_first(session, recommendation_id)
            if _PLACES[session.state] >= _PLACES[to]:
                return session
            moved = replace(
                session, state=to, revision=session.revision + 1, recommendation_id=recommendation_id
            )
            async with statement(self._setup.pool) as tx:
                is_ours = await update_session(tx, moved)
            if is_ours:
                return moved
            session = await self._session(session.agent_id, session.id)
        raise RevisionConflict

    async def _abandon(self, checkout: Checkout) -> None:
        """Nobody was told of it, so that whatever stands in the way of this ends with its time."""
        scope = Scope(merchant_id=checkout.merchant_id, platform_id=checkout.platform_id)
        with suppress(Refusal):
            await self._engine.run(_call(scope), CancelCheckout(checkout_id=checkout.id))


def _check_is_first(session: SearchSession, recommendation_id: str) -> None:
    if session.recommendation_id not in {None, recommendation_id}:
        raise HandOffRefused("Another recommendation of this search has become a checkout.")


def _call(scope: Scope, key: Key | None = None) -> Call:
    """Answers with the checkout's id: the engine's caller is the engine."""
    return Call(
        scope=scope,
        render=lambda checkout: checkout.id.encode(),
        render_refusal=lambda refusal: refusal.code.encode(),
        rendering=Rendering(binding="network", terms=b""),
        key=key,
        refusing_problems=_REFUSING,
    )
