"""Many callers at once, as one process of several: each obeys what it is told and comes again."""

import asyncio
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from tests.engine.world import call, complete, make_setup, psp_of
from ucp_server.domain.errors import ProblemRefused, Refusal
from ucp_server.engine.runner import Engine
from ucp_server.store.database import open_pool

POOL = 4
# Callers are told to wait a second; here they are in more of a hurry.
HURRY = 0.05
TRIES_MAX = 400


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """Completes of ``requests`` (checkout id, key), all at once, at a provider that takes its time."""

    database: str
    folder: str
    requests: tuple[tuple[str, str], ...]
    provider_takes_s: float = 0.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Replies by how often they came, and how often which refusal ended a caller's day."""

    replies: dict[bytes, int]
    refused: dict[str, int]


async def be(crowd: Crowd) -> Outcome:
    async with open_pool(crowd.database, size=POOL) as pool:
        setup = make_setup(pool, Path(crowd.folder) / "books.jsonl")
        psp_of(setup).takes_s = crowd.provider_takes_s
        engine = Engine(setup)
        replies, refused = Counter[bytes](), Counter[str]()

        async def caller(checkout_id: str, key: str) -> None:
            for _ in range(TRIES_MAX):
                try:
                    answer = await engine.run(call(key, refusing=["out_of_stock"]), complete(checkout_id))
                except Refusal as refusal:
                    if refusal.retry_after_s is None:
                        name = refusal.problem.code if isinstance(refusal, ProblemRefused) else refusal.code
                        refused[name] += 1
                        return
                    await asyncio.sleep(refusal.retry_after_s * HURRY)
                else:
                    replies[answer.reply] += 1
                    return
            refused["never answered"] += 1

        await asyncio.gather(*(caller(*request) for request in crowd.requests))
        return Outcome(replies=dict(replies), refused=dict(refused))


def report(crowd: Crowd, to: Connection) -> None:
    """For a process of its own."""
    outcome = asyncio.run(be(crowd))
    to.send((outcome.replies, outcome.refused))
    to.close()
