"""Events: ``order.created`` for what a person fulfils, ``order.fulfilled`` for what tools did (field.md 9).

``X-Chipp-Signature: t=<seconds>,v1=<hex>`` is the HMAC-SHA256 of ``<t>.<body>`` under the app's
webhook secret; ``t`` is when this try was made, so that a receiver can refuse an old one.
``X-Chipp-Delivery`` stays the same over all tries. An order tells one event: at once where people
fulfil it, else when its tools have done their work or were given up.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from ucp_server.asgi.acknowledgement import (
    ANSWER_BYTES_MAX,
    ANSWER_WITHIN_S,
    outcome_of,
    outcome_without_answer,
)
from ucp_server.asgi.times import iso8601
from ucp_server.chipp import order as orders
from ucp_server.chipp.checkout import amount
from ucp_server.chipp.replies import BINDING, OnFault
from ucp_server.chipp.schema import Schemas
from ucp_server.domain.checkout import Subscriber
from ucp_server.domain.events import Delivered, DeliveryOutcome, Job, Notice, Parked
from ucp_server.ports import Clock, Fetch, FetchRefused
from ucp_server.store.apps import App, WebhookSecrets

Wire = dict[str, Any]

CREATED: Final = "order.created"
FULFILLED: Final = "order.fulfilled"

# Of what happens later to an order the protocol has no event.
_NOTHING: Final = b""

_decode_notice: Final[Callable[[bytes], Notice]] = msgspec.json.Decoder(Notice).decode


def subscriber_of(app: App) -> Subscriber | None:
    """Where the app hears of its orders; None where nobody listens."""
    if not app.webhook_url:
        return None
    return Subscriber(binding=BINDING, terms=app.id, url=app.webhook_url)


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderEvents:
    """Renders and sends the events of all apps."""

    schemas: Schemas
    secrets: WebhookSecrets
    fetch: Fetch
    clock: Clock
    on_fault: OnFault

    def render(self, job: Job) -> bytes:
        """The body of an event, made once and sent the same in every try; empty where there is none."""
        document = _event(_decode_notice(job.payload))
        if document is None:
            return _NOTHING
        violations = self.schemas.replies["event"].check(document)
        if violations:
            self.on_fault("event", violations)
        return msgspec.json.encode(document)

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome:
        """One try, signed for this moment."""
        if rendered == _NOTHING:
            return Delivered()
        if job.subscriber is None:
            return Parked("Nobody is named who wants to hear of this order.")
        secret = await self.secrets.of(job.merchant_id, job.subscriber.terms)
        headers = (
            ("content-type", "application/json"),
            ("x-chipp-delivery", job.id),
            ("x-chipp-signature", signature(secret, rendered, self.clock.now())),
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


def signature(secret: str, body: bytes, at: datetime) -> str:
    """The value of ``X-Chipp-Signature``."""
    seconds = int(at.timestamp())
    told = hmac.new(secret.encode(), b"%d." % seconds + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={told}"


def _event(notice: Notice) -> Wire | None:
    """None for what is no event of this protocol, or not yet one."""
    order = notice.order
    is_due = notice.what == "served" or (notice.what == "placed" and not order.runs)
    if not is_due:
        return None
    status = orders.status_of(order)
    return {
        "event": FULFILLED if status == orders.FULFILLED else CREATED,
        "order_id": order.id,
        # An order has the id of the session that it was.
        "checkout_session_id": order.id,
        "application_id": order.platform_id,
        "status": status,
        "fulfillment_result": orders.results_of(order),
        "total": amount(order.total_minor, order.currency),
        "created_at": iso8601(order.placed_at),
    }
