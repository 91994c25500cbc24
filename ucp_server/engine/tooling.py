"""Tools that fulfil lines: queued with the order, tried at once, their results written into the order.

A run that fails for want of an answer is tried again for some minutes under the same id; what it
told last stands in the order meanwhile, so that nobody waits for it in vain.
"""

import asyncio
import logging
import random
from dataclasses import dataclass
from typing import Final

from ucp_server.domain.errors import RevisionConflict
from ucp_server.domain.events import Delivered, DeliveryOutcome, Job, Parked, Retry, ToolWork
from ucp_server.domain.order import Order, line_counts
from ucp_server.domain.tools import RunState, ToolRun
from ucp_server.engine.commands import Scope
from ucp_server.engine.faults import fault_point
from ucp_server.engine.orders import Orders
from ucp_server.engine.reading import read_order, read_order_of_any
from ucp_server.engine.setup import Setup
from ucp_server.ports import Failed, Ran, ToolAnswer, ToolCall, Tools, Unreached
from ucp_server.store.apps import load_tool
from ucp_server.store.database import read
from ucp_server.store.documents import decode_tool_work

log = logging.getLogger(__name__)

# Often enough not to be noticed, and 50 reads of one row in all.
LOOK_EVERY_S: Final = 0.1
# All tools of one order may end at the same moment, and each write lets one of them through.
RECORD_TRIES_MAX: Final = 20
RECORD_SPREAD_S: Final = 0.05


async def wait_until_tried(setup: Setup, scope: Scope, order_id: str) -> Order:
    """The order once each of its tools was tried, or as it is when the time for that is over.

    Holds no connection while it waits. Raises OrderNotFound.
    """
    deadline_s = asyncio.get_running_loop().time() + setup.timings.served_within_s
    order = await read_order(setup, scope, order_id)
    while any(run.state == "waiting" for run in order.runs):
        if asyncio.get_running_loop().time() >= deadline_s:
            break
        await asyncio.sleep(LOOK_EVERY_S)
        order = await read_order(setup, scope, order_id)
    return order


@dataclass(frozen=True, slots=True)
class ToolDeliverer:
    """Does the tool jobs. The run's id is the tool's key: a repeat after a crash does nothing twice."""

    setup: Setup
    tools: Tools

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome:
        del rendered
        work = decode_tool_work(job.payload)
        order = await read_order_of_any(self.setup, job.merchant_id, work.order_id)
        run = next((run for run in order.runs if run.id == work.run_id), None)
        if run is None:
            return Parked("The order knows nothing of this run.")
        if run.state == "done":
            # Its result was written, the job's end was not.
            return Delivered()
        if line_counts(order)[run.line_id].total == 0:
            return await self._record(job, run, Failed("Nothing of this line is left in the order."))
        call = await self._call(order, run, work)
        if call is None:
            answer: ToolAnswer = Failed(f"The tool {run.tool_id} is not configured.")
        else:
            await fault_point("tool.before_run")
            answer = await self._ask(call)
            await fault_point("tool.ran")
        return await self._record(job, run, answer)

    async def give_up(self, job: Job) -> None:
        """The job is to be parked: a person takes the line over. Safe to repeat."""
        work = decode_tool_work(job.payload)
        order = await read_order_of_any(self.setup, job.merchant_id, work.order_id)
        run = next((run for run in order.runs if run.id == work.run_id), None)
        if run is not None:
            await self._write(job, run, "failed", run.output)

    async def _call(self, order: Order, run: ToolRun, work: ToolWork) -> ToolCall | None:
        async with read(self.setup.pool) as db:
            tool = await load_tool(db, order.merchant_id, run.tool_id)
        if tool is None:
            return None
        line = order.line(run.line_id)
        return ToolCall(
            id=run.id,
            tool_id=tool.id,
            url=tool.url,
            timeout_s=tool.timeout_s,
            merchant_id=order.merchant_id,
            order_id=order.id,
            product_id=work.sold_as.product_id,
            sku=work.sold_as.sku,
            item_id=line.item_id,
            title=line.title,
            quantity=line.quantity,
            buyer_email=order.buyer.email if order.buyer else None,
        )

    async def _ask(self, call: ToolCall) -> ToolAnswer:
        try:
            async with asyncio.timeout(call.timeout_s):
                return await self.tools.run(call)
        except TimeoutError:
            return Unreached("The tool did not answer in time.")
        except Exception as error:  # noqa: BLE001  a plug-in may raise anything; its text may quote anything
            log.warning("the tool %s raised %s", call.tool_id, type(error).__name__)
            return Unreached("The tool's answer could not be read.")

    async def _record(self, job: Job, run: ToolRun, answer: ToolAnswer) -> DeliveryOutcome:
        match answer:
            case Ran(output):
                await self._write(job, run, "done", output)
                ended: DeliveryOutcome = Delivered()
            case Failed(output):
                await self._write(job, run, "failed", output)
                ended = Delivered()
            case Unreached(output):
                if run.state == "waiting":
                    await self._write(job, run, "failing", output)
                ended = Retry(output)
        await fault_point("tool.recorded")
        return ended

    async def _write(self, job: Job, run: ToolRun, state: RunState, output: str) -> None:
        order_id = decode_tool_work(job.payload).order_id
        for _ in range(RECORD_TRIES_MAX - 1):
            try:
                await Orders(self.setup).record_run(job.merchant_id, order_id, run.id, state, output)
            except RevisionConflict:
                await asyncio.sleep(random.uniform(0, RECORD_SPREAD_S))  # noqa: S311  spreads writers, guards nothing
            else:
                return
        await Orders(self.setup).record_run(job.merchant_id, order_id, run.id, state, output)
