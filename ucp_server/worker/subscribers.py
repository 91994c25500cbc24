"""Events of several protocols under one kind of job: each goes by the hand of its subscriber's binding."""

from collections.abc import Mapping
from dataclasses import dataclass

from ucp_server.domain.events import DeliveryOutcome, Job, Parked
from ucp_server.worker.deliver import Deliverer


@dataclass(frozen=True, slots=True)
class BySubscriber:
    """``deliverers`` are by binding, as the renderers of a `Delivery` are."""

    deliverers: Mapping[str, Deliverer]

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome:
        if job.subscriber is None:
            return Parked("Nobody is named who wants to hear of this order.")
        deliverer = self.deliverers.get(job.subscriber.binding)
        if deliverer is None:
            return Parked(f"Nobody sends events for {job.subscriber.binding} any more.")
        return await deliverer.deliver(job, rendered)
