"""After the faults: wait until nothing moves any more, then hold everything against everything else."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from tests.engine import invariants
from tests.engine.rows import one, rows
from tests.simulators.ledger import Ledger
from tests.simulators.running import Received
from tests.soak import history
from tests.soak.history import PHASES, History, State
from tests.soak.world import World
from ucp_server.store.database import Pool
from ucp_server.store.documents import decode_checkout

# An unknown payment is settled 60 s after its provider is back; look-ups and events take their time.
QUIET_WITHIN_S = 120.0
LOOK_EVERY_S = 0.5

_OPEN_ATTEMPTS = "select count(*) from attempts where state in ('created', 'sent', 'unknown')"
_PENDING_JOBS = "select count(*) from outbox where state = 'pending'"
# As if the hours of a retry schedule had passed.
_DUE_NOW = "update outbox set next_at = now() where state = 'pending' and next_at > now() + interval '1 s'"

# By number (reliability.md, section 4): what must hold.
INVARIANTS = {
    "1": "one order of a checkout at most",
    "2": "completed and ordered are the same; what is canceled is not paid",
    "3": "the provider holds what the order costs, or nothing",
    "4": "captured is at most authorised, refunded at most captured",
    "5": "one open attempt, one amount per provider's key",
    "6": "our sums and the provider's books agree, both ways",
    "7": "the rows of an order add up",
    "8": "no payment stays unknown",
    "9": "nothing is oversold",
    "10": "pieces on hand, held and sold are what there was",
    "12": "a key is one execution, answered the same each time",
    "13": "a key with another body is a conflict",
    "14": "no reply without its claim",
    "15": "nothing acknowledged is lost",
    "15-19": "what was seen of each checkout has one order in time",
    "17": "documents and rows tell the same revision",
    "20": "one first event per order, none without one",
    "21": "every event arrived, always with the same bytes",
    "22": "events of an order never go back",
    "24": "every answer has its form, none is a 500",
    "25": "no transaction is left open",
    "26": "a submission says what its checkout says, and has one end",
    "27": "no card is kept that nobody knows of",
}


async def settle(world: World, pool: Pool) -> float:
    """Wait until no payment is open and no job waits; the seconds that took."""
    started = time.monotonic()
    await _decide_pending(world)
    while time.monotonic() - started < QUIET_WITHIN_S:
        async with pool.connection() as connection:
            await connection.execute(_DUE_NOW)
        if not await one(pool, _OPEN_ATTEMPTS) and not await one(pool, _PENDING_JOBS):
            break
        await asyncio.sleep(LOOK_EVERY_S)
    return time.monotonic() - started


async def _decide_pending(world: World) -> None:
    """A provider that was killed has forgotten when it wanted to decide: now."""
    books = Ledger(world.provider.folder / "ledger.jsonl")
    pending = [key for key, known in books.authorisations.items() if known.status == "pending"]
    await world.provider.control(settle=dict.fromkeys(pending, "approved"))


async def judge(world: World, pool: Pool, seen: History) -> list[str]:
    """All that is broken, each in words that begin with its invariant's number."""
    jobs = {str(row["id"]): row for row in await rows(pool, "select id, stream, sequence from outbox")}
    received = await world.platform.received()
    books = Ledger(world.provider.folder / "ledger.jsonl")
    return [
        *await invariants.broken(pool, books, list(_got(received, jobs)), start_stock=world.start_stock),
        *history.broken(seen, await _final(pool)),
    ]


def _got(
    received: Sequence[Received], jobs: dict[str, dict[str, object]]
) -> Iterator[tuple[str, bytes, str, int]]:
    for entry in received:
        job_id = msgspec.json.decode(entry.body)["event_id"]
        job = jobs[job_id]
        yield job_id, entry.body, str(job["stream"]), int(str(job["sequence"]))


async def _final(pool: Pool) -> dict[str, State]:
    """Every checkout as the database has it, by the id that callers know it under."""
    final = {}
    for row in await rows(pool, "select document from checkouts"):
        checkout = decode_checkout(row["document"])
        name = (checkout.basket.buyer.first_name if checkout.basket.buyer else None) or ""
        phase = PHASES.get(checkout.state, "open")
        final[f"chk_{checkout.id.replace('-', '')}"] = State(phase, name)
    return final


def table(found: Sequence[str]) -> Iterator[str]:
    """One line per invariant with the number of times that it was broken, then each break."""
    counts = Counter(text.partition(":")[0] for text in found)
    for number, what in (INVARIANTS | {n: "?" for n in counts if n not in INVARIANTS}).items():
        yield f"  {number:>6}  {what:<64} {counts[number] or 'holds'}"
    yield from (f"  BROKEN {text}" for text in found)
