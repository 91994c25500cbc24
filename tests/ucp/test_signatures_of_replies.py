"""Signed replies, held against the independent library both ways."""

import dataclasses
import time
from typing import Any

import pytest
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier
from msgspec.structs import replace

from tests.ucp.test_signatures import ALGORITHMS, KEY, NOW, Keys, public, request, signed
from ucp_server.ucp.signature_keys import SigningKey
from ucp_server.ucp.signatures import Response, SignatureFault, SignatureRefused, sign, verify

BODY = '{"id":"chk_1","städte":["Köln"]}'.encode()
PLAIN = Response(status=200, headers={"content-type": "application/json"}, body=BODY)


@dataclasses.dataclass
class Message:
    """A response in the form that the library reads."""

    status_code: int
    headers: dict[str, str]


def signed_reply(key: SigningKey = KEY, plain: Response = PLAIN, created_s: int = NOW) -> Response:
    return replace(plain, headers={**plain.headers, **sign(plain, key, created_s)})


def fault(reply: Response) -> SignatureFault:
    with pytest.raises(SignatureRefused) as refused:
        verify(reply, public(KEY), NOW)
    return refused.value.code


def test_a_reply_is_signed_over_its_status_and_its_body():
    headers = sign(PLAIN, KEY, NOW)
    assert list(headers) == ["content-digest", "signature-input", "signature"]
    assert headers["signature-input"] == (
        f'sig1=("@status" "content-type" "content-digest");created={NOW};keyid="ours"'
    )


@pytest.mark.parametrize(("key", "algorithm"), ALGORITHMS)
def test_the_library_finds_our_replies_good(key: SigningKey, algorithm: Any):
    reply = signed_reply(key, created_s=int(time.time()))
    message = Message(reply.status, dict(reply.headers))
    (result,) = HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=Keys(key)).verify(
        message, body=reply.body, require_components=sorted(reply.to_cover())
    )
    assert result.parameters["keyid"] == key.kid
    assert verify(reply, public(key), time.time()) == key.kid


@pytest.mark.parametrize(("key", "algorithm"), ALGORITHMS)
def test_we_find_the_replies_of_the_library_good(key: SigningKey, algorithm: Any):
    message = Message(201, dict(PLAIN.headers))
    HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=Keys(key)).sign(
        message,
        key_id=str(key.kid),
        include_alg=False,
        covered_component_ids=("@status", "content-type", "content-digest"),
        body=BODY,
    )
    headers = {name.lower(): text for name, text in message.headers.items()}
    assert verify(Response(status=201, headers=headers, body=BODY), public(key), time.time()) == key.kid


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": 201}, "signature_invalid"),
        ({"body": BODY + b" "}, "digest_mismatch"),
        ({"body": b""}, "digest_mismatch"),
    ],
)
def test_a_reply_that_was_changed(change: dict[str, Any], expected: SignatureFault):
    assert fault(replace(signed_reply(), **change)) == expected


def test_a_request_is_no_reply():
    sent = signed(request())
    assert fault(Response(status=200, headers=sent.headers, body=sent.body)) == "signature_invalid"


def test_a_reply_without_a_body_has_a_status():
    reply = signed_reply(plain=Response(status=204, headers={}, body=b""))
    assert verify(reply, public(KEY), NOW) == "ours"
    assert fault(replace(reply, body=b"x")) == "signature_invalid"
