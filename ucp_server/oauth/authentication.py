"""Whether a client is who it says: by its secret, in the header or the body, or by its keys."""

import base64
import binascii
import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_plus

from ucp_server.engine.grants import Grants
from ucp_server.oauth import assertions
from ucp_server.oauth.attempts import Attempts
from ucp_server.oauth.incoming import Incoming, Shop
from ucp_server.oauth.refusals import ClientRefused, RequestInvalid, TooManyTries
from ucp_server.ports import Clock
from ucp_server.store.clients import Client
from ucp_server.store.credentials import secret_hash

# RFC 8414: the ways that are known here.
METHODS: Final = ("client_secret_basic", "client_secret_post", "private_key_jwt")

# A token lasts an hour, so that ten a second are far beyond what any fleet needs; it bounds the rows, of
# tokens and of assertions that were used.
REQUESTS_PER_MINUTE_MAX: Final = 600

_BASIC: Final = "basic"
# Names end up in the access line and in memory; an id of ours has 36 characters.
_NAME_LENGTH_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request shows of its client: a secret or an assertion."""

    client_id: str
    secret: str = field(default="", repr=False)
    assertion: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Authentication:
    grants: Grants
    clock: Clock
    attempts: Attempts = field(default_factory=Attempts)

    async def check(self, incoming: Incoming, parameters: Mapping[str, str]) -> Client:
        """The client that proved itself. Raises `ClientRefused`, `RequestInvalid`, `TooManyTries`."""
        proof = read_proof(incoming.headers.get("authorization", ""), parameters)
        who = (incoming.address, proof.client_id[:_NAME_LENGTH_MAX])
        self.attempts.admit(who)
        try:
            client = await self._proven(incoming.shop, proof)
        except ClientRefused:
            self.attempts.note_failure(who)
            raise
        incoming.facts["platform"] = client.platform_id
        return client

    async def _proven(self, shop: Shop, proof: Proof) -> Client:
        client = await self.grants.find(shop.merchant_id, proof.client_id)
        if client is None:
            raise ClientRefused
        if client.jwks is not None:
            claims = self._claims_of(shop, client, client.jwks, proof.assertion)
            await self._count(shop, client)
            if not await self.grants.use_up(shop.merchant_id, client, claims.jti, claims.expires_at):
                raise ClientRefused
            return client
        if not proof.secret or not hmac.compare_digest(
            secret_hash(proof.secret), client.secret_hash or b""
        ):
            raise ClientRefused
        await self._count(shop, client)
        return client

    async def _count(self, shop: Shop, client: Client) -> None:
        """Asked when the proof is known to be good: whoever guesses uses up nothing of the client."""
        window = await self.grants.count(shop.merchant_id, client)
        if window.used > REQUESTS_PER_MINUTE_MAX:
            raise TooManyTries(max(1, math.ceil(window.left_s)))

    def _claims_of(self, shop: Shop, client: Client, jwks: bytes, assertion: str) -> assertions.Claims:
        if not assertion:
            raise ClientRefused
        return assertions.verify(
            assertion,
            jwks,
            client_id=client.id,
            # The draft that mends RFC 7523 names the issuer alone, older clients the endpoint; some
            # libraries write no URL without a path.
            audiences=frozenset({shop.site, f"{shop.site}/", shop.token_endpoint}),
            now=self.clock.now(),
        )


def read_proof(authorization: str, parameters: Mapping[str, str]) -> Proof:
    """RFC 6749 2.3: one way at a time. Raises `RequestInvalid` for several, `ClientRefused` for none."""
    named = parameters.get("client_id", "")
    found = []
    if authorization:
        found.append(_basic(authorization))
    if "client_secret" in parameters:
        found.append(Proof(named, secret=parameters["client_secret"]))
    if "client_assertion" in parameters or "client_assertion_type" in parameters:
        found.append(_asserted(parameters))
    if len(found) > 1:
        raise RequestInvalid("A client proves itself in one way, not in several.")
    if not found or not found[0].client_id:
        raise ClientRefused
    if named and named != found[0].client_id:
        raise RequestInvalid("client_id names another client than the one that proves itself.")
    return found[0]


def _basic(authorization: str) -> Proof:
    """RFC 6749 2.3.1: both halves are form-encoded before they are joined."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != _BASIC:
        raise ClientRefused
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ClientRefused from error
    client_id, _, secret = pair.partition(":")
    return Proof(unquote_plus(client_id), secret=unquote_plus(secret))


def _asserted(parameters: Mapping[str, str]) -> Proof:
    if parameters.get("client_assertion_type") != assertions.TYPE:
        raise RequestInvalid(f"client_assertion_type has to be {assertions.TYPE}.")
    assertion = parameters.get("client_assertion", "")
    return Proof(assertions.client_named(assertion), assertion=assertion)
