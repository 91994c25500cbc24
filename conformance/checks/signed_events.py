"""How an event says what it is and whose, since 2026-04-08: headers, and a signature over all of it."""

import time
from urllib.parse import urlsplit

from conformance import forms
from conformance.hearing import heard
from conformance.http_signatures import (
    Received,
    Signature,
    check_digest,
    signature_of,
    to_cover,
    verify,
)
from conformance.jws import SignatureFault
from conformance.platform import Delivery
from conformance.registry import SINCE_APRIL, Broken, Wire, check, expect, lacking
from conformance.shop import Shop

SECTION = "signatures#REST Request Signing"
# Clocks that nobody keeps differ by minutes; milliseconds in place of seconds by far more.
CLOCKS_DIFFER_BY_S = 3600


def _received(shop: Shop, delivery: Delivery) -> Received:
    url = shop.platform.hook_url(delivery.receiver)
    return Received("POST", url, delivery.headers, delivery.body)


async def _event(shop: Shop) -> Received:
    return _received(shop, (await shop.scene(heard)).delivery)


def _signature(event: Received) -> Signature:
    try:
        return signature_of(event)
    except SignatureFault as fault:
        lacking(f"a readable signature ({fault})")


def _keys(shop: Shop) -> dict[str, Wire]:
    return {str(each.get("kid")): each for each in forms.keys(shop.release, shop.profile) or []}


@check("order#Order Event Webhook", releases=SINCE_APRIL)
async def event_names_itself_in_headers(shop: Shop) -> None:
    """An event comes with a Webhook-Id, and a Webhook-Timestamp in seconds of now."""
    headers = (await _event(shop)).headers
    expect(headers.get("webhook-id"), "there is no Webhook-Id")
    told = headers.get("webhook-timestamp", "")
    expect(told.isdigit(), f"Webhook-Timestamp is {told!r}")
    expect(abs(int(told) - time.time()) < CLOCKS_DIFFER_BY_S, f"Webhook-Timestamp is {told}")


@check("order#Order Event Webhook", releases=SINCE_APRIL)
async def event_names_its_shop(shop: Shop) -> None:
    """UCP-Agent names the shop's own profile, where the key is found that signed the event."""
    event = await _event(shop)
    agent = event.headers.get("ucp-agent", "")
    url = agent.partition('profile="')[2].partition('"')[0]
    expect("/.well-known/ucp" in urlsplit(url).path, f"UCP-Agent is {agent!r}")
    reply = await shop.client.send("GET", url)
    expect(reply.status == 200, f"{url} answered {reply.status}")
    profile = reply.document()
    published = forms.keys(str(profile.get("ucp", {}).get("version")), profile) or []
    kids = [each.get("kid") for each in published]
    key_id = _signature(event).key_id
    expect(key_id in kids, f"{key_id!r} signed, {url} has {kids}")


@check("order#Webhook Signature Verification", releases=SINCE_APRIL)
async def signature_holds(shop: Shop) -> None:
    """Signature and Signature-Input are made by the published key that they name."""
    try:
        verify(await _event(shop), _keys(shop))
    except SignatureFault as fault:
        raise Broken(str(fault)) from fault


@check(SECTION, releases=SINCE_APRIL)
async def digest_is_of_the_body(shop: Shop) -> None:
    """Content-Digest is the SHA-256 of the bytes that came."""
    try:
        check_digest(await _event(shop))
    except SignatureFault as fault:
        raise Broken(str(fault)) from fault


@check(SECTION, releases=SINCE_APRIL)
async def signature_covers_everything(shop: Shop) -> None:
    """Method, authority, path, body and the headers that name the shop and the event are covered."""
    event = await _event(shop)
    missing = to_cover(event) - set(_signature(event).covered)
    expect(not missing, f"not covered: {sorted(missing)}")


@check(SECTION, releases=SINCE_APRIL)
async def algorithm_is_the_keys(shop: Shop) -> None:
    """Signature-Input names the key and no algorithm: that follows from the key."""
    parameters = _signature(await _event(shop)).parameters
    expect(parameters.get("keyid"), f"parameters are {parameters}")
    expect("alg" not in parameters, f"alg is {parameters.get('alg')!r}")


@check("order#Webhook Signature Verification", releases=SINCE_APRIL)
async def every_event_is_signed(shop: Shop) -> None:
    """Whatever was told, to whomever, and told again, has a signature that holds."""
    await shop.scene(heard)
    for delivery in shop.platform.deliveries:
        try:
            verify(_received(shop, delivery), _keys(shop))
        except SignatureFault as fault:
            raise Broken(f"the event to {delivery.receiver}: {fault}") from fault
