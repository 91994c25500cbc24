"""What the shop says about itself at `/.well-known/ucp`."""

from urllib.parse import urlsplit

from conformance import forms
from conformance.registry import (
    EVERY,
    MAPPED_CAPABILITIES,
    SINCE_AUGUST,
    Wire,
    check,
    expect,
    lacking,
)
from conformance.shapes import violations
from conformance.shop import SERVICE, Shop
from conformance.wire import Exchange

# A profile that platforms may keep for less than this would be fetched on every purchase.
KEPT_AT_LEAST_S = 60
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def _root(shop: Shop) -> str:
    return f"{shop.inputs.url.rstrip('/')}/.well-known/ucp"


def _listed(shop: Shop) -> list[Wire]:
    return forms.capability_entries(shop.profile.get("ucp", {}))


def _parents(capability: Wire) -> list[str]:
    extends = capability.get("extends") or []
    return [extends] if isinstance(extends, str) else list(extends)


def _keys(shop: Shop) -> list[Wire]:
    keys = forms.keys(shop.release, shop.profile)
    return [each for each in keys if isinstance(each, dict)] if isinstance(keys, list) else []


@check("overview#Discovery, Governance, and Negotiation", releases=EVERY)
async def answers_anybody(shop: Shop) -> None:
    """The profile is shown to agents, to browsers and to those who say nothing of themselves."""
    for headers in ({}, {"Accept": "text/html"}, {"UCP-Agent": 'profile="https://x.example/p"'}):
        reply = await shop.client.send("GET", shop.discovery.url, headers)
        expect(reply.status == 200, f"with {headers} it answered {reply.status}")


@check("checkout-rest#Content Types", releases=EVERY)
async def profile_is_json(shop: Shop) -> None:
    """The profile comes as application/json."""
    kind = shop.discovery.headers.get("content-type", "nothing")
    expect(shop.discovery.is_json, f"content type is {kind}", shop.discovery)


@check("overview#Business Profile", releases=EVERY)
async def profile_has_the_shape(shop: Shop) -> None:
    """The profile has the members and types that its schema demands."""
    wrong = violations(shop.inputs.release, "profile", shop.profile)
    expect(not wrong, wrong, shop.discovery)


@check("overview#Business Profile")
async def capabilities_are_a_list(shop: Shop) -> None:
    """Capabilities are an array of objects with a name each, none twice."""
    listed = shop.profile.get("ucp", {}).get("capabilities")
    expect(isinstance(listed, list), f"they are a {type(listed).__name__}", shop.discovery)
    names = [each.get("name") for each in _listed(shop)]
    expect(names, "the list is empty", shop.discovery)
    expect(len(set(names)) == len(names), f"a name appears twice: {names}", shop.discovery)


@check("overview#Business Profile", releases=MAPPED_CAPABILITIES)
async def capabilities_are_a_map(shop: Shop) -> None:
    """Capabilities are a map of names to what is offered of each, with a release each."""
    listed = shop.profile.get("ucp", {}).get("capabilities")
    expect(isinstance(listed, dict), f"they are a {type(listed).__name__}", shop.discovery)
    expect(listed, "the map is empty", shop.discovery)
    undated = [each.get("name") for each in _listed(shop) if not each.get("version")]
    expect(not undated, f"without a version: {undated}", shop.discovery)


@check("overview#Component Versioning", releases=SINCE_AUGUST)
async def own_parts_are_of_the_release(shop: Shop) -> None:
    """Whatever is called `dev.ucp.*`, services and capabilities, is of the profile's release."""
    ucp = shop.profile.get("ucp", {})
    services = [{"name": name, **each} for name, entries in ucp["services"].items() for each in entries]
    strays = [
        f"{each['name']} is of {each.get('version')}"
        for each in [*services, *_listed(shop)]
        if each["name"].startswith("dev.ucp.") and each.get("version") != ucp.get("version")
    ]
    expect(not strays, "; ".join(strays), shop.discovery)


@check("checkout#Checkout Capability", releases=EVERY)
async def checkout_is_offered(shop: Shop) -> None:
    """The checkout capability is among them."""
    expect(shop.offers("checkout"), f"offered: {shop.capabilities()}", shop.discovery)


@check("overview#Extensions", releases=EVERY)
async def extensions_name_a_parent(shop: Shop) -> None:
    """Every extension extends a capability that the same profile lists, or one of several."""
    names = set(shop.capabilities())
    orphans = [
        f"{each.get('name')} extends {each['extends']}"
        for each in _listed(shop)
        if _parents(each) and not names & set(_parents(each))
    ]
    expect(not orphans, "; ".join(orphans), shop.discovery)


@check("overview#Spec URL Binding", releases=EVERY)
async def documents_belong_to_the_namespace(shop: Shop) -> None:
    """The spec and schema of a `dev.ucp.*` capability live at https://ucp.dev."""
    strays = [
        f"{each.get('name')}.{member} is {each.get(member)}"
        for each in _listed(shop)
        if str(each.get("name", "")).startswith("dev.ucp.")
        for member in ("spec", "schema")
        if not str(each.get(member, "")).startswith("https://ucp.dev/")
    ]
    expect(not strays, "; ".join(strays), shop.discovery)


@check("overview#Service Definition", releases=EVERY)
async def shopping_service_has_an_endpoint(shop: Shop) -> None:
    """The shopping service names an absolute REST endpoint."""
    services = shop.profile.get("ucp", {}).get("services", {})
    expect(SERVICE in services, f"services are {sorted(services)}", shop.discovery)
    endpoint = forms.rest_endpoint(shop.profile) or ""
    parts = urlsplit(str(endpoint))
    absolute = bool(parts.scheme in {"http", "https"} and parts.netloc)
    expect(absolute, f"the endpoint is {endpoint!r}", shop.discovery)


@check("overview#Endpoint Resolution", releases=EVERY)
async def endpoint_is_https(shop: Shop) -> None:
    """The endpoint is https; on this machine plain http passes."""
    secure = shop.endpoint.startswith("https://") or shop.is_local()
    expect(secure, f"the endpoint is {shop.endpoint}", shop.discovery)


@check("overview#Endpoint Resolution", releases=EVERY, advice=True)
async def endpoint_has_no_trailing_slash(shop: Shop) -> None:
    """The endpoint does not end in a slash."""
    endpoint = forms.rest_endpoint(shop.profile) or ""
    expect(not endpoint.endswith("/"), f"the endpoint is {endpoint}", shop.discovery)


@check("overview#Payment Handlers", releases=EVERY)
async def handlers_can_be_told_apart(shop: Shop) -> None:
    """Ids of payment handlers are unique, and their names are reverse-DNS."""
    handlers = forms.handlers(shop.profile) or lacking("payment handlers in the profile")
    ids = [each.get("id") for each in handlers]
    expect(len(set(ids)) == len(ids), f"an id appears twice: {ids}", shop.discovery)
    flat = [each.get("name") for each in handlers if "." not in str(each.get("name"))]
    expect(not flat, f"not reverse-DNS: {flat}", shop.discovery)


@check("order#Webhook Signature Verification", releases=EVERY)
async def signing_keys_are_published(shop: Shop) -> None:
    """A shop with orders publishes the keys that it signs with, each with an id of its own."""
    shop.need_capability("order")
    ids = [each.get("kid") for each in _keys(shop)]
    expect(ids, "there are none", shop.discovery)
    expect(all(ids), f"a key has no kid: {ids}", shop.discovery)
    expect(len(set(ids)) == len(ids), f"a kid appears twice: {ids}", shop.discovery)


@check("overview#Business Profile", releases=EVERY)
async def signing_keys_are_public(shop: Shop) -> None:
    """No key in the profile carries a private member."""
    if not _keys(shop):
        lacking("keys in the profile")
    leaked = sorted({member for each in _keys(shop) for member in each} & PRIVATE_MEMBERS)
    expect(not leaked, f"private members are public: {leaked}", shop.discovery)


@check("overview#Hosting (2026-04-08)", releases=EVERY, advice=True)
async def profile_does_not_redirect(shop: Shop) -> None:
    """The profile is where it is said to be: no redirect, neither http to https nor by a slash."""
    reply = await shop.client.send("GET", _root(shop))
    expect(not 300 <= reply.status < 400, f"redirects to {reply.headers.get('location')}")


@check("overview#Hosting (2026-04-08)", releases=EVERY, advice=True)
async def profile_may_be_kept(shop: Shop) -> None:
    """Cache-Control is public with a max-age of at least a minute."""
    header = shop.discovery.headers.get("cache-control", "")
    directives = {part.strip().lower() for part in header.split(",")}
    ages = [part[8:] for part in directives if part.startswith("max-age=")]
    expect("public" in directives, f"Cache-Control is {header!r}", shop.discovery)
    expect(
        ages and ages[0].isdigit() and int(ages[0]) >= KEPT_AT_LEAST_S,
        f"Cache-Control is {header!r}",
        shop.discovery,
    )


@check("overview#Hosting (2026-04-08)", releases=EVERY, advice=True)
async def profile_can_be_revalidated(shop: Shop) -> None:
    """An ETag is sent, and If-None-Match with it is answered 304 without a body."""
    etag = shop.discovery.headers.get("etag", "")
    expect(etag, "there is no ETag", shop.discovery)
    reply = await shop.client.send("GET", shop.discovery.url, {"If-None-Match": etag})
    expect(reply.status == 304 and not reply.body, f"answered {reply.status}")


@check("overview#Business Profile", releases=EVERY)
async def profile_is_the_same_for_all(shop: Shop) -> None:
    """Asked again, the profile says the same."""
    again = await shop.client.send("GET", shop.discovery.url)
    expect(again.document() == shop.profile, "two answers differ")


@check("overview#Protocol Version (2026-04-08)", releases=EVERY)
async def leaf_profiles_fit_their_key(shop: Shop) -> None:
    """Every profile in supported_versions answers, is of its release, whole, and lists no others."""
    root = await shop.client.send("GET", _root(shop))
    if root.status != 200:
        lacking(f"a root profile (answered {root.status})")
    leaves = root.document().get("ucp", {}).get("supported_versions")
    if not leaves:
        lacking("supported_versions in the profile")
    for release, url in leaves.items():
        _fits(release, await shop.client.send("GET", str(url)))


def _fits(release: str, leaf: Exchange) -> None:
    expect(leaf.status == 200, f"{leaf.url} answered {leaf.status}")
    ucp = leaf.document().get("ucp", {})
    expect(ucp.get("version") == release, f"{leaf.url} is of {ucp.get('version')}")
    expect("supported_versions" not in ucp, f"{leaf.url} lists supported_versions")
    # Whoever was sent here reads nothing else.
    expect(forms.rest_endpoint(leaf.document()), f"{leaf.url} names no REST endpoint")
    expect(forms.capability_names(ucp), f"{leaf.url} lists no capabilities")
