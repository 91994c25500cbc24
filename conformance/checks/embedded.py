"""Pages of a checkout within a page of the platform: what is advertised, and who may frame them."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from conformance import forms
from conformance.buying import created
from conformance.registry import EVERY, LISTED_CAPABILITIES, Wire, check, expect, lacking
from conformance.shop import Shop
from conformance.wire import Exchange

SECTION = "embedded-checkout"
TRANSPORT = "embedded"
DELEGATION = re.compile(r"[a-z_]+(\.[a-z_]+)+")
# A scheme and a host, as a policy names an origin; a part of a host left open is many origins.
ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9-]+(\.[a-z0-9-]+)*)(:[0-9]+)?", re.IGNORECASE)
STRANGER = "https://stranger.example"


def _advertised(shop: Shop) -> Wire:
    found = forms.transport(shop.profile, TRANSPORT)
    return found or lacking("the transport embedded in the profile")


async def _framed(shop: Shop, **headers: str) -> Exchange:
    """The page of a fresh checkout, as a host loads it."""
    _advertised(shop)
    checkout = await created(shop)
    parts = urlsplit(str(checkout.get("continue_url") or lacking("a continue_url")))
    query = [*parse_qsl(parts.query), ("ec_version", shop.release)]
    url = urlunsplit(parts._replace(query=urlencode(query)))
    return await shop.client.send("GET", url, {"Accept": "text/html", **headers})


def _ancestors(page: Exchange) -> list[str]:
    """The sources of `frame-ancestors`; of several policies each holds, and one has to name some."""
    policies = page.headers.get("content-security-policy", "").split(",")
    directives = [part.split() for policy in policies for part in policy.split(";")]
    named = [sources for name, *sources in filter(None, directives) if name.lower() == "frame-ancestors"]
    expect(named, "no Content-Security-Policy has frame-ancestors", page)
    return named[0]


@check(f"{SECTION}#Service-Level Discovery", releases=EVERY)
async def transport_names_its_schema(shop: Shop) -> None:
    """The profile says with an absolute URL which messages the embedded transport has."""
    schema = urlsplit(str(_advertised(shop).get("schema")))
    expect(schema.scheme == "https" and schema.netloc, f"the schema is {schema.geturl()!r}")


@check(f"{SECTION}#Per-Checkout Configuration", releases=EVERY - LISTED_CAPABILITIES)
async def checkouts_say_what_can_be_taken_over(shop: Shop) -> None:
    """A checkout that can be embedded has a continue_url, and lists what its host may take over."""
    _advertised(shop)
    checkout = await created(shop)
    found = forms.transport(checkout, TRANSPORT)
    if not found:
        lacking("a checkout that can be embedded")
    expect(found.get("version") == shop.release, f"its version is {found.get('version')!r}")
    delegate = (found.get("config") or {}).get("delegate")
    known = isinstance(delegate, list) and all(DELEGATION.fullmatch(str(each)) for each in delegate)
    expect(known, f"config.delegate is {delegate!r}")
    expect(checkout.get("continue_url"), "there is no continue_url")


@check(f"{SECTION}#Loading an Embedded Checkout URL", releases=EVERY)
async def page_is_loaded_by_its_version(shop: Shop) -> None:
    """A continue_url with the release as ec_version is answered with a page."""
    page = await _framed(shop)
    kind = page.headers.get("content-type", "").partition(";")[0].strip().lower()
    expect((page.status, kind) == (200, "text/html"), f"it is answered {page.status} {kind}", page)


@check(f"{SECTION}#Content Security Policy (CSP)", releases=EVERY)
async def page_names_its_host(shop: Shop) -> None:
    """The page lets origins frame it that it names one by one: no wildcard, no scheme alone."""
    page = await _framed(shop)
    sources = _ancestors(page)
    odd = [source for source in sources if source != "'self'" and not ORIGIN.fullmatch(source)]
    expect(not odd, f"frame-ancestors has {odd}", page)
    expect(set(sources) - {"'self'"}, "frame-ancestors names no host", page)


@check(f"{SECTION}#Strict Origin Validation", releases=EVERY)
async def nobody_names_itself_the_host(shop: Shop) -> None:
    """Who asks for the page cannot make itself its host by what it sends."""
    page = await _framed(shop, Origin=STRANGER, Referer=f"{STRANGER}/")
    expect(STRANGER not in _ancestors(page), "frame-ancestors has whoever asks", page)
