"""Assertions that prove a client, and everything that only looks like one."""

import base64
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import jwt
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from tests.oauth.conftest import MERCHANT, post
from tests.ucp.conftest import SITE, Town, profile_url
from ucp_server.engine.grants import Grants, Registered
from ucp_server.oauth import assertions
from ucp_server.oauth.refusals import ClientRefused
from ucp_server.store.database import Pool, statement
from ucp_server.ucp.scopes import scopes_supported

Wire = dict[str, Any]
CLIENT = str(uuid.uuid4())
AUDIENCES = frozenset({SITE, f"{SITE}/oauth/token"})
KEYS: dict[str, ECKey | OKPKey] = {
    "ES256": ECKey.generate_key("P-256", {"kid": "now"}),
    "ES384": ECKey.generate_key("P-384", {"kid": "next"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "short"}),
}
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_S = int(NOW.timestamp())


def jwks_of(*keys: ECKey | OKPKey) -> bytes:
    return msgspec.json.encode({"keys": [key.as_dict(private=False) for key in keys]})


JWKS = jwks_of(*KEYS.values())


def claims(**changed: Any) -> Wire:
    """Those of a sound assertion; None leaves one out."""
    sound = {"iss": CLIENT, "sub": CLIENT, "aud": SITE, "exp": NOW_S + 60, "jti": uuid.uuid4().hex}
    return {name: value for name, value in {**sound, **changed}.items() if value is not None}


def signed(payload: Wire, algorithm: str = "ES256", key: Any = None, kid: str | None = "") -> str:
    """By PyJWT, which shares no code with what reads it here."""
    used = KEYS[algorithm] if key is None else key
    headers = {"kid": used.kid} if kid == "" else {"kid": kid} if kid else {}
    return jwt.encode(payload, used.as_pem(private=True), algorithm=algorithm, headers=headers)


def verify(assertion: str, jwks: bytes = JWKS) -> assertions.Claims:
    return assertions.verify(assertion, jwks, client_id=CLIENT, audiences=AUDIENCES, now=NOW)


@pytest.mark.parametrize("algorithm", list(KEYS))
def test_each_kind_of_key_proves_its_client(algorithm: str) -> None:
    proven = verify(signed(claims(jti="once"), algorithm))
    assert (proven.jti, proven.sub) == ("once", CLIENT)
    assert proven.expires_at.timestamp() == NOW_S + 60 + 2 * assertions.LEEWAY_S
    assert verify(signed(claims(), algorithm, kid=None), jwks_of(KEYS[algorithm]))


def test_a_header_may_hold_more() -> None:
    """RFC 7515 4: what is not understood is passed over, unless it is called critical."""
    header = {"alg": "ES256", "kid": "now", "typ": "client-authentication+jwt"}
    payload, key = msgspec.json.encode(claims()), KEYS["ES256"].as_pem(private=True)
    assert verify(jwt.api_jws.encode(payload, key, "ES256", headers={**header, "vendor": 1}))
    critical = {**header, "vendor": 1, "crit": ["vendor"]}
    with pytest.raises(ClientRefused):
        verify(jwt.api_jws.encode(payload, key, "ES256", headers=critical))


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": f"{SITE}/oauth/token"},
        {"aud": [SITE]},
        {"exp": NOW_S - 59},
        {"exp": NOW_S + 3600},
        {"exp": NOW_S + 60.5},
        {"iat": NOW_S + 30, "nbf": NOW_S - 9999},
        {"jti": "j" * 4000},
        {"jti": "\0 and \U0001f600"},
        {"more": {"claims": [1]}},
    ],
)
def test_what_clients_may_choose(changed: Wire) -> None:
    assert verify(signed(claims(**changed)))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "other"},
        {"sub": "other"},
        {"iss": "other", "sub": "other"},
        {"sub": None},
        {"aud": None},
        {"aud": "https://other.example"},
        {"aud": [SITE, "https://other.example"]},
        {"aud": []},
        {"aud": 7},
        {"exp": None},
        {"exp": NOW_S - 60},
        {"exp": NOW_S + 3661},
        {"exp": "soon"},
        {"exp": 1e308},
        {"nbf": NOW_S + 61},
        {"iat": NOW_S + 61},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
    ],
)
def test_what_proves_nothing(changed: Wire) -> None:
    with pytest.raises(ClientRefused):
        verify(_signed_as_it_is(claims(**changed)))


def _signed_as_it_is(payload: Wire) -> str:
    """PyJWT would not sign some of these."""
    return jwt.api_jws.encode(
        msgspec.json.encode(payload), KEYS["ES256"].as_pem(private=True), "ES256", headers={"kid": "now"}
    )


def test_another_key_or_algorithm_proves_nothing() -> None:
    stranger = ECKey.generate_key("P-256", {"kid": "now"})
    public = msgspec.json.encode(KEYS["ES256"].as_dict(private=False))
    shared = OctKey.import_key(public)
    for forged in (
        signed(claims(), key=stranger),
        signed(claims(), kid="unknown"),
        signed(claims(), kid="next"),
        signed(claims(), "EdDSA", kid="now"),
        signed(claims(), kid=None),
        jws.serialize_compact({"alg": "HS256", "kid": "now"}, msgspec.json.encode(claims()), shared),
        jwt.encode(claims(), None, algorithm="none", headers={"kid": "now"}),
        jwt.encode(
            claims(),
            RSAKey.generate_key(2048).as_pem(private=True),
            algorithm="RS256",
            headers={"kid": "now"},
        ),
    ):
        with pytest.raises(ClientRefused):
            verify(forged)


@given(st.data())
def test_no_changed_letter_is_accepted(data: st.DataObject) -> None:
    sound = signed(claims(jti="same"))
    place = data.draw(st.integers(0, len(sound) - 1))
    letter = data.draw(st.characters(codec="ascii"))
    changed = sound[:place] + letter + sound[place + 1 :]
    if _bytes_of(changed) == _bytes_of(sound):
        return
    with pytest.raises(ClientRefused):
        verify(changed)


def _bytes_of(token: str) -> list[bytes] | str:
    """The last letter of a part has bits that nothing reads."""
    try:
        return [base64.b64decode(part + "==", altchars=b"-_", validate=True) for part in token.split(".")]
    except ValueError:
        return token


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")))
def test_noise_is_refused(noise: str) -> None:
    with pytest.raises(ClientRefused):
        assertions.client_named(noise)
    with pytest.raises(ClientRefused):
        verify(noise)


@pytest.mark.parametrize(
    ("jwks", "reason"),
    [
        (b"", "no JWK set"),
        (b"[]", "no JWK set"),
        (b"{}", "no JWK set"),
        (b'{"keys":[]}', "no JWK set|1 to 12"),
        (b'{"keys":[{"kty":"EC"}]}', "no JWK set"),
        (b'{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}', "no JWK set"),
        (msgspec.json.encode({"keys": [OctKey.generate_key(256).as_dict()]}), "keys are of"),
        (msgspec.json.encode({"keys": [RSAKey.generate_key(2048).as_dict(private=False)]}), "keys are of"),
        (jwks_of(ECKey.generate_key("P-521")), "keys are of"),
        (jwks_of(OKPKey.generate_key("X25519")), "keys are of"),
        (msgspec.json.encode({"keys": [KEYS["ES256"].as_dict(private=True)]}), "private keys"),
        (jwks_of(*[ECKey.generate_key("P-256") for _ in range(13)]), "1 to 12"),
    ],
    # Keys are made anew in each process, and a test has one name in all of them.
    ids=range(12),
)
def test_keys_that_cannot_be_used_are_refused(jwks: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        assertions.read_keys(jwks)


async def test_an_assertion_proves_its_client_once(here: Town, grants: Grants) -> None:
    """In this shop, for this client; on revocation as well as for tokens."""
    own, other = [await _with_key(grants, name) for name in ("one", "two")]
    first = _form(own)
    assert (await post(here, "/oauth/token", first)).status_code == 200
    again = await post(here, "/oauth/token", first)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    assert (await post(here, "/oauth/revoke", first | {"token": "x"})).status_code == 401
    # ids are each client's own
    assert (await post(here, "/oauth/token", _form(other, jti="same"))).status_code == 200
    for jti in ("same", "\0", "j" * 4000):
        assert (await post(here, "/oauth/token", _form(own, jti=jti))).status_code == 200
    mismatched = await post(here, "/oauth/token", _form(own) | {"client_id": other.id})
    assert (mismatched.status_code, mismatched.json()["error"]) == (400, "invalid_request")
    named = await post(here, "/oauth/revoke", _form(own) | {"client_id": own.id, "token": "x"})
    assert named.status_code == 200


async def test_assertions_a_minute_are_bounded(here: Town, grants: Grants, pool: Pool) -> None:
    """Each leaves a row, whatever it is shown for."""
    client = await _with_key(grants, "one")
    assert (await post(here, "/oauth/revoke", _form(client, jti="a"))).status_code == 400
    async with statement(pool) as tx:
        assert await tx.execute("update rate_windows set used = 600") == 1
    refused = await post(here, "/oauth/revoke", _form(client, jti="b"))
    assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
    async with pool.connection() as connection:
        assert await connection.fetchval("select count(*) from client_assertions") == 1


async def test_a_client_with_keys_has_no_secret(here: Town, grants: Grants, client: Registered) -> None:
    by_key = await _with_key(grants, "one")
    form = {"grant_type": "client_credentials", "client_id": by_key.id}
    for secret in ("", " ", "None", client.secret):
        refused = await post(here, "/oauth/token", form | {"client_secret": secret})
        assert refused.status_code == 401
    assert (await post(here, "/oauth/token", _form(client))).status_code == 401


async def _with_key(grants: Grants, name: str) -> Registered:
    return await grants.register(MERCHANT, profile_url(name), scopes_supported(), jwks=JWKS)


def _form(client: Registered, **changed: Any) -> Wire:
    soon = int(time.time()) + 60
    payload = claims(**{"iss": client.id, "sub": client.id, "exp": soon, **changed})
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": assertions.TYPE,
        "client_assertion": signed(payload),
    }


def test_a_key_set_is_read_as_it_was_written() -> None:
    assert [key.kid for key in assertions.read_keys(JWKS)] == ["now", "next", "short"]
    assert len(KeySet.import_key_set(msgspec.json.decode(JWKS)).keys) == 3
