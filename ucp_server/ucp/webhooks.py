"""Order events: what a platform is told, signed, and what its answer means (D/order#Webhooks).

Until 2026-01-23 an event names itself in its body and is signed by a detached JWS; later it is named
by headers, which an HTTP message signature covers with everything else (T3:D/order#Events).
"""

from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey

from ucp_server.asgi.acknowledgement import (
    ANSWER_BYTES_MAX,
    ANSWER_WITHIN_S,
    outcome_of,
    outcome_without_answer,
)
from ucp_server.asgi.times import rfc3339
from ucp_server.domain.events import DeliveryOutcome, Job, Notice, Parked, Retry
from ucp_server.ports import Clock, Fetch, FetchRefused
from ucp_server.ucp.releases import ROWS
from ucp_server.ucp.replies import Replies
from ucp_server.ucp.signatures import Request, sign
from ucp_server.ucp.signing_keys import SigningKeys
from ucp_server.ucp.terms import EventTerms, read_event_terms

Wire = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderEvents:
    """Renders and sends the events of all merchants. ``detailed`` adds what the official suite reads."""

    replies: Replies
    keys: SigningKeys
    fetch: Fetch
    clock: Clock
    detailed: bool = False

    def render(self, job: Job) -> bytes:
        """The body of an event, made once and sent the same in every try."""
        terms, notice = _read(job)
        release = ROWS[terms.release]
        document = self.replies.order(release, terms.site, notice.order)
        if release.events_name_themselves:
            document |= {"event_id": job.id, "created_time": rfc3339(job.created_at)}
        self.replies.check(release, "order_event", frozenset(), document)
        if self.detailed:
            document |= _suite_members(notice, document)
        return msgspec.json.encode(document)

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome:
        """One try; signed anew, since keys change while an event waits."""
        if job.subscriber is None:
            return Parked("Nobody is named who wants to hear of this order.")
        key = await self.keys.signer(job.merchant_id)
        if key is None:
            return Retry("The merchant has no signing key.")
        url = job.subscriber.url
        try:
            headers = self._headers(job, read_event_terms(job.subscriber), url, rendered, key)
        except ValueError:
            return Parked("The address for events is no URL.")
        try:
            answer = await self.fetch.post(
                url,
                headers=tuple(headers.items()),
                body=rendered,
                max_bytes=ANSWER_BYTES_MAX,
                timeout_s=ANSWER_WITHIN_S,
            )
        except FetchRefused as refused:
            return outcome_without_answer(refused)
        return outcome_of(answer)

    def _headers(self, job: Job, terms: EventTerms, url: str, body: bytes, key: ECKey) -> dict[str, str]:
        """All headers of one try. Raises ValueError where ``url`` is none."""
        profile_url = terms.profile_url or f"{terms.site}/.well-known/ucp"
        headers = {"content-type": "application/json", "ucp-agent": f'profile="{profile_url}"'}
        if ROWS[terms.release].events_are_signed_by == "detached_jws":
            return headers | {"request-signature": detached_jws(body, key)}
        headers |= {
            "webhook-id": job.id,
            "webhook-timestamp": str(int(job.created_at.timestamp())),
            # The table of what is signed asks for it, that of headers does not (digest 11.A, A7).
            "idempotency-key": job.id,
        }
        request = Request(method="POST", url=url, headers=headers, body=body)
        return headers | sign(request, key, int(self.clock.now().timestamp()))


def _read(job: Job) -> tuple[EventTerms, Notice]:
    if job.subscriber is None:
        raise ValueError("a webhook job names its subscriber")
    return read_event_terms(job.subscriber), msgspec.json.decode(job.payload, type=Notice)


def _suite_members(notice: Notice, document: Wire) -> Wire:
    """What the official suite's receiver reads, beside the order itself (digest 11.C, C10)."""
    return {
        "event_type": f"order_{notice.what}",
        "order": dict(document),
    }


def detached_jws(body: bytes, key: ECKey) -> str:
    """``<protected>..<signature>``: ES256 over the raw body (RFC 7797, ``b64`` false)."""
    protected = {"alg": "ES256", "kid": key.kid, "b64": False, "crit": ["b64"]}
    protected_part, _, signature = jws.serialize_compact(protected, body, key, ["ES256"]).split(".")
    return f"{protected_part}..{signature}"
