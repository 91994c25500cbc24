"""The same work without the server: the engine called in process, by as many buyers at once.

Reads a `Question` from stdin and prints a `Result`, as `client` does. Replies are of the usual size
but are not rendered, and the provider says yes at once: what is left is rules and SQL.
"""

import asyncio
import resource
import sys
import time
import uuid
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec
import uvloop

from tests.bench.client import Job, Result
from tests.load.shops import CURRENCY, OPTION, PRICE_MINOR, SHIPPING_MINOR, item
from ucp_server.domain.checkout import Buyer, Instrument
from ucp_server.domain.fulfillment import Address, WantedDestination, WantedGroup, WantedMethod
from ucp_server.domain.lines import WantedLine
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.money import Money
from ucp_server.engine.commands import (
    Answer,
    Call,
    Command,
    CompleteCheckout,
    CreateCheckout,
    Key,
    Rendering,
    Scope,
    UpdateCheckout,
    Wanted,
)
from ucp_server.engine.quoting import Quoting
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.ports import Approved, Attempt, Credential, HandlerListing, OnPage, Outcome, Settlement
from ucp_server.store.database import open_pool

# As large as the reply to a checkout of one line.
REPLY: Final = b"x" * 2300
FINGERPRINT: Final = b"f" * 32
ADDRESS: Final = Address(
    street_address="12 Harbour Lane", locality="Springfield", region="IL", postal_code="62704", country="US"
)

T = TypeVar("T")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    job: Job
    database_url: str
    merchant_id: str


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class Yes:
    """`Payment` of a provider that approves everything at once."""

    def describe(self, merchant_id: str, total: Money, item_ids: Sequence[str]) -> HandlerListing | None:
        return HandlerListing(id="yes", name="dev.bench.yes", version="1", spec="", config_schema="")

    async def authorise(self, attempt: Attempt, instrument: Instrument, credential: Credential) -> Outcome:
        # Taken at once, since nobody here captures.
        return Approved(reference=attempt.psp_key, amount=attempt.amount, captured=True)

    async def look_up(self, attempt: Attempt) -> Outcome:
        return Approved(reference=attempt.psp_key, amount=attempt.amount)

    async def settle(self, attempt: Attempt, action: Settlement, amount: Money, action_key: str) -> Outcome:
        return Approved(reference=attempt.psp_key, amount=amount)

    async def on_page(self, merchant_id: str, total: Money, session: str) -> OnPage | None:
        return None


@dataclass
class Callers:
    job: Job
    engine: Engine
    scope: Scope
    times: dict[str, list[float]] = field(default_factory=dict)
    lifecycles: int = 0
    last_at: float = 0.0

    async def run(self, number: int, until: float) -> None:
        while time.perf_counter() < until:
            await self._buy(number)
            self.lifecycles += 1
            self.last_at = time.perf_counter()

    async def _buy(self, number: int) -> None:
        lines = (WantedLine(item_id=item(number % self.job.items), quantity=1),)
        buyer = Buyer(first_name="Robin", last_name="Tester", email=f"direct{number}@buyers.example")
        wanted = Wanted(lines=lines, currency=CURRENCY, buyer=buyer)
        made = await self._write("create", CreateCheckout(wanted=wanted))
        assert made.checkout_id is not None
        method = WantedMethod(
            type="shipping",
            destinations=(WantedDestination(id="home", address=ADDRESS),),
            selected_destination_id="home",
            groups=(WantedGroup(selected_option_id=OPTION),),
        )
        wanted = Wanted(lines=lines, currency=CURRENCY, buyer=buyer, methods=(method,))
        await self._write("update", UpdateCheckout(checkout_id=made.checkout_id, wanted=wanted))
        seen = await self._timed("get", self.engine.read(self.scope, made.checkout_id))
        assert seen.quote.total_minor == PRICE_MINOR + SHIPPING_MINOR
        paying = CompleteCheckout(
            checkout_id=made.checkout_id,
            instrument=Instrument(id="card", handler_id="yes", type="card"),
            credential=Credential(type="token", members={"token": "success_token"}),
        )
        await self._write("complete", paying)

    async def _write(self, operation: str, command: Command) -> Answer:
        key = Key(operation=operation, key=uuid.uuid4().hex, fingerprint=FINGERPRINT)
        call = Call(
            scope=self.scope,
            render=lambda _: REPLY,
            render_refusal=lambda _: REPLY,
            rendering=Rendering(binding="bench", terms=b""),
            key=key,
        )
        return await self._timed(operation, self.engine.run(call, command))

    async def _timed(self, operation: str, work: Awaitable[T]) -> T:
        started = time.perf_counter()
        done = await work
        self.times.setdefault(operation, []).append(time.perf_counter() - started)
        return done


async def _run(question: Question) -> Result:
    merchant_id, job = question.merchant_id, question.job
    merchant = Merchant(
        id=merchant_id,
        title=merchant_id,
        currency=CURRENCY,
        home_country="US",
        mail_sender="",
        remembers_addresses=True,
    )
    async with open_pool(question.database_url, name="bench") as pool:
        setup = Setup(
            pool=pool,
            merchants={merchant_id: merchant},
            quoting=Quoting.over(pool),
            payments={merchant_id: {"yes": Yes()}},
            clock=Clock(),
            renderers={},
        )
        callers = Callers(job, Engine(setup), Scope(merchant_id=merchant_id, platform_id="bench"))
        cpu, started = _cpu(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(job.buyers):
                group.create_task(callers.run(number, started + job.seconds))
        return Result(
            elapsed=callers.last_at - started,
            lifecycles=callers.lifecycles,
            times=callers.times,
            client_cpu=_cpu() - cpu,
        )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(_run(question))
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
