"""Order events: what a platform is told, signed, and what its answer means (D/order#Webhooks)."""

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
from ucp_server.domain.events import DeliveryOutcome, Job, Notice, Parked, Retry
from ucp_server.ports import Fetch, FetchRefused
from ucp_server.ucp.releases import ROWS
from ucp_server.ucp.replies import Replies
from ucp_server.ucp.signing_keys import SigningKeys
from ucp_server.ucp.terms import EventTerms, read_event_terms
from ucp_server.ucp.times import rfc3339

Wire = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderEvents:
    """Renders and sends the events of all merchants. ``detailed`` adds what the official suite reads."""

    replies: Replies
    keys: SigningKeys
    fetch: Fetch
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
        terms, _ = _read(job)
        headers = (
            ("content-type", "application/json"),
            ("ucp-agent", f'profile="{terms.site}/.well-known/ucp"'),
            ("request-signature", detached_jws(rendered, key)),
        )
        try:
            answer = await self.fetch.post(
                job.subscriber.url,
                headers=headers,
                body=rendered,
                max_bytes=ANSWER_BYTES_MAX,
                timeout_s=ANSWER_WITHIN_S,
            )
        except FetchRefused as refused:
            return outcome_without_answer(refused)
        return outcome_of(answer)


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
