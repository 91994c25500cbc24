"""A request as this binding works on it."""

from collections.abc import Mapping

import msgspec

from ucp_server.asgi.facts import Facts


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """The merchant that a tenant is.

    ``site`` is the scheme and authority of its URLs, without a slash at the end. Card numbers may
    come in only where it ``takes_fresh_cards``.
    """

    merchant_id: str
    site: str
    takes_fresh_cards: bool = False


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """``endpoint`` is the path prefix that was asked; the URLs of the answer keep to it.

    ``headers`` have lower-case names; of ``query`` the last value of each name counts. ``target`` is
    the tracking number in the path, as it was written; ``facts`` go to the access line.
    """

    operation: str
    shop: Shop
    endpoint: str
    headers: Mapping[str, str]
    raw: bytes
    facts: Facts
    query: Mapping[str, str] = {}
    target: str = ""

    def __repr__(self) -> str:
        """Without headers, query and body: they hold keys, customers and cards."""
        return f"Incoming({self.operation})"
