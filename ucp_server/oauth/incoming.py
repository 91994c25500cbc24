"""A request as this binding works on it."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from starlette.requests import Request

from ucp_server.asgi.addresses import Network, source_of
from ucp_server.asgi.facts import Facts, facts_of
from ucp_server.asgi.urlencoded import read_pairs
from ucp_server.oauth.refusals import RequestInvalid

# A token request has five parameters; an extension may add a few that are passed over.
_PARAMETERS_MAX: Final = 32


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant as an authorization server. ``site`` is its issuer: scheme and authority alone."""

    merchant_id: str
    site: str

    @property
    def authorization_endpoint(self) -> str:
        return f"{self.site}/oauth/authorize"

    @property
    def token_endpoint(self) -> str:
        return f"{self.site}/oauth/token"

    @property
    def revocation_endpoint(self) -> str:
        return f"{self.site}/oauth/revoke"


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """``headers`` have lower-case names; ``address`` is the caller's, "" where it cannot be told."""

    operation: str
    shop: Shop
    headers: Mapping[str, str]
    raw: bytes
    address: str
    facts: Facts

    def __repr__(self) -> str:
        """Without headers and body: they hold secrets."""
        return f"Incoming({self.operation})"


async def read_incoming(
    request: Request, operation: str, shop: Shop, trusted: Iterable[Network]
) -> Incoming:
    """The request with its whole body, which the guard has bounded before."""
    # Of a header that comes several times the last one holds.
    headers = dict(request.headers.items())
    return Incoming(
        operation=operation,
        shop=shop,
        headers=headers,
        raw=await request.body(),
        address=source_of(request.scope, headers, trusted),
        facts=facts_of(request.scope),
    )


def read_parameters(raw: bytes) -> dict[str, str]:
    """The parameters of a form; raises `RequestInvalid`.

    One without a value counts as left out, and none may come twice (RFC 6749 3.2).
    """
    try:
        pairs = read_pairs(raw, _PARAMETERS_MAX)
    except ValueError as error:
        raise RequestInvalid("The body is no form.") from error
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise RequestInvalid("A parameter stands there twice.")
    return {name: text for name, text in parameters.items() if text}
