"""Random buyers that keep to the rules, and write down what they did and saw."""

import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.load import bodies
from tests.load.calling import Answer, Caller, NoAnswer
from tests.load.serving import HANDLER
from tests.load.shops import item
from tests.soak.history import PHASES, History, Kind, Op, Probe, State

# What a token makes the provider do; see handlers/payment_mock/tokens.py. Weights.
TOKENS = {
    "success_token": 60,
    "fail_token": 8,
    "slow_1": 6,
    "slow_9": 1,
    "pending_1": 4,
    "unknown_token": 5,
    "lost_before": 4,
    "http500_before": 3,
    "http500_after": 3,
    "garbage_token": 3,
    "amount_off_token": 2,
    "step_up_token": 2,
}
UPDATES_MAX = 3
# A payment whose outcome is unknown is settled 60 s after its provider can be reached again.
SETTLED_S = 90.0
LOOK_EVERY_S = 0.3


@dataclass
class Intent:
    """One buyer's way through one checkout. ``document`` is the latest that was seen."""

    checkout: str
    document: bodies.Wire
    # Requests that may be sent again: the operation they were, and how.
    sent: list[tuple[Op, Callable[[], Awaitable[Answer]]]] = field(default_factory=list)


class Buyers:
    """Buyers of ``items`` until they are told to stop; all randomness comes from ``seed``."""

    def __init__(self, caller: Caller, seed: int, items: int) -> None:
        self.history = History()
        self.ended = Counter[str]()
        self.slowest: dict[str, float] = {}
        self.stopping = False
        self._caller = caller
        self._seed = seed
        self._items = items
        self._marks = 0

    async def run(self, number: int) -> None:
        chance = random.Random(f"{self._seed}/{number}")
        while not self.stopping:
            try:
                self.ended[await self._shop(chance)] += 1
            except NoAnswer:
                self.ended["gave up"] += 1

    async def _shop(self, chance: random.Random) -> str:
        """One intent; how it ended."""
        intent = await self._create(chance)
        if intent is None:
            return "refused at once"
        for _ in range(chance.randint(0, UPDATES_MAX)):
            await self._beside(chance, intent, self._update(chance, intent))
            if chance.random() < 0.3:
                await self._look(intent)
        if chance.random() < 0.1:
            await self._beside(chance, intent, self._cancel(chance, intent))
        else:
            await self._beside(chance, intent, self._pay(chance, intent))
        last = await self._settled(intent)
        if chance.random() < 0.3:
            await self._repeat(chance, intent)
        return last.phase

    async def _beside(self, chance: random.Random, intent: Intent, request: Awaitable[None]) -> None:
        """Mostly alone; sometimes with a rival at the same checkout at the same moment."""
        if chance.random() < 0.8:
            await request
            return
        rivals = (self._update, self._pay, self._cancel, self._watch)
        rival = chance.choices(rivals, (3, 3, 1, 3))[0]
        for ended in await asyncio.gather(request, rival(chance, intent), return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended

    # --- requests ---

    async def _create(self, chance: random.Random) -> Intent | None:
        mark = self._mark()
        wanted = item(chance.randrange(self._items))
        make = bodies.create_ready if chance.random() < 0.5 else bodies.create
        body = make(wanted, quantity=chance.randint(1, 3), name=mark)
        op, again = self._prepared("create", "", mark, "POST", "", body, chance)
        answer = await self._ask(op, again)
        if op.outcome != "ok":
            return None
        op.checkout = answer.document["id"]
        return Intent(op.checkout, answer.document, [(op, again)])

    async def _update(self, chance: random.Random, intent: Intent) -> None:
        mark = self._mark()
        body = bodies.update(intent.document, quantity=chance.randint(1, 3), name=mark)
        path = f"/{intent.checkout}"
        op, again = self._prepared("update", intent.checkout, mark, "PUT", path, body, chance)
        await self._send(op, again, intent)
        if chance.random() < 0.05:
            await self._probe(op, path, bodies.update(intent.document, quantity=9, name="Other"))

    async def _pay(self, chance: random.Random, intent: Intent) -> None:
        token = chance.choices(list(TOKENS), list(TOKENS.values()))[0]
        body, path = bodies.complete(token, HANDLER), f"/{intent.checkout}/complete"
        op, again = self._prepared("complete", intent.checkout, "", "POST", path, body, chance)
        await self._send(op, again, intent)

    async def _cancel(self, chance: random.Random, intent: Intent) -> None:
        path = f"/{intent.checkout}/cancel"
        op, again = self._prepared("cancel", intent.checkout, "", "POST", path, None, chance)
        await self._send(op, again, intent)

    async def _look(self, intent: Intent) -> State | None:
        op = Op("get", intent.checkout, time.monotonic())
        answer = await self._ask(op, lambda: self._caller.get(intent.checkout))
        if op.outcome == "ok":
            intent.document = answer.document
        return op.state

    async def _watch(self, chance: random.Random, intent: Intent) -> None:
        for _ in range(chance.randint(1, 4)):
            await self._look(intent)

    async def _settled(self, intent: Intent) -> State:
        """The checkout once nothing moves in it by itself."""
        deadline = time.monotonic() + SETTLED_S
        while time.monotonic() < deadline:
            state = await self._look(intent)
            if state is not None and state.phase != "completing":
                return state
            await asyncio.sleep(LOOK_EVERY_S)
        return State("completing", "")

    # --- the same again ---

    async def _repeat(self, chance: random.Random, intent: Intent) -> None:
        op, again = chance.choice(intent.sent)
        if op.outcome == "ok":
            self._note(op, await again())
        elif op.outcome == "refused":
            # What was refused left nothing behind: its key is as good as new.
            await self._ask(Op(op.kind, op.checkout, time.monotonic(), key=op.key, mark=op.mark), again)

    async def _probe(self, op: Op, path: str, other: bodies.Wire) -> None:
        if op.outcome != "ok":
            return
        answer = await self._caller.ask("PUT", path, other, key=op.key)
        code = answer.codes[0] if answer.status >= 400 else ""
        self.history.probes.append(Probe(op.key, answer.status, code))

    # --- writing down ---

    def _mark(self) -> str:
        self._marks += 1
        return f"Mark{self._marks}"

    def _prepared(
        self, kind: Kind, checkout: str, mark: str, method: str, path: str, body: Any, chance: random.Random
    ) -> tuple[Op, Callable[[], Awaitable[Answer]]]:
        key = f"{kind}-{chance.getrandbits(64):016x}"
        op = Op(kind, checkout, time.monotonic(), key=key, mark=mark)
        return op, lambda: self._caller.ask(method, path, body, key=key)

    async def _send(self, op: Op, again: Callable[[], Awaitable[Answer]], intent: Intent) -> None:
        answer = await self._ask(op, again)
        intent.sent.append((op, again))
        if op.outcome == "ok":
            intent.document = answer.document

    async def _ask(self, op: Op, again: Callable[[], Awaitable[Answer]]) -> Answer:
        op.begun = time.monotonic()
        self.history.ops.append(op)
        answer = await again()
        op.ended = time.monotonic()
        self.slowest[op.kind] = max(self.slowest.get(op.kind, 0.0), op.ended - op.begun)
        op.outcome = "ok" if answer.status in {200, 201} else "refused"
        if op.outcome == "ok":
            op.state = _shown(answer.document)
        self._note(op, answer)
        return answer

    def _note(self, op: Op, answer: Answer) -> None:
        if op.key and answer.status < 300:
            op.answers.append((answer.status, hashlib.sha256(answer.raw).hexdigest()))
        odd = _odd(answer)
        if odd:
            self.history.odd_answers.append(f"{op.kind} was answered {odd}")


def _shown(document: bodies.Wire) -> State:
    return State(PHASES[document["status"]], document["buyer"]["first_name"])


def _odd(answer: Answer) -> str:
    """What is wrong with the form of an answer, empty for nothing."""
    if answer.status >= 500:
        return f"{answer.status} {answer.raw[:200]!r}"
    if answer.content_type != "application/json":
        return f"{answer.status} as {answer.content_type!r}"
    if answer.status >= 400 and not answer.codes:
        return f"{answer.status} without a code"
    return ""
