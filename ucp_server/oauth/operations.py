"""Tokens given out and revoked (RFC 6749, RFC 7009)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ucp_server.asgi.reply import Reply, json_reply
from ucp_server.domain.errors import Refusal
from ucp_server.engine.grants import Grants
from ucp_server.oauth.authentication import Authentication
from ucp_server.oauth.errors import PRIVATE, render_refusal
from ucp_server.oauth.incoming import Incoming, Shop, read_parameters
from ucp_server.oauth.refusals import (
    ClientRefused,
    GrantTypeUnsupported,
    RequestInvalid,
    ResponseTypeUnsupported,
    ScopeRefused,
)
from ucp_server.store.clients import Client

Wire = dict[str, Any]
Parameters = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Operations:
    grants: Grants
    authentication: Authentication

    async def perform(self, incoming: Incoming) -> Reply:
        """Carry the request out and answer it; a refusal is an answer too."""
        facts = incoming.facts
        facts["protocol"], facts["operation"] = "oauth", incoming.operation
        facts["merchant"] = incoming.shop.merchant_id
        try:
            if incoming.operation == "authorize":
                raise ResponseTypeUnsupported
            parameters = read_parameters(incoming.raw)
            client = await self.authentication.check(incoming, parameters)
            if incoming.operation == "revoke":
                return await self._revoke(incoming.shop, client, parameters)
            return json_reply(200, await self._token(incoming.shop, client, parameters), *PRIVATE)
        except Refusal as refusal:
            facts["outcome"] = refusal.code
            return render_refusal(refusal, incoming.shop.site)

    async def _token(self, shop: Shop, client: Client, parameters: Parameters) -> Wire:
        wanted = parameters.get("grant_type")
        if wanted is None:
            raise RequestInvalid("grant_type is missing.")
        issue = self._by_grant_type.get(wanted)
        if issue is None:
            raise GrantTypeUnsupported
        return await issue(shop, client, parameters)

    @property
    def _by_grant_type(self) -> Mapping[str, Callable[[Shop, Client, Parameters], Awaitable[Wire]]]:
        return {"client_credentials": self._client_credentials}

    async def _client_credentials(self, shop: Shop, client: Client, parameters: Parameters) -> Wire:
        """RFC 6749 4.4: a token in the client's own name, for all that it was granted or for less."""
        scopes = frozenset(parameters.get("scope", "").split()) or frozenset(client.scopes)
        if not scopes <= frozenset(client.scopes):
            raise ScopeRefused
        issued = await self.grants.issue(shop.merchant_id, client, scopes)
        if issued is None:
            # It was revoked a moment ago.
            raise ClientRefused
        return {
            "access_token": issued.token,
            "token_type": "Bearer",
            "expires_in": issued.ttl_s,
            "scope": " ".join(issued.scopes),
        }

    async def _revoke(self, shop: Shop, client: Client, parameters: Parameters) -> Reply:
        """RFC 7009 2.2: what is no token of this client is as good as revoked."""
        token = parameters.get("token")
        if token is None:
            raise RequestInvalid("token is missing.")
        await self.grants.revoke(shop.merchant_id, client, token)
        return Reply(200, b"", PRIVATE)
