"""Checkouts whose page is framed: who may do so, what is told there, what is answered.

T3:D/embedded-checkout. The page's script speaks; here is what depends on the release.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from ucp_server.asgi.documents import BadDocument, decode
from ucp_server.asgi.reply import Reply
from ucp_server.domain.checkout import Checkout, Instrument
from ucp_server.domain.errors import InvalidRequest
from ucp_server.domain.fulfillment import WantedMethod
from ucp_server.domain.money import Money
from ucp_server.ports import Credential
from ucp_server.ucp.accepting import without_nulls
from ucp_server.ucp.decoding import as_invalid
from ucp_server.ucp.fulfillment import decode_fulfillment
from ucp_server.ucp.payment import decode_instruments, decode_payment
from ucp_server.ucp.releases import (
    ADDRESS,
    PAYMENT_CREDENTIAL,
    PAYMENT_INSTRUMENTS,
    Release,
    served,
    upgrade_request,
)
from ucp_server.ucp.replies import Replies
from ucp_server.ucp.terms import Terms

Wire = dict[str, Any]

_OF_PAYMENT: Final = frozenset({PAYMENT_CREDENTIAL, PAYMENT_INSTRUMENTS})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# Nothing else may stand in a policy, where a space or a semicolon would begin another part.
_HOST: Final = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One framed page. ``delegations`` are those that its host asked for and that we let it have.

    ``ancestors`` are the origins that may frame it, ``scheme`` the colours that it was asked in, "" for
    those of the buyer's system.
    """

    checkout: Checkout
    release: Release
    replies: Replies
    ancestors: tuple[str, ...]
    delegations: tuple[str, ...]
    scheme: str

    @property
    def query(self) -> str:
        """What makes the page a framed one wherever its address is written."""
        asked = {"ec_version": self.release.version, "ec_delegate": ",".join(self.delegations)}
        return urlencode({name: text for name, text in asked.items() if text} | self._color())

    def _color(self) -> dict[str, str]:
        return {"ec_color_scheme": self.scheme} if self.scheme else {}

    @property
    def takes_payment(self) -> bool:
        return PAYMENT_CREDENTIAL in self.delegations

    @property
    def takes_choice_of_payment(self) -> bool:
        return PAYMENT_INSTRUMENTS in self.delegations

    @property
    def takes_address(self) -> bool:
        return ADDRESS in self.delegations

    @property
    def speech(self) -> Wire:
        """How the page's script speaks: see static/embedded.js."""
        embedding = self.release.embedding
        return {
            "version": self.release.version,
            "delegate": self.delegations,
            "totals": embedding.tells_totals,
            "status": embedding.answers_hold_status,
            "errors": embedding.errors_at,
        }

    def state(self, site: str) -> Reply:
        """The checkout as a platform reads it that has every capability of the release."""
        terms = Terms(
            merchant_id=self.checkout.merchant_id,
            release=self.release.version,
            active=frozenset(capability.name for capability in self.release.capabilities),
            operation="get_checkout",
            site=site,
        )
        return self.replies.checkout(terms, self.checkout)

    # --- what the host answers: a part of a checkout, as JSON; each raises `InvalidRequest` ---

    def instruments(self, answer: str) -> tuple[Instrument, ...]:
        with as_invalid():
            return decode_instruments(self._part(answer, "payment"))

    def payment(self, answer: str) -> tuple[Instrument, Credential]:
        with as_invalid():
            return decode_payment(self._part(answer, "payment"))

    def methods(self, answer: str) -> tuple[WantedMethod, ...]:
        with as_invalid():
            return decode_fulfillment(self._part(answer, "fulfillment"), creating=False) or ()

    def _part(self, answer: str, member: str) -> Any:
        """A member of the answer in the newest form."""
        try:
            document = decode(answer.encode())
        except BadDocument as error:
            raise InvalidRequest(error.text) from error
        if self.release.nulls_are_absent:
            document = without_nulls(document)
        document = {member: document.get(member)}
        upgrade_request(self.release, document)
        return document[member]


@dataclass(frozen=True, kw_only=True)
class EmbeddedCheckouts:
    """Opens sessions. ``origins`` are by profile URL, of platforms that the configuration lets frame us."""

    replies: Replies
    origins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def session(self, checkout: Checkout, query: Mapping[str, str]) -> Session | None:
        """What a page's address asks for; None where the page is not to be framed.

        Nobody but the checkout's own platform may frame it.
        """
        release = served(query.get("ec_version", ""))
        if release is None or checkout.merchant_id not in self.replies.embeddable:
            return None
        ancestors = self.origins.get(checkout.platform_id) or origins_of(checkout.platform_id)
        if not ancestors:
            return None
        scheme = query.get("ec_color_scheme", "")
        return Session(
            checkout=checkout,
            release=release,
            replies=self.replies,
            ancestors=ancestors,
            delegations=self._delegations(checkout, release, query.get("ec_delegate", "").split(",")),
            scheme=scheme if scheme in release.embedding.schemes else "",
        )

    def _delegations(self, checkout: Checkout, release: Release, asked: Sequence[str]) -> tuple[str, ...]:
        """A host can pay only where some handler takes what an agent has."""
        accepted = [name for name in release.embedding.delegations if name in asked]
        if not _OF_PAYMENT.isdisjoint(accepted):
            total = Money(checkout.quote.total_minor, checkout.currency)
            items = [line.item_id for line in checkout.quote.lines]
            if not self.replies.listings(checkout.merchant_id, total, items):
                accepted = [name for name in accepted if name not in _OF_PAYMENT]
        return tuple(accepted)


def origins_of(profile_url: str) -> tuple[str, ...]:
    """The origin of a profile's URL as browsers write it; empty where it cannot stand in a policy."""
    try:
        parts = urlsplit(profile_url)
        port = parts.port
    except ValueError:
        return ()
    host = parts.hostname or ""
    if parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(host):
        return ()
    site = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}"
    return (site if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{site}:{port}",)
