"""One table: every refusal and its status; the body is that of RFC 6749 5.2."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ucp_server.asgi.reply import NO_STORE, Header, Reply, json_reply
from ucp_server.domain.errors import Refusal, StoreUnavailable
from ucp_server.oauth import refusals

TABLE: Final[Mapping[type[Refusal], int]] = MappingProxyType(
    {
        StoreUnavailable: 503,
        refusals.RequestInvalid: 400,
        refusals.ClientRefused: 401,
        refusals.GrantTypeUnsupported: 400,
        refusals.ResponseTypeUnsupported: 400,
        refusals.ScopeRefused: 400,
        refusals.TooManyTries: 429,
    }
)
# A busy store is no fault of the request; RFC 6749 4.1.2.1 has this code for it.
_CODES: Final[Mapping[type[Refusal], str]] = MappingProxyType({StoreUnavailable: "temporarily_unavailable"})

# RFC 6749 5.1 asks for both wherever a token may stand.
PRIVATE: Final[tuple[Header, ...]] = (NO_STORE, (b"pragma", b"no-cache"))


def render_refusal(refusal: Refusal, issuer: str) -> Reply:
    kind = type(refusal)
    headers: tuple[Header, ...] = ()
    if TABLE[kind] == 401:
        # RFC 9110 11.6.1, also for clients that tried another way: this one is the simplest.
        headers += ((b"www-authenticate", f'Basic realm="{issuer}"'.encode()),)
    if refusal.retry_after_s is not None:
        headers += ((b"retry-after", b"%d" % refusal.retry_after_s),)
    return render_error(TABLE[kind], _CODES.get(kind, refusal.code), refusal.text, *headers)


def render_error(status: int, code: str, text: str, *headers: Header) -> Reply:
    """An error as this protocol writes it, also for what the layers around the routes found."""
    return json_reply(status, {"error": code, "error_description": text}, *PRIVATE, *headers)
