"""Forms, and what a request shows of its client in them."""

import base64
import contextlib
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.oauth.authentication import Proof, read_proof
from ucp_server.oauth.incoming import read_parameters
from ucp_server.oauth.refusals import ClientRefused, RequestInvalid

VISIBLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)


def basic(pair: bytes) -> str:
    return f"Basic {base64.b64encode(pair).decode()}"


@given(st.dictionaries(VISIBLE, VISIBLE, max_size=8))
def test_parameters_are_read_as_they_were_written(written: dict[str, str]) -> None:
    assert read_parameters(urlencode(written).encode()) == written


@given(st.binary(max_size=200))
def test_noise_is_a_form_or_refused(noise: bytes) -> None:
    with contextlib.suppress(RequestInvalid):
        assert all(read_parameters(noise).values())


@pytest.mark.parametrize(
    "raw",
    [b"a=1&a=2", b"a=1&a=", b"scope", b"a=%ff", b"a=\xff", b"&".join([b"a%d=1" % n for n in range(40)])],
)
def test_what_is_no_form_of_ours_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestInvalid):
        read_parameters(raw)


def test_an_empty_parameter_is_none() -> None:
    assert read_parameters(b"a=&b=1") == {"b": "1"}
    assert read_parameters(b"") == {}


@given(VISIBLE, VISIBLE)
def test_basic_credentials_come_as_they_were_sent(client_id: str, secret: str) -> None:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
    assert read_proof(basic(pair), {}) == Proof(client_id, secret=secret)
    assert read_proof(basic(pair), {"client_id": client_id}) == Proof(client_id, secret=secret)


def test_a_client_proves_itself_in_one_way() -> None:
    posted = {"client_id": "a", "client_secret": "s"}
    assert read_proof("", posted) == Proof("a", secret="s")
    for header, parameters in (
        (basic(b"a:s"), posted),
        (basic(b"a:s"), {"client_id": "b"}),
        ("", {**posted, "client_assertion": "x.y.z"}),
        ("", {**posted, "client_assertion_type": "x"}),
    ):
        with pytest.raises(RequestInvalid):
            read_proof(header, parameters)


@pytest.mark.parametrize(
    ("header", "parameters"),
    [
        ("", {}),
        ("", {"client_id": "a"}),
        ("", {"client_secret": "s"}),
        ("Bearer x", {}),
        ("Basic", {}),
        ("Basic %%%", {}),
        (basic(b":s"), {}),
        (basic(b"\xff:s"), {}),
    ],
)
def test_without_a_proof_nobody_is_a_client(header: str, parameters: dict[str, str]) -> None:
    with pytest.raises(ClientRefused):
        read_proof(header, parameters)


def test_proofs_are_not_shown() -> None:
    assert "hush" not in repr(Proof("a", secret="hush", assertion="hush"))
