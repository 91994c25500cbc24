"""Replies that prove whose they are (M:D/signatures#REST Response Signing, digest 7.5).

Signed as they leave: the store keeps a reply without its signature, since keys change while it waits
to be replayed.
"""

from typing import Final

from ucp_server.asgi.reply import Reply
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.ports import Clock
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.releases import Release
from ucp_server.ucp.signatures import Response, sign
from ucp_server.ucp.signing_keys import SigningKeys

# RFC 9110 15.5: from here on a status says that a request failed; an outcome has 200.
_FAULT: Final = 400

# Where somebody will want to prove what was bought and paid.
ALWAYS_SIGNED: Final = frozenset({"complete_checkout", "get_order"})


class SignedReplies:
    """Signs for every merchant, with the key that it signs with just then."""

    def __init__(self, keys: SigningKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def signed(self, incoming: Incoming, release: Release, reply: Reply) -> Reply:
        """``reply`` with its signature, where release, operation or merchant ask for one.

        It goes out without one while the merchant's key cannot be had: an order that is placed has
        to be told.
        """
        wanted = incoming.operation in ALWAYS_SIGNED or incoming.shop.signs_all_replies
        # Of faults a signature is optional, and whoever is not let in shall cost nothing.
        if not release.signs_replies or not wanted or reply.status >= _FAULT:
            return reply
        try:
            key = await self._keys.signer(incoming.shop.merchant_id)
        except StoreUnavailable:
            return reply
        if key is None:
            return reply
        content_type = reply.header(b"content-type")
        response = Response(
            status=reply.status,
            headers={"content-type": content_type.decode()} if content_type else {},
            body=reply.body,
        )
        headers = sign(response, key, int(self._clock.now().timestamp()))
        return reply.adding(*((name.encode(), text.encode()) for name, text in headers.items()))
