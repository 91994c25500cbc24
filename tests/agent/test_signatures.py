"""Whom the agent believes."""

import time
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey

from ucp_server.agent.listening import Event
from ucp_server.agent.signatures import has_detached_jws, has_signature, is_the_shop_s
from ucp_server.agent.speech import Offer
from ucp_server.ucp.signatures import Request, sign
from ucp_server.ucp.webhooks import detached_jws

Wire = dict[str, Any]

HOOK = "http://127.0.0.1:1/events"


def key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid})


OURS, OTHER = key("ours"), key("other")
BODY = '{"id":"ord_1","städte":["Köln"]}'.encode()


def public(*keys: ECKey) -> tuple[Wire, ...]:
    return tuple({**key.as_dict(private=False), "use": "sig"} for key in keys)


def event(signature: str | None, body: bytes = BODY) -> Event:
    headers = {} if signature is None else {"request-signature": signature}
    return Event(url=HOOK, headers=headers, body=body)


def sent(key: ECKey, body: bytes = BODY, url: str = HOOK) -> Event:
    """An event as later releases sign it."""
    plain = Request(method="POST", url=HOOK, headers={"content-type": "application/json"}, body=BODY)
    headers = {**plain.headers, **sign(plain, key, int(time.time()))}
    return Event(url=url, headers=headers, body=body)


@pytest.mark.parametrize("keys", [(OURS,), (OTHER, OURS), (OURS, OTHER)])
def test_an_event_that_the_shop_signed_is_believed(keys: tuple[ECKey, ...]) -> None:
    assert has_detached_jws(public(*keys), event(detached_jws(BODY, OURS)))


def test_an_event_that_it_did_not_sign_is_not() -> None:
    good = detached_jws(BODY, OURS)
    head, _, signature = good.partition("..")
    forged = detached_jws(BODY, key("ours"))
    for bad in (None, "", "..", good[:-4] + "AAAA", f"{head}..", f"..{signature}", forged, "a.b.c", "é"):
        assert not has_detached_jws(public(OURS), event(bad)), bad
    assert not has_detached_jws(public(OURS), event(good, BODY + b" "))
    assert not has_detached_jws(public(OTHER), event(good))
    assert not has_detached_jws((), event(good))


def test_broken_keys_in_a_profile_are_passed_over() -> None:
    secret: Wire = {**OctKey.generate_key(256).as_dict(), "kid": "ours"}
    broken: tuple[Wire, ...] = ({}, {"kid": "ours"}, secret, {**public(OURS)[0], "x": "!"})
    assert not has_detached_jws(broken, event(detached_jws(BODY, OURS)))
    assert has_detached_jws((*broken, *public(OURS)), event(detached_jws(BODY, OURS)))


def test_a_signed_request_is_believed_as_it_came_only() -> None:
    assert has_signature(public(OTHER, OURS), sent(OURS))
    for bad in (sent(OTHER), sent(OURS, BODY + b" "), sent(OURS, url=HOOK + "/2"), event(None)):
        assert not has_signature(public(OURS), bad)


@pytest.mark.parametrize("release", ["2026-01-11", "2026-01-23", "2026-04-08", "2026-08-25"])
def test_each_release_has_its_own_signature(release: str) -> None:
    offer = Offer(release=release, endpoint="", capabilities=(), handlers=(), keys=public(OURS))
    by_jws, by_request = event(detached_jws(BODY, OURS)), sent(OURS)
    is_january = release in ("2026-01-11", "2026-01-23")
    assert (is_the_shop_s(offer, by_jws), is_the_shop_s(offer, by_request)) == (is_january, not is_january)
