"""Whether an event is the shop's: its signature held against the keys in the shop's profile."""

import time
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from ucp_server.agent.listening import Event
from ucp_server.agent.speech import Offer, Wire, is_signed_by_jws
from ucp_server.ucp.signatures import Request, SignatureRefused, verify


def is_the_shop_s(offer: Offer, event: Event) -> bool:
    """By a signature in the form of the release that the shop was asked in."""
    if is_signed_by_jws(offer.release):
        return has_detached_jws(offer.keys, event)
    return has_signature(offer.keys, event)


def has_detached_jws(keys: tuple[Wire, ...], event: Event) -> bool:
    """Whether one of ``keys`` made the event's detached JWS over its raw body (RFC 7797)."""
    token = event.headers.get("request-signature", "")
    for key in keys:
        try:
            public: dict[str, Any] = {name: key[name] for name in ("kty", "crv", "x", "y", "kid")}
            signed = jws.deserialize_compact(token, ECKey.import_key(public), payload=event.body)
        except (JoseError, ValueError, KeyError):
            continue
        if signed.headers().get("kid") == key["kid"]:
            return True
    return False


def has_signature(keys: tuple[Wire, ...], event: Event) -> bool:
    """Whether one of ``keys`` signed the request that brought the event (RFC 9421)."""
    request = Request(method="POST", url=event.url, headers=event.headers, body=event.body)
    try:
        verify(request, keys, time.time())
    except (SignatureRefused, ValueError):
        return False
    return True
