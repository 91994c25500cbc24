"""The official MCP SDK's OAuth clients find their way here by themselves: an implementation not ours."""

from typing import Any

import httpx2
import msgspec
import pytest
from joserfc.jwk import ECKey
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from tests.oauth.conftest import MERCHANT, RELEASE
from tests.ucp.conftest import SITE, Town, create_body, profile_url
from ucp_server.engine.grants import Grants, Registered
from ucp_server.ucp.scopes import scopes_supported

ENDPOINT = f"{SITE}/ucp/{RELEASE}"


class Kept:
    """Where the SDK keeps what it was given."""

    token: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.token

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.token = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise AssertionError(f"nobody registers here: {client_info}")


async def create(here: Town, provider: httpx2.Auth) -> httpx2.Response:
    transport: Any = httpx2.ASGITransport(here.application)
    async with httpx2.AsyncClient(transport=transport, auth=provider, base_url=SITE) as http:
        return await http.post(
            f"{ENDPOINT}/checkout-sessions",
            json=create_body(release=RELEASE),
            headers={"UCP-Agent": f'profile="{profile_url("one")}"'},
        )


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_it_fetches_a_token_by_its_secret(here: Town, client: Registered, method: Any) -> None:
    kept = Kept()
    provider = ClientCredentialsOAuthProvider(ENDPOINT, kept, client.id, client.secret, method, issuer=SITE)
    assert (await create(here, provider)).status_code == 201
    assert kept.token is not None
    assert kept.token.access_token.startswith("ucpt_")


async def test_it_fetches_a_token_by_its_key(here: Town, grants: Grants) -> None:
    key = ECKey.generate_key("P-256")
    jwks = msgspec.json.encode({"keys": [key.as_dict(private=False)]})
    client = await grants.register(MERCHANT, profile_url("one"), scopes_supported(), jwks=jwks)
    assert client.secret == ""
    signing = SignedJWTParameters(
        issuer=client.id,
        subject=client.id,
        signing_key=key.as_pem(private=True).decode(),
        signing_algorithm="ES256",
    )
    for _ in range(2):
        provider = PrivateKeyJWTOAuthProvider(
            ENDPOINT, Kept(), client.id, signing.create_assertion_provider(), issuer=SITE
        )
        assert (await create(here, provider)).status_code == 201
