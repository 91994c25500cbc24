"""Who is let in, and how often."""

from conformance.aap.network import AAP, NOBODYS, Network, refused, told
from conformance.registry import Wire, check, expect, lacking

SECTION = "aap-spec v1, authentication"
RATES = "aap-spec v1, rate limits"

AGENTS = (
    ("GET", "/v1/offers"),
    ("POST", "/v1/recommend"),
    ("POST", "/v1/checkout"),
    ("POST", "/v1/purchase"),
    ("GET", f"/v1/sessions/{NOBODYS}"),
)


def _body(method: str) -> Wire | None:
    return {} if method == "POST" else None


@check("aap-spec v1, GET /health", releases=AAP)
async def health_needs_no_key(network: Network) -> None:
    """Anybody may ask whether the server is well, and what it speaks."""
    document = told(await network.ask("GET", "/health", key=""))
    expect(all(document.get(name) for name in ("status", "version", "protocol")), "a member lacks")


@check(SECTION, releases=AAP)
async def no_key_is_401(network: Network) -> None:
    """Without a key every call of an agent is answered 401."""
    for method, path in AGENTS:
        refused(await network.ask(method, path, _body(method), key=""), 401)


@check(SECTION, releases=AAP)
async def a_wrong_key_is_401(network: Network) -> None:
    """A key that was never issued is answered 401."""
    for method, path in AGENTS:
        refused(await network.ask(method, path, _body(method), key="aap_conformance_guess"), 401)


@check(SECTION, releases=AAP)
async def a_key_may_stand_in_the_query(network: Network) -> None:
    """`?api_key=` opens what the header opens."""
    reply = await network.ask("GET", "/v1/offers", key="", api_key=network.inputs.agent_key)
    expect(reply.status == 200, f"answered {reply.status}")


@check(SECTION, releases=AAP)
async def an_agent_is_no_merchant(network: Network) -> None:
    """The key of an agent reports no conversions."""
    refused(await network.ask("POST", "/v1/conversions", {}), 401)


@check(SECTION, releases=AAP)
async def a_merchant_is_no_agent(network: Network) -> None:
    """The key of a merchant searches and hands off nothing."""
    for method, path in AGENTS:
        refused(await network.as_merchant(method, path, _body(method)), 401)


@check("aap-spec v1, sessions", releases=AAP)
async def a_foreign_session_is_unknown(network: Network) -> None:
    """Another agent's session is answered 404: sessions are not transferable."""
    other = network.inputs.other_agent_key or lacking("--other-agent-key")
    made = await network.recommended()
    refused(await network.session(made["sessionId"], other), 404)
    ids = {name: made[name] for name in ("sessionId", "recommendationId")}
    refused(await network.ask("POST", "/v1/checkout", ids, key=other), 404, "Session not found")


@check(RATES, releases=AAP)
async def the_rate_is_told(network: Network) -> None:
    """Answers to an agent tell its limit, what is left of it, and when it is whole again."""
    first, second = await network.search(), await network.search()
    for reply in (first, second):
        for name in ("limit", "remaining", "reset"):
            value = reply.headers.get(f"x-ratelimit-{name}", "")
            expect(value.isdigit(), f"X-RateLimit-{name} is {value!r}", reply)
    left = [int(reply.headers["x-ratelimit-remaining"]) for reply in (first, second)]
    limit = int(second.headers["x-ratelimit-limit"])
    expect(left[1] < left[0] or left[1] == limit - 1, f"{left} are left")
