"""What each call does: read the body, ask the engine, write the reply. Refusals leave as they are."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ucp_server.aap import redirects
from ucp_server.aap.amounts import money_of
from ucp_server.aap.bodies import Bodies, parse
from ucp_server.aap.checkout import PagePath, decode_buyer, render_hand_off, render_metadata
from ucp_server.aap.codes import render_code, render_public_keys, render_verdict
from ucp_server.aap.evidence import (
    SIGNATURE_HEADER,
    check_signature,
    decode_evidence,
    refuse_made_up,
    render_recorded,
)
from ucp_server.aap.ids import read_id
from ucp_server.aap.incoming import Incoming, Party
from ucp_server.aap.offers import decode_query, render_recommendation, render_search
from ucp_server.aap.purchase import Purchases
from ucp_server.aap.refusals import BadRequest, NotRecommended, NotSigned
from ucp_server.aap.sessions import render_conversion, render_session, render_stats
from ucp_server.asgi.reply import Reply
from ucp_server.domain.attribution import Recommendation
from ucp_server.domain.errors import (
    CheckoutNotFound,
    ConversionNotFound,
    HandOffRefused,
    RecommendationNotFound,
    SessionNotFound,
)
from ucp_server.domain.ledger import ConversionState
from ucp_server.domain.money import Money
from ucp_server.engine.attribution import HandOff, Network
from ucp_server.engine.codes import Codes
from ucp_server.engine.ledger import Ledger
from ucp_server.engine.reading import read_checkout_of_any
from ucp_server.engine.setup import Setup
from ucp_server.engine.sources import Sources

Wire = dict[str, Any]

# What a merchant may decide of a conversion, by the last segment of the path.
RULINGS: Final = MappingProxyType(
    {
        "validate": ConversionState.VALIDATED,
        "settle": ConversionState.SETTLED,
        "clawback": ConversionState.CLAWED_BACK,
        "dispute": ConversionState.DISPUTED,
        "resolve": ConversionState.RESOLVED,
    }
)
PROTOCOL: Final = "AAP/1.0.0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Operations:
    """The calls over one engine; ``version`` is the server's own, ``page_path`` where buyers pay.

    ``back_path`` is the same for who comes from a payment provider.
    """

    setup: Setup
    network: Network
    ledger: Ledger
    codes: Codes
    sources: Sources
    purchases: Purchases
    bodies: Bodies
    page_path: PagePath
    back_path: PagePath
    version: str

    async def health(self, incoming: Incoming) -> Wire:
        del incoming
        return {"status": "ok", "version": self.version, "protocol": PROTOCOL}

    # --- agents: search, recommend, hand off ---

    async def search_offers(self, incoming: Incoming) -> Wire:
        query = decode_query(incoming.query)
        return render_search(*await self.network.search(incoming.caller.id, query))

    async def recommend(self, incoming: Incoming) -> Wire:
        body = self.bodies.read("recommend_request", incoming.raw)
        context = body.get("context")
        try:
            recommendation = await self.network.recommend(
                incoming.caller.id,
                read_id(body["sessionId"]),
                body["offerId"],
                context if isinstance(context, str) else None,
            )
        except HandOffRefused as refusal:
            # The same refusal as at a hand-off, where it has a text of its own.
            raise NotRecommended(refusal.text) from refusal
        site = incoming.site_of(recommendation.offer.merchant_id)
        return render_recommendation(recommendation, redirects.fallback_url(site, recommendation))

    async def checkout(self, incoming: Incoming) -> Wire:
        body = self.bodies.read("checkout_request", incoming.raw)
        handed = await self.network.hand_off(
            incoming.caller.id,
            read_id(body["sessionId"]),
            read_id(body["recommendationId"]),
            decode_buyer(body.get("userDetails")),
        )
        return self.link(handed, incoming)

    async def purchase(self, incoming: Incoming) -> Wire:
        body = self.bodies.read("purchase_request", incoming.raw)
        recommendation = await self.network.recommendation(read_id(body["recommendationId"]))
        if recommendation.agent_id != incoming.caller.id:
            raise RecommendationNotFound
        if "sessionId" in body and read_id(body["sessionId"]) != recommendation.session_id:
            raise SessionNotFound
        handed = await self.network.hand_off(
            incoming.caller.id,
            recommendation.session_id,
            recommendation.id,
            decode_buyer(body.get("userDetails")),
        )
        link = self.link(handed, incoming)
        if "storedMethodId" not in body:
            return link
        # What other protocols put before the id of a method is no part of it.
        method_id = read_id(body["storedMethodId"].rpartition(".")[2])
        site = incoming.site_of(handed.checkout.merchant_id)
        return await self.purchases.pay(
            handed,
            method_id,
            link,
            page_url=lambda checkout: site + self.back_path(checkout.id, checkout.link_token),
        )

    def link(self, handed: HandOff, incoming: Incoming) -> Wire:
        """The hand-off, for the agent to pass on."""
        checkout = handed.checkout
        incoming.facts["merchant"], incoming.facts["checkout"] = checkout.merchant_id, checkout.id
        return render_hand_off(
            handed,
            merchant=self.setup.merchants[checkout.merchant_id].title,
            page_url=incoming.site_of(checkout.merchant_id)
            + self.page_path(checkout.id, checkout.link_token),
        )

    async def read_session(self, incoming: Incoming) -> Wire:
        return render_session(await self.network.session(incoming.caller.id, read_id(incoming.target)))

    # --- merchants: tell of sales, decide ---

    async def report_conversion(self, incoming: Incoming) -> Wire:
        body = self.bodies.read("conversion_request", incoming.raw)
        merchant_id = incoming.caller.id
        amount = self._amount(merchant_id, body["transactionValue"])
        conversion = await self.ledger.report(
            merchant_id, read_id(body["sessionId"]), body["orderReference"], amount
        )
        return render_conversion(conversion)

    async def read_conversion(self, incoming: Incoming) -> Wire:
        return render_conversion(await self.ledger.conversion(incoming.caller.id, read_id(incoming.target)))

    async def rule(self, incoming: Incoming) -> Wire:
        state = RULINGS.get(incoming.ruling)
        if state is None:
            raise ConversionNotFound
        conversion = await self.ledger.rule(incoming.caller.id, read_id(incoming.target), state)
        return render_conversion(conversion)

    async def read_checkout(self, incoming: Incoming) -> Wire:
        """A merchant that is paid elsewhere hands the metadata on, so that it comes back as evidence."""
        checkout = await read_checkout_of_any(self.setup, incoming.caller.id, read_id(incoming.target))
        if checkout.attribution is None:
            raise CheckoutNotFound(checkout.id)
        return render_metadata(checkout, checkout.attribution)

    def _amount(self, merchant_id: str, number: float) -> Money:
        """A merchant tells amounts in its own currency. Raises `BadRequest`."""
        merchant = self.setup.merchants.get(merchant_id)
        if merchant is None:
            raise BadRequest("This merchant is not served here")
        return money_of(number, merchant.currency)

    # --- codes ---

    async def issue_code(self, incoming: Incoming) -> Wire:
        body = self.bodies.read("code_issue_request", incoming.raw)
        offer = await self.network.offer(body["offerId"])
        return render_code(await self.codes.issue(offer, self.setup.clock.now()))

    async def verify_code(self, incoming: Incoming) -> Wire:
        body = self.bodies.read("code_verify_request", incoming.raw)
        return render_verdict(await self.codes.verify(body["code"], self.setup.clock.now()))

    async def read_public_key(self, incoming: Incoming) -> Wire:
        del incoming
        return render_public_keys(await self.codes.public_keys(), self.setup.clock.now())

    # --- evidence ---

    async def take_evidence(self, incoming: Incoming) -> Wire:
        """The signature is looked at before anything that it signs."""
        source = await self.sources.find(incoming.target)
        if source is None:
            raise NotSigned
        signature = incoming.headers.get(SIGNATURE_HEADER, "")
        check_signature(source.secret, signature, incoming.raw, self.setup.clock.now())
        incoming.facts["merchant"] = source.merchant_id
        body = parse(incoming.raw)
        refuse_made_up(body)
        self.bodies.check("evidence_request", body)
        evidence = decode_evidence(body, source.milestones)
        if evidence is None:
            return {"received": True, "status": "ignored"}
        return render_recorded(await self.ledger.observe(source, evidence))

    # --- tracked links ---

    async def follow(self, incoming: Incoming) -> Reply:
        recommendation = await self.network.follow(read_id(incoming.target))
        return redirects.redirect(incoming.site_of(recommendation.offer.merchant_id), recommendation)

    async def convert(self, incoming: Incoming) -> Wire:
        """The weakest report: a merchant's page saw the reference of a link that was followed."""
        recommendation = await self._of_caller(incoming)
        body = self.bodies.read("convert_request", incoming.raw)
        amount = self._amount(incoming.caller.id, body["transactionValue"])
        return render_conversion(
            await self.ledger.fallback(recommendation.id, body["orderReference"], amount)
        )

    async def read_stats(self, incoming: Incoming) -> Wire:
        recommendation = await self._of_caller(incoming)
        return render_stats(await self.network.stats(recommendation.id))

    async def _of_caller(self, incoming: Incoming) -> Recommendation:
        """The recommendation, if it is of this agent or for this merchant."""
        recommendation = await self.network.recommendation(read_id(incoming.target))
        is_agent = incoming.caller.party is Party.AGENT
        owner = recommendation.agent_id if is_agent else recommendation.offer.merchant_id
        if owner != incoming.caller.id:
            raise RecommendationNotFound
        return recommendation
