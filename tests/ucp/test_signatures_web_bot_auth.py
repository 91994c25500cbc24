"""A signature that verifiers of Web Bot Auth take as well, signed by another library (M:D/signatures)."""

import base64
from typing import Any

import pytest
from http_message_signatures.algorithms import ECDSA_P256_SHA256, ED25519
from joserfc.jwk import ECKey, OKPKey
from msgspec.structs import replace

from tests.ucp.test_signatures import (
    BODY,
    COVERED,
    KEY,
    NOW,
    at,
    fault,
    public,
    relabelled,
    request,
    signed,
    signed_elsewhere,
)
from ucp_server.ucp.signature_base import Covered, content_digest, signature_base, spelled
from ucp_server.ucp.signature_keys import SigningKey, signature_of
from ucp_server.ucp.signatures import Request, verify

AGENT = 'sig1="https://platform.example/.well-known/ucp";type=jwks_uri'
SELECTED = '"signature-agent";key="sig1"'


def named(key: SigningKey) -> SigningKey:
    """The key under its thumbprint."""
    return type(key).import_key({**key.as_dict(private=True), "kid": key.thumbprint()})


OCTETS = named(OKPKey.generate_key("Ed25519"))
POINT = named(ECKey.generate_key("P-256"))


def dual(
    agent: str = AGENT, *covered: str, key: SigningKey = OCTETS, algorithm: Any = ED25519, **more: Any
) -> Request:
    window = {"created": at(NOW), "expires": at(NOW + 3600)}
    said = {"label": "sig1", "tag": "web-bot-auth", **window, **more}
    names = covered or (*COVERED, SELECTED)
    plain = request(signature_agent=agent)
    return signed_elsewhere(plain, *names, key=key, algorithm=algorithm, **said)


@pytest.mark.parametrize(("key", "algorithm"), [(OCTETS, ED25519), (POINT, ECDSA_P256_SHA256)])
def test_one_signature_for_two_audiences(key: SigningKey, algorithm: Any):
    assert verify(dual(key=key, algorithm=algorithm, nonce="bm9uY2U"), public(key), NOW) == key.thumbprint()
    assert verify(dual(f'other="https://other.example", {AGENT}'), public(OCTETS), NOW) == OCTETS.kid


@pytest.mark.parametrize(
    "message",
    [
        dual(AGENT, *COVERED),
        dual(AGENT, *COVERED, "signature-agent"),
        dual(AGENT, "@authority", SELECTED),
        dual('sig1="http://platform.example"'),
        dual('sig1="data:application/json,"'),
        dual('sig1="https://[platform"'),
        dual("sig1=platform"),
        dual("sig1=(1 2)"),
        dual(f'other="https://other.example", {AGENT}', *COVERED, '"signature-agent";key="other"'),
        dual(label="sig2"),
        dual(expires=at(NOW - 3600)),
        dual(created=at(NOW + 3600)),
    ],
    ids=range(12),
)
def test_what_is_asked_of_it(message: Request):
    assert fault(message, public(OCTETS)) == "signature_invalid"


WINDOW = {"created": NOW, "expires": NOW + 60}


@pytest.mark.parametrize("left_out", [None, "created", "expires"])
def test_it_has_a_window(left_out: str | None):
    """Signed by hand: the library always says when it signed."""
    plain = request(signature_agent=AGENT, content_digest=content_digest(BODY))
    covered: Covered = [(name, {}) for name in COVERED]
    covered.append(("signature-agent", {"key": "sig1"}))
    parameters = {name: at_s for name, at_s in WINDOW.items() if name != left_out}
    parameters |= {"keyid": str(OCTETS.kid), "tag": "web-bot-auth"}
    said = spelled(covered, parameters)
    raw = signature_of(signature_base(plain.values(), covered, said), OCTETS)
    signature = {
        "signature-input": f"sig1={said}",
        "signature": f"sig1=:{base64.b64encode(raw).decode()}:",
    }
    message = replace(plain, headers={**plain.headers, **signature})
    if left_out is None:
        assert verify(message, public(OCTETS), NOW) == OCTETS.kid
    else:
        assert fault(message, public(OCTETS)) == "signature_invalid"


def test_its_key_is_named_by_its_thumbprint():
    other = OKPKey.import_key({**OCTETS.as_dict(private=True), "kid": "by-another-name"})
    assert fault(dual(key=other), public(other)) == "signature_invalid"


def test_an_agent_on_the_way_that_nobody_signed():
    """A header that says who vouches for a request is not slipped under a signature (digest 7.3)."""
    message = signed(request())
    slipped = replace(message, headers={**message.headers, "signature-agent": AGENT})
    assert fault(slipped) == "signature_invalid"
    assert verify(signed(request(signature_agent=AGENT)), public(KEY), NOW) == "ours"


def test_signatures_for_others_do_not_hide_ours():
    """A gateway adds one of its own, for whoever it is made; ours is found among them."""
    for tag in ("ad-verification", "web-bot-auth"):
        theirs = signed_elsewhere(request(), "@authority", label="gw", tag=tag)
        inputs, signatures = zip(
            (theirs.headers["signature-input"], theirs.headers["signature"]),
            relabelled(signed(request()), "sig1"),
            strict=True,
        )
        both = {"signature-input": ", ".join(inputs), "signature": ", ".join(signatures)}
        assert verify(replace(theirs, headers={**theirs.headers, **both}), public(KEY), NOW) == "ours"
