"""The paths of the protocol (field.md 8), who may ask for each, and the form of its reply."""

from collections.abc import Callable
from typing import Final, NamedTuple

from starlette.requests import Request

from ucp_server.aap import redirects
from ucp_server.aap.incoming import Caller, Incoming, Party
from ucp_server.asgi.facts import facts_of


class Row(NamedTuple):
    """``operation`` is a method of `Operations`; ``reply`` the form of what it answers, "" for no JSON."""

    path: str
    method: str
    operation: str
    party: Party
    reply: str


ROWS: Final = (
    Row("/v1/offers", "GET", "search_offers", Party.AGENT, "offers_reply"),
    Row("/v1/recommend", "POST", "recommend", Party.AGENT, "recommend_reply"),
    Row("/v1/checkout", "POST", "checkout", Party.AGENT, "checkout_reply"),
    Row("/v1/checkout/{id}", "GET", "read_checkout", Party.MERCHANT, "metadata_reply"),
    Row("/v1/purchase", "POST", "purchase", Party.AGENT, "purchase_reply"),
    Row("/v1/sessions/{id}", "GET", "read_session", Party.AGENT, "session_reply"),
    Row("/v1/evidence/{id}", "POST", "take_evidence", Party.ANYBODY, "evidence_reply"),
    Row("/v1/conversions", "POST", "report_conversion", Party.MERCHANT, "conversion_reply"),
    Row("/v1/conversions/{id}", "GET", "read_conversion", Party.MERCHANT, "conversion_reply"),
    Row("/v1/conversions/{id}/{ruling}", "POST", "rule", Party.MERCHANT, "conversion_reply"),
    Row("/v1/codes/issue", "POST", "issue_code", Party.AGENT_OR_MERCHANT, "code_reply"),
    Row("/v1/codes/verify", "POST", "verify_code", Party.ANYBODY, "code_verify_reply"),
    Row("/v1/codes/public-key", "GET", "read_public_key", Party.ANYBODY, "public_key_reply"),
    Row(redirects.PATH, "GET", "follow", Party.ANYBODY, ""),
    Row(redirects.PATH + "/convert", "POST", "convert", Party.MERCHANT, "conversion_reply"),
    Row(redirects.PATH + "/stats", "GET", "read_stats", Party.AGENT_OR_MERCHANT, "stats_reply"),
    Row("/health", "GET", "health", Party.ANYBODY, "health_reply"),
)

SiteOf = Callable[[Request, str], str]


async def read_incoming(request: Request, caller: Caller, site_of: SiteOf) -> Incoming:
    """The request with its whole body, which the guard has bounded before."""
    return Incoming(
        caller=caller,
        headers=request.headers,
        query=query_of(request),
        raw=await request.body(),
        site_of=lambda merchant_id: site_of(request, merchant_id),
        facts=facts_of(request.scope),
        target=request.path_params.get("id", ""),
        ruling=request.path_params.get("ruling", ""),
    )


def query_of(request: Request) -> dict[str, str]:
    """Of a name that comes several times the first value counts."""
    return dict(reversed(request.query_params.multi_items()))
