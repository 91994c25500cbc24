"""Events go by the hand of the binding that their subscriber belongs to."""

from datetime import UTC, datetime

from tests.worker.world import Receiver
from ucp_server.domain.checkout import Subscriber
from ucp_server.domain.events import Delivered, Job, JobKind, Parked
from ucp_server.worker.subscribers import BySubscriber


def job(binding: str | None) -> Job:
    url = "https://platform.example/hooks"
    return Job(
        id="1",
        merchant_id="shop",
        kind=JobKind.WEBHOOK,
        stream="webhook:1",
        sequence=1,
        payload=b"{}",
        created_at=datetime.now(UTC),
        subscriber=Subscriber(binding=binding, terms="", url=url) if binding else None,
    )


async def test_each_binding_sends_its_own() -> None:
    one, two = Receiver(), Receiver()
    delivering = BySubscriber({"one": one, "two": two})
    assert await delivering.deliver(job("two"), b"event") == Delivered()
    assert (one.got, two.got) == ([], [("1", b"event")])


async def test_what_nobody_sends_is_kept_for_the_merchant() -> None:
    delivering = BySubscriber({"one": Receiver()})
    assert isinstance(await delivering.deliver(job("three"), b"event"), Parked)
    assert isinstance(await delivering.deliver(job(None), b"event"), Parked)
