"""The tools of the protocol over MCP (field.md 8): search, requirements, link. There the journey ends.

The link step pays nothing, confirms no order, proves no eligibility and records no conversion.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ucp_server.aap.amounts import number_of
from ucp_server.aap.errors import text_of
from ucp_server.aap.ids import read_id
from ucp_server.aap.incoming import Incoming
from ucp_server.aap.offers import decode_tool_query, render_search
from ucp_server.aap.operations import Operations
from ucp_server.aap.schema import Schemas
from ucp_server.asgi.mcp import McpServer, Tool, ToolFailed
from ucp_server.domain.attribution import Offer
from ucp_server.domain.errors import Refusal
from ucp_server.store.ids import ulid_of

Wire = dict[str, Any]
C = TypeVar("C")
# What a tool does for a caller with the arguments that it was given.
Act = Callable[[C, Wire], Awaitable[Wire]]

PATH: Final = "/v1/mcp"
NEXT: Final = (
    "Give this link to the buyer. Nothing is paid or ordered: the buyer does that on the page, and the "
    "merchant confirms it. Never ask for card data, and do not tell the buyer that the order is placed."
)
_INSTRUCTIONS: Final = (
    "Find offers with search_offers, tell the buyer what get_checkout_requirements names, and end with "
    "get_checkout_link. The buyer pays on the page that the link opens."
)
_REQUIREMENTS: Final = (
    ("name", True, "The order is made out to it."),
    ("email", True, "The confirmation is sent there."),
    ("phone", False, "The provider may have a question."),
    ("payment", True, "Given by the buyer on the checkout page, never to an assistant."),
)
_CREDIT_CHECK: Final = ("credit_check", True, "The provider looks at the buyer's credit record.")


def tools_of(schemas: Schemas, search: Act[C], requirements: Act[C], link: Act[C]) -> tuple[Tool[C], ...]:
    """The three tools in the order in which they are used."""
    return (
        Tool(
            name="search_offers",
            title="Search offers",
            description="Find offers. Opens a session of 24 hours, which the link needs.",
            input_schema=_form(schemas, "search_offers_request"),
            output_schema=_form(schemas, "offers_reply"),
            call=search,
        ),
        Tool(
            name="get_checkout_requirements",
            title="Checkout requirements",
            description="What the buyer has to bring to the checkout of an offer.",
            input_schema=_form(schemas, "requirements_request"),
            output_schema=_form(schemas, "requirements_reply"),
            call=requirements,
            only_reads=True,
        ),
        Tool(
            name="get_checkout_link",
            title="Checkout link",
            description="A page on which the buyer can order and pay the offer. It charges nothing.",
            input_schema=_form(schemas, "link_request"),
            output_schema=_form(schemas, "link_reply"),
            call=link,
        ),
    )


def server_of(tools: tuple[Tool[C], ...], version: str) -> McpServer[C]:
    return McpServer(
        name="aap",
        title="Agent Attribution Protocol",
        version=version,
        instructions=_INSTRUCTIONS,
        tools=tools,
    )


def _form(schemas: Schemas, name: str) -> Wire:
    return {word: value for word, value in schemas.document(name).items() if word not in {"$schema", "$id"}}


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools over the same calls as everything else; what they refuse is for the model to read."""

    operations: Operations

    async def search(self, incoming: Incoming, arguments: Wire) -> Wire:
        with telling_refusals():
            query = decode_tool_query(arguments)
            return render_search(*await self.operations.network.search(incoming.caller.id, query))

    async def requirements(self, incoming: Incoming, arguments: Wire) -> Wire:
        del incoming
        with telling_refusals():
            return render_requirements(await self.operations.network.offer(arguments["offer_id"]))

    async def link(self, incoming: Incoming, arguments: Wire) -> Wire:
        """Recommend and hand off in one step; asked again, a search that is handed off has its link."""
        network, agent_id = self.operations.network, incoming.caller.id
        session_id, offer_id = read_id(arguments["session_id"]), arguments["offer_id"]
        with telling_refusals():
            view = await network.session(agent_id, session_id)
            recommendation_id = view.session.recommendation_id
            if recommendation_id is None:
                made = await network.recommend(agent_id, session_id, offer_id, arguments.get("context"))
                recommendation_id = made.id
            handed = await network.hand_off(agent_id, session_id, recommendation_id)
            if handed.offer.id != offer_id:
                raise ToolFailed("Another offer of this search was handed off; please search again.")
            return {
                "checkout_url": self.operations.link(handed, incoming)["checkoutUrl"],
                "session_id": ulid_of(handed.session.id),
                "offer_id": offer_id,
                "recommendation_id": ulid_of(recommendation_id),
                "next": NEXT,
            }


@contextmanager
def telling_refusals() -> Iterator[None]:
    """A refusal is the tool's failure, in the words of the table."""
    try:
        yield
    except Refusal as refusal:
        raise ToolFailed(text_of(refusal)) from refusal


def render_requirements(offer: Offer) -> Wire:
    asked = [*_REQUIREMENTS]
    if offer.criteria.get("requires_credit_check") is True:
        asked.append(_CREDIT_CHECK)
    return {
        "offer_id": offer.id,
        "name": offer.name,
        "price": number_of(offer.price),
        "currency": offer.price.currency,
        "requirements": [
            {"field": field, "required": required, "reason": reason} for field, required, reason in asked
        ],
    }
