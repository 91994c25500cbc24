"""A receiver that answers as told and logs what it got, and the delivery that leads to it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from tests.engine.world import SECRET
from ucp_server.domain.events import Delivered, DeliveryOutcome, Job, JobKind, Notice
from ucp_server.engine.driving import SubmissionDeliverer
from ucp_server.engine.runner import Engine
from ucp_server.engine.settling import MoneyDeliverer, StockDeliverer
from ucp_server.engine.setup import Setup
from ucp_server.engine.tooling import ToolDeliverer
from ucp_server.ports import Ran, ToolAnswer, ToolCall, Tools
from ucp_server.store.database import Pool
from ucp_server.worker.deliver import Delivery


@dataclass
class Receiver:
    """Answers each delivery with ``answer``; keeps (job id, bytes) of all that came."""

    answer: Callable[[Job], DeliveryOutcome] = lambda _: Delivered()
    got: list[tuple[str, bytes]] = field(default_factory=list)

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome:
        self.got.append((job.id, rendered))
        return self.answer(job)

    @property
    def versions(self) -> list[int]:
        return [int(rendered.split()[1]) for _, rendered in self.got]


class Writer:
    """Writes events as "what version order", and counts how often it did."""

    def __init__(self) -> None:
        self.written = 0

    def __call__(self, job: Job) -> bytes:
        self.written += 1
        notice = msgspec.json.decode(job.payload, type=Notice)
        return f"{notice.what} {notice.order.version} {notice.order.id}".encode()


@dataclass
class ToolShed:
    """Tools that answer as told; keeps the calls that came, each once for each try."""

    answer: Callable[[ToolCall], ToolAnswer] = lambda call: Ran(f"{call.tool_id} done")
    calls: list[ToolCall] = field(default_factory=list)

    async def run(self, call: ToolCall) -> ToolAnswer:
        self.calls.append(call)
        return self.answer(call)


def make_delivery(
    setup: Setup, platform: Receiver, mailbox: Receiver | None = None, tools: Tools | None = None
) -> Delivery:
    money = MoneyDeliverer(setup)
    writer = Writer()
    tooling = ToolDeliverer(setup, tools or ToolShed())
    return Delivery(
        pool=setup.pool,
        renderers={"plain": writer, "mail": writer},
        deliverers={
            JobKind.WEBHOOK: platform,
            JobKind.MAIL: mailbox or Receiver(),
            JobKind.CAPTURE: money,
            JobKind.VOID: money,
            JobKind.REFUND: money,
            JobKind.RELEASE: StockDeliverer(setup),
            JobKind.CONFIRM: StockDeliverer(setup),
            JobKind.SUBMIT: SubmissionDeliverer(setup, Engine(setup), SECRET),
            JobKind.TOOL: tooling,
        },
        on_parked={
            JobKind.CAPTURE: money.give_up,
            JobKind.REFUND: money.give_up,
            JobKind.TOOL: tooling.give_up,
        },
    )


async def make_due(pool: Pool) -> None:
    """As if the pauses of all waiting jobs were over."""
    async with pool.connection() as connection:
        await connection.execute("update outbox set next_at = now() where state = 'pending'")
