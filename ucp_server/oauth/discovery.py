"""What anybody may know: where tokens are had (RFC 8414), and what they open (RFC 9728)."""

from collections.abc import Sequence
from typing import Any, Final

from ucp_server.oauth.assertions import ALGORITHMS
from ucp_server.oauth.authentication import METHODS
from ucp_server.oauth.incoming import Shop

Wire = dict[str, Any]

# It changes with a new version of this server; a day would be too long to wait for that.
MAX_AGE_S: Final = 3600


def render_server(shop: Shop, scopes: Sequence[str]) -> Wire:
    """RFC 8414 2. Buyers grant nothing here, so that no response type is there.

    The authorization endpoint says so itself. It is named because the official MCP client reads no
    metadata without it.
    """
    return {
        "issuer": shop.site,
        "authorization_endpoint": shop.authorization_endpoint,
        "token_endpoint": shop.token_endpoint,
        "revocation_endpoint": shop.revocation_endpoint,
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": list(scopes),
        "token_endpoint_auth_methods_supported": list(METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
    }


def render_resource(shop: Shop, scopes: Sequence[str]) -> Wire:
    """RFC 9728 2: the shop's operations."""
    return {
        "resource": shop.site,
        "authorization_servers": [shop.site],
        "scopes_supported": list(scopes),
        "bearer_methods_supported": ["header"],
    }
