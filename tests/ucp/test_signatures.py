"""HTTP message signatures, held against an independent library; what does not hold, and why not."""

import base64
import dataclasses
import itertools
import time
from datetime import UTC, datetime
from typing import Any

import http_sf
import pytest
from cryptography.hazmat.primitives import serialization
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ECDSA_P256_SHA256, ECDSA_P384_SHA384, ED25519
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey
from msgspec.structs import replace

from ucp_server.ucp.signature_keys import SigningKey
from ucp_server.ucp.signatures import (
    CLOCK_SKEW_S,
    SIGNATURES_MAX,
    Request,
    SignatureFault,
    SignatureRefused,
    content_digest,
    sign,
    verify,
)

Wire = dict[str, Any]

HOOK = "https://platform.example/hooks/orders"
BODY = '{"id":"ord_1","städte":["Köln"]}'.encode()
NOW = 1_768_123_456
AGENT = 'profile="https://shop.example/.well-known/ucp"'
KEY = ECKey.generate_key("P-256", {"kid": "ours"})
LARGE = ECKey.generate_key("P-384", {"kid": "large"})
OCTETS = OKPKey.generate_key("Ed25519", {"kid": "octets"})
ALGORITHMS = [(KEY, ECDSA_P256_SHA256), (LARGE, ECDSA_P384_SHA384), (OCTETS, ED25519)]
COVERED = ("@method", "@authority", "@path", "ucp-agent", "content-type", "content-digest")


def public(*keys: SigningKey, **more: Any) -> list[Wire]:
    return [{**key.as_dict(private=False), "use": "sig", **more} for key in keys]


def request(url: str = HOOK, body: bytes = BODY, **headers: str) -> Request:
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    if body:
        fields = {"content-type": "application/json", **fields}
    return Request(method="POST", url=url, headers={"ucp-agent": AGENT, **fields}, body=body)


def signed(plain: Request, key: SigningKey = KEY, created_s: int = NOW) -> Request:
    return replace(plain, headers={**plain.headers, **sign(plain, key, created_s)})


def fault(message: Request, keys: list[Wire] | None = None, now_s: float = NOW) -> SignatureFault:
    with pytest.raises(SignatureRefused) as refused:
        verify(message, public(KEY) if keys is None else keys, now_s)
    return refused.value.code


# --- the other library ---


class Keys(HTTPSignatureKeyResolver):
    def __init__(self, *keys: SigningKey) -> None:
        self.keys = {key.kid: key for key in keys}

    def resolve_public_key(self, key_id: str) -> Any:
        return self.keys[key_id].public_key

    def resolve_private_key(self, key_id: str) -> Any:
        return self.keys[key_id].private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@dataclasses.dataclass
class Message:
    """A request in the form that the library reads."""

    method: str
    url: str
    headers: dict[str, str]

    @classmethod
    def of(cls, request: Request) -> "Message":
        return cls(request.method, request.url, dict(request.headers))


@pytest.mark.parametrize(("key", "algorithm"), ALGORITHMS)
@pytest.mark.parametrize(
    "url",
    [
        HOOK,
        "https://platform.example",
        "https://PLATFORM.example:443/hooks?shop=a%20b&x=",
        "http://127.0.0.1:8123/hooks/%7Ea",
        "http://localhost:80/",
        "https://platform.example?only=query",
    ],
)
def test_the_library_finds_our_signatures_good(key: SigningKey, algorithm: Any, url: str):
    message = signed(request(url, idempotency_key="evt_1", webhook_id="evt_1"), key, int(time.time()))
    (result,) = HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=Keys(key)).verify(
        Message.of(message), body=message.body, require_components=sorted(message.to_cover())
    )
    assert result.parameters["keyid"] == key.kid
    assert "alg" not in result.parameters
    assert set(result.covered_components) >= {'"webhook-id"', '"idempotency-key"'}
    assert verify(message, public(key), time.time()) == key.kid


def signed_elsewhere(
    plain: Request, *names: str, key: SigningKey = KEY, algorithm: Any = ECDSA_P256_SHA256, **more: Any
) -> Request:
    """Signed by the library, over ``names`` and the body."""
    message = Message.of(plain)
    HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=Keys(key)).sign(
        message,
        key_id=str(key.kid),
        include_alg=False,
        covered_component_ids=names,
        body=plain.body,
        **more,
    )
    return replace(plain, headers={name.lower(): text for name, text in message.headers.items()})


@pytest.mark.parametrize(("key", "algorithm"), ALGORITHMS)
@pytest.mark.parametrize("label", ["sig1", "pyhms"])
def test_we_find_the_signatures_of_the_library_good(key: SigningKey, algorithm: Any, label: str):
    plain = request("https://platform.example/hooks?shop=a")
    sent = signed_elsewhere(plain, "@query", *COVERED, key=key, algorithm=algorithm, label=label)
    assert verify(sent, public(KEY, LARGE, OCTETS), time.time()) == key.kid
    assert fault(replace(sent, body=BODY + b" "), public(key), time.time()) == "digest_mismatch"


def test_a_digest_is_over_the_bytes_as_they_are():
    # RFC 9530, appendix B.1
    assert content_digest(b'{"hello": "world"}\n') == (
        "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    )
    assert content_digest(b"") == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"


# --- ours ---


def test_everything_that_is_sent_is_covered():
    headers = sign(request(webhook_id="evt_1"), KEY, NOW)
    assert list(headers) == ["content-digest", "signature-input", "signature"]
    assert headers["signature-input"] == (
        'sig1=("@method" "@authority" "@path" "ucp-agent" "content-type" "webhook-id" "content-digest")'
        f';created={NOW};keyid="ours"'
    )
    (raw, _) = http_sf.parse(headers["signature"].encode(), tltype="dictionary")["sig1"]
    assert len(raw) == 64


def test_what_has_no_body_has_no_digest():
    plain = replace(request(body=b""), method="GET")
    assert list(sign(plain, KEY, NOW)) == ["signature-input", "signature"]
    assert verify(signed(plain), public(KEY), NOW) == "ours"


def test_each_signature_is_another():
    assert len({sign(request(), KEY, NOW)["signature"] for _ in range(3)}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"url": "https://other.example/hooks/orders"},
        {"url": HOOK + "/more"},
        {"url": HOOK.upper().replace("HTTPS://PLATFORM.EXAMPLE", "https://platform.example")},
    ],
)
def test_a_signature_holds_for_one_target(change: Wire):
    assert fault(replace(signed(request()), **change)) == "signature_invalid"


def test_a_query_is_part_of_the_target():
    with_query = signed(request(HOOK + "?a=1"))
    assert fault(replace(with_query, url=HOOK + "?a=2")) == "signature_invalid"
    assert fault(replace(with_query, url=HOOK)) == "signature_invalid"
    assert fault(replace(signed(request()), url=HOOK + "?a=1")) == "signature_invalid"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"ucp-agent": 'profile="https://other.example/.well-known/ucp"'}, "signature_invalid"),
        ({"content-type": "text/plain"}, "signature_invalid"),
        ({"content-digest": content_digest(b"{}")}, "digest_mismatch"),
        ({"content-digest": "md5=:AAAA:"}, "digest_mismatch"),
        ({"content-digest": "nonsense, ="}, "digest_mismatch"),
        ({"idempotency-key": "added"}, "signature_invalid"),
        ({"signature": "sig1=:AAAA:"}, "signature_invalid"),
        ({"signature": f"sig1=:{base64.b64encode(bytes(64)).decode()}:"}, "signature_invalid"),
        ({"signature": "sig2=:AAAA:"}, "signature_missing"),
        ({"signature": "sig1=1"}, "signature_missing"),
        ({"signature": "=="}, "signature_missing"),
        ({"signature-input": "=="}, "signature_missing"),
        ({"signature-input": "sig1=1"}, "signature_missing"),
        ({"signature-input": 'sig1=();keyid="ours"'}, "signature_invalid"),
        ({"signature-input": "é"}, "signature_missing"),
    ],
)
def test_what_was_changed_on_the_way(changed: dict[str, str], expected: SignatureFault):
    message = signed(request())
    assert fault(replace(message, headers={**message.headers, **changed})) == expected


def test_what_is_not_signed_at_all():
    assert fault(request()) == "signature_missing"


@pytest.mark.parametrize("left_out", COVERED[:-1])
def test_all_that_matters_has_to_be_covered(left_out: str):
    message = signed_elsewhere(request(), *(name for name in COVERED if name != left_out))
    assert fault(message, now_s=time.time()) == "signature_invalid"
    assert HTTPMessageVerifier(signature_algorithm=ECDSA_P256_SHA256, key_resolver=Keys(KEY)).verify(
        Message.of(message), body=BODY
    )


def test_a_body_has_to_be_covered():
    message = signed(replace(request(), body=b""))
    headers = {**message.headers, "content-digest": content_digest(BODY)}
    assert fault(replace(message, headers=headers, body=BODY)) == "signature_invalid"


def test_parts_of_fields_are_not_taken_for_fields():
    plain = request(HOOK + "?a=1")
    message = signed_elsewhere(plain, *COVERED, "@query", '"@query-param";name="a"')
    assert fault(message, now_s=time.time()) == "signature_invalid"


@pytest.mark.parametrize(
    "names", ['"@method" "@method"', '"x-missing"', '"@status"', '"content-digest";req', "token", "1"]
)
def test_what_cannot_be_covered(names: str):
    message = signed(request())
    said = message.headers["signature-input"].replace('("@method"', f'({names} "@method"', 1)
    headers = {**message.headers, "signature-input": said}
    assert fault(replace(message, headers=headers)) == "signature_invalid"


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_signatures_for_other_purposes_are_passed_over():
    message = signed_elsewhere(request(), *COVERED, tag="ad-verification")
    assert fault(message, now_s=time.time()) == "signature_missing"


def test_signatures_hold_from_when_they_are_made_until_they_say():
    message = signed_elsewhere(request(), *COVERED, created=at(NOW), expires=at(NOW + 60))
    for now_s in (NOW - CLOCK_SKEW_S, NOW, NOW + 60 + CLOCK_SKEW_S):
        assert verify(message, public(KEY), now_s) == "ours"
    for now_s in (NOW - CLOCK_SKEW_S - 1, NOW + 60 + CLOCK_SKEW_S + 1):
        assert fault(message, now_s=now_s) == "signature_invalid"


@pytest.mark.parametrize("parameter", ['created="now"', "created=1.5", "expires=1.5", "expires"])
def test_times_are_whole_numbers(parameter: str):
    message = signed(request())
    headers = {**message.headers, "signature-input": message.headers["signature-input"] + f";{parameter}"}
    assert fault(replace(message, headers=headers)) == "signature_invalid"


def test_old_signatures_are_a_matter_of_idempotency():
    assert verify(signed(request(), created_s=1), public(KEY), NOW) == "ours"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([], "key_not_found"),
        (public(LARGE), "key_not_found"),
        (public(KEY, kid="other"), "key_not_found"),
        (public(KEY, use="enc"), "key_not_found"),
        (public(KEY, key_ops=["encrypt"]), "key_not_found"),
        (public(KEY, alg="ES384"), "algorithm_unsupported"),
        (public(KEY, alg=["ES256"]), "algorithm_unsupported"),
        (public(KEY, kty="OKP"), "algorithm_unsupported"),
        (public(OCTETS, kid="ours", x="AAAA"), "algorithm_unsupported"),
        (public(OCTETS, kid="ours"), "signature_invalid"),
        (public(KEY, crv="secp256k1"), "algorithm_unsupported"),
        (public(KEY, x="!"), "algorithm_unsupported"),
        (public(KEY, x=1), "algorithm_unsupported"),
        ([{**OctKey.generate_key(256).as_dict(), "kid": "ours"}], "algorithm_unsupported"),
        (public(LARGE, kid="ours"), "signature_invalid"),
        (public(ECKey.generate_key("P-256", {"kid": "ours"})), "signature_invalid"),
        ([{}, {"kid": None}], "key_not_found"),
    ],
)
def test_keys_that_do_not_prove_it(keys: list[Wire], expected: SignatureFault):
    assert fault(signed(request()), keys) == expected
    assert verify(signed(request()), [*public(LARGE), *public(KEY, key_ops=["verify"])], NOW) == "ours"


@pytest.mark.parametrize("y", ["!", "A" * 100_000])
def test_a_broken_key_of_the_same_name_is_passed_over(y: str):
    assert verify(signed(request()), [*public(KEY, y=y), *public(KEY)], NOW) == "ours"


def relabelled(message: Request, label: str) -> tuple[str, str]:
    return tuple(
        message.headers[name].replace("sig1", label, 1) for name in ("signature-input", "signature")
    )


def test_one_good_signature_is_enough():
    theirs = signed(request(), LARGE)
    inputs, signatures = zip(relabelled(theirs, "gw"), relabelled(signed(request()), "sig1"), strict=True)
    both = replace(
        theirs,
        headers={
            **theirs.headers,
            "signature-input": ", ".join(inputs),
            "signature": ", ".join(signatures),
        },
    )
    assert verify(both, public(KEY), NOW) == "ours"
    assert verify(both, public(LARGE), NOW) == "large"
    assert fault(both, []) == "key_not_found"


def test_no_more_signatures_are_tried_than_a_message_has():
    message = signed(request())
    fake, real = (message.headers[name].removeprefix("sig1=") for name in ("signature-input", "signature"))
    for count, holds in ((SIGNATURES_MAX, True), (SIGNATURES_MAX + 1, False)):
        labels = [f"s{n}" for n in range(count)]
        zeros = f":{base64.b64encode(bytes(64)).decode()}:"
        headers = {
            "signature-input": ", ".join(f"{label}={fake}" for label in labels),
            "signature": ", ".join(
                f"{label}={one}"
                for label, one in zip(
                    labels, itertools.chain(itertools.repeat(zeros, count - 1), [real]), strict=True
                )
            ),
        }
        crowded = replace(message, headers={**message.headers, **headers})
        if holds:
            assert verify(crowded, public(KEY), NOW) == "ours"
        else:
            assert fault(crowded) == "signature_invalid"


@settings(max_examples=50, deadline=None)
@given(
    body=st.binary(max_size=64),
    texts=st.dictionaries(
        st.from_regex(r"x-[a-z0-9]{1,8}", fullmatch=True),
        st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
        max_size=4,
    ),
    path=st.from_regex(r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]{0,5}){0,3}", fullmatch=True),
    query=st.from_regex(r"[A-Za-z0-9._~=&/?-]{0,10}", fullmatch=True),
)
def test_whatever_is_signed_is_found_good_here_and_there(
    body: bytes, texts: dict[str, str], path: str, query: str
):
    plain = request(f"https://platform.example{path}{'?' if query else ''}{query}", body)
    plain = replace(plain, headers={**plain.headers, **texts})
    message = signed(plain, created_s=int(time.time()))
    assert verify(message, public(KEY), time.time()) == "ours"
    verifier = HTTPMessageVerifier(signature_algorithm=ECDSA_P256_SHA256, key_resolver=Keys(KEY))
    assert verifier.verify(Message.of(message), body=body or None)


FIELDS = st.sampled_from(
    [
        "sig1",
        "=",
        "(",
        ")",
        '"@method"',
        '"@path"',
        ";",
        "keyid",
        '"ours"',
        "created",
        "1",
        ":AAAA:",
        " ",
        ",",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(FIELDS, max_size=14).map("".join), st.lists(FIELDS, max_size=8).map("".join), st.text())
def test_nothing_that_is_sent_breaks_more_than_its_message(inputs: str, signatures: str, agent: str):
    headers = {"signature-input": inputs, "signature": signatures, "ucp-agent": agent}
    message = Request(method="POST", url=HOOK, headers=headers, body=b"")
    with pytest.raises(SignatureRefused):
        verify(message, public(KEY), NOW)


def test_what_is_no_url_has_no_signature():
    with pytest.raises(ValueError, match="IPv6"):
        sign(request("https://[nothing/hooks"), KEY, NOW)
    with pytest.raises(TypeError, match="public"):
        sign(request(), ECKey.import_key(public(KEY)[0]), NOW)
