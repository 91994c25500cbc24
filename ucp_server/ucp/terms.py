"""What a reply depends on beside the checkout.

It is kept with a claim, so that a reply can still be written when its request is gone.
"""

from typing import Final

import msgspec

from ucp_server.domain.checkout import Subscriber
from ucp_server.engine.commands import Rendering
from ucp_server.ucp.instruments import Offers

BINDING: Final = "ucp"


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``active`` are the negotiated capabilities, ``site`` leads all URLs (see `incoming.Shop`).

    ``instruments`` are what the platform can pay with, by name of a payment handler.
    """

    merchant_id: str
    release: str
    active: frozenset[str]
    operation: str
    site: str
    instruments: dict[str, Offers] = {}

    def rendering(self) -> Rendering:
        return Rendering(binding=BINDING, terms=msgspec.json.encode(self, order="sorted"))


class EventTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How a platform hears of an order: in the release of its checkout, under the same URLs.

    ``profile_url`` is where it finds ours; it was not kept before releases differed in that.
    """

    release: str
    site: str
    profile_url: str = ""

    def subscriber(self, url: str) -> Subscriber:
        return Subscriber(binding=BINDING, terms=msgspec.json.encode(self).decode(), url=url)


def read_terms(kept: bytes) -> Terms:
    return msgspec.json.decode(kept, type=Terms)


def read_event_terms(subscriber: Subscriber) -> EventTerms:
    return msgspec.json.decode(subscriber.terms, type=EventTerms)
