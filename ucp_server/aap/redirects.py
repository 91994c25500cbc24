"""Tracked links (field.md 8: ``/r/{recommendationId}``): where they lead, and what they leave behind."""

from typing import Final
from urllib.parse import urlencode

from ucp_server.asgi.reply import NO_STORE, Reply
from ucp_server.domain.attribution import Recommendation
from ucp_server.store.ids import ulid_of

PATH: Final = "/r/{id}"

_COOKIE: Final = "aap_ref"
_COOKIE_AGE_S: Final = 30 * 86400


def fallback_url(site: str, recommendation: Recommendation) -> str:
    """The link that an agent shows where it cannot hand over itself."""
    return site + PATH.format(id=ulid_of(recommendation.id))


def redirect(site: str, recommendation: Recommendation) -> Reply:
    """To the shop of ``site``, which learns whose recommendation it was and of which item."""
    reference = ulid_of(recommendation.id)
    told = {
        "item": recommendation.offer.item_id,
        "aap_ref": reference,
        "utm_source": "aap",
        "utm_medium": "agent_referral",
    }
    cookie = f"{_COOKIE}={reference}; Max-Age={_COOKIE_AGE_S}; Path=/; Secure; HttpOnly; SameSite=Lax"
    return Reply(
        302,
        b"",
        (
            (b"location", f"{site}/?{urlencode(told)}".encode()),
            (b"set-cookie", cookie.encode()),
            # Also a link that was followed before is counted.
            NO_STORE,
        ),
    )
