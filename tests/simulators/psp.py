"""A payment service provider of its own process, with its own books.

    POST /authorizations {key, amount_minor, currency, token | vault_reference, merchant}
                                                                           idempotent by key
    GET  /authorizations/{key}
    POST /authorizations/{key}/void | capture | refund {amount_minor, action_key}
    POST /vault {key, card, merchant}    POST /vault/forget {reference}     idempotent by key
    POST /challenges/{reference} {passed: bool}                            finishes a step-up
    GET  /cards     the references of all cards that are kept
    GET  /ledger    every entry        GET /calls    every call, in order of arrival
    POST /control   {delay_s, paused, fail_next: {count, how, when, calls}, forget: [key],
                     settle: {key: approved|declined}}                     each member optional

The token chooses the behaviour (`handlers/payment_mock/tokens.py`). Trouble that a token asks for
strikes the first call of a key; a repeat gets the plain answer, as it would from a real provider.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.simulators.ledger import Authorisation, Ledger, RefusedError
from tests.simulators.serving import BODY_MAX, cut, listen, options, run
from ucp_server.handlers.payment_mock.cards import is_card_number
from ucp_server.handlers.payment_mock.tokens import (
    REFUSED_BY_VAULT,
    TEST_CARDS,
    Behaviour,
    behaviour_of,
)

# A hanging call ends by itself, so that a forgotten one does not keep a test process alive.
HANG_S = 120.0
CALLS_KEPT = 100_000
BEFORE = {"cut": "lost_before", "500": "error_before", "garbage": "garbage_before"}
AFTER = {"cut": "lost_after", "500": "error_after", "garbage": "garbage"}

Route = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Psp:
    def __init__(self, ledger: Ledger, cards: Path) -> None:
        self.ledger = ledger
        self.cards = cards
        self.calls: list[dict[str, Any]] = []
        self.struck: set[str] = set()
        self.settles_at: dict[str, float] = {}
        self.running_max = 0
        self._running = 0
        self._delay_s = 0.0
        self._going = asyncio.Event()
        self._going.set()
        self._fail_next: dict[str, Any] = {"count": 0}

    # --- the provider ---

    async def authorise(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        key, amount_minor = asked["key"], asked["amount_minor"]
        reference = asked.pop("vault_reference", None)
        token = asked.pop("token", "") if reference is None else self._token_of(reference)
        behaviour = behaviour_of(token)
        told = {"return_url": asked["return_url"]} if "return_url" in asked else {}
        trouble = await self._arrive("authorise", key, **told)
        if trouble == "none" and key not in self.struck:
            trouble = behaviour.trouble
            if trouble != "none":
                self.struck.add(key)
        if trouble.endswith("_before"):
            return await _strike(request, trouble)
        known = self.ledger.find(key)
        if known is None:
            if behaviour.verdict != "pending":
                await asyncio.sleep(behaviour.delay_s)
            # Looked up again: a twin may have come in while this one was slow.
            known = self.ledger.find(key) or self._decide(asked, behaviour)
        elif known.status != "voided" and known.asked_minor != amount_minor:
            return web.json_response({"error": "key_reused"}, status=422)
        if trouble != "none":
            return await _strike(request, trouble)
        return self._answer(request, known)

    async def look_up(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["key"]
        trouble = await self._arrive("look_up", key)
        if trouble != "none":
            return await _strike(request, trouble)
        known = self.ledger.find(key)
        if known is None:
            return web.json_response({"status": "not_found"}, status=404)
        return self._answer(request, known)

    async def settle(self, request: web.Request) -> web.StreamResponse:
        key, action = request.match_info["key"], request.match_info["action"]
        asked = await request.json()
        trouble = await self._arrive(action, key)
        if trouble.endswith("_before"):
            return await _strike(request, trouble)
        known = self.ledger.find(key)
        if known is None:
            if action != "void":
                return web.json_response({"error": "not_found"}, status=404)
            # Voiding what never came leaves a mark, so that a late authorisation is refused.
            known = self.ledger.open(key, 0, asked.get("currency", ""), asked.get("merchant", ""))
        try:
            self.ledger.settle(known, action, asked.get("amount_minor", 0), asked["action_key"])
        except RefusedError as refused:
            return web.json_response({"error": str(refused)}, status=409)
        if trouble != "none":
            return await _strike(request, trouble)
        return self._answer(request, known)

    async def vault(self, request: web.Request) -> web.StreamResponse:
        """Of a card only the token is written down that it stands for."""
        asked = await request.json()
        trouble = await self._arrive("vault", asked["key"])
        if trouble.endswith("_before"):
            return await _strike(request, trouble)
        number = asked["card"].get("number")
        if not isinstance(number, str) or not is_card_number(number):
            return web.json_response({"status": "invalid"})
        if number in REFUSED_BY_VAULT:
            return web.json_response({"status": "declined"})
        reference = f"card_{hashlib.sha256(asked['key'].encode()).hexdigest()[:20]}"
        self.cards.mkdir(exist_ok=True)
        (self.cards / reference).write_text(TEST_CARDS.get(number, "fail_token"))
        if trouble != "none":
            return await _strike(request, trouble)
        display = {"brand": "visa", "last_digits": number[-4:]}
        return web.json_response({"status": "kept", "reference": reference, "display": display})

    async def forget(self, request: web.Request) -> web.StreamResponse:
        reference = (await request.json())["reference"]
        trouble = await self._arrive("forget", reference)
        if trouble.endswith("_before"):
            return await _strike(request, trouble)
        (self.cards / Path(reference).name).unlink(missing_ok=True)
        return (
            web.json_response({"status": "forgotten"})
            if trouble == "none"
            else await _strike(request, trouble)
        )

    async def challenge(self, request: web.Request) -> web.StreamResponse:
        reference = request.match_info["reference"]
        passed = (await request.json())["passed"]
        for known in self.ledger.authorisations.values():
            if hmac.compare_digest(known.reference, reference):
                if known.status == "action_needed":
                    event = "authorised" if passed else "declined"
                    self.ledger.write(known, event, known.asked_minor)
                return self._answer(request, known)
        return web.json_response({"error": "not_found"}, status=404)

    # --- for the test ---

    async def show_cards(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(sorted(file.name for file in self.cards.glob("*")))

    async def show_ledger(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response([vars(entry) for entry in self.ledger.entries])

    async def show_calls(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"calls": self.calls, "running_max": self.running_max})

    async def control(self, request: web.Request) -> web.StreamResponse:
        orders = await request.json()
        unknown = orders.keys() - {"delay_s", "paused", "fail_next", "forget", "settle"}
        if unknown:
            return web.json_response({"error": sorted(unknown)}, status=422)
        self._delay_s = orders.get("delay_s", self._delay_s)
        if "paused" in orders:
            (self._going.clear if orders["paused"] else self._going.set)()
        self._fail_next = {
            "how": "cut",
            "when": "before",
            "calls": "any",
            **orders.get("fail_next", self._fail_next),
        }
        self.ledger.forgotten |= set(orders.get("forget", ()))
        for key, status in orders.get("settle", {}).items():
            known = self.ledger.authorisations[key]
            event = {"approved": "authorised", "declined": "declined"}[status]
            self.ledger.write(known, event, known.asked_minor)
        return web.json_response({"delay_s": self._delay_s, "fail_next": self._fail_next})

    # --- inside ---

    def _token_of(self, reference: str) -> str:
        card = self.cards / Path(reference).name
        return card.read_text() if card.is_file() else ""

    async def _arrive(self, call: str, key: str, **told: str) -> str:
        """Record the call, wait as ordered, and say what trouble the control asks for."""
        if len(self.calls) < CALLS_KEPT:
            self.calls.append({"call": call, "key": key, **told})
        trouble = self._ordered_trouble(call)
        self._running += 1
        self.running_max = max(self.running_max, self._running)
        try:
            await asyncio.sleep(self._delay_s)
            await self._going.wait()
        finally:
            self._running -= 1
        return trouble

    def _ordered_trouble(self, call: str) -> str:
        order = self._fail_next
        if order["count"] <= 0 or order["calls"] not in {"any", call}:
            return "none"
        order["count"] -= 1
        if order["how"] == "hang":
            return f"hang_{order['when']}"
        return (BEFORE if order["when"] == "before" else AFTER)[order["how"]]

    def _decide(self, asked: dict[str, Any], behaviour: Behaviour) -> Authorisation:
        amount_minor = asked["amount_minor"]
        opened = self.ledger.open(asked["key"], amount_minor, asked["currency"], asked.get("merchant", ""))
        event = {
            "approved": "authorised",
            "declined": "declined",
            "action_needed": "challenged",
            "pending": "pending",
        }[behaviour.verdict]
        self.ledger.write(opened, event, amount_minor + behaviour.amount_off_minor)
        if event == "pending" and behaviour.delay_s:
            self.settles_at[opened.key] = time.monotonic() + behaviour.delay_s
        return opened

    def _answer(self, request: web.Request, known: Authorisation) -> web.Response:
        due = self.settles_at.get(known.key)
        if known.status == "pending" and due is not None and time.monotonic() >= due:
            self.ledger.write(known, "authorised", known.asked_minor)
        facts = known.facts()
        if known.status == "action_needed":
            facts["challenge_url"] = f"http://{request.host}/challenges/{known.reference}"
        return web.json_response(facts)


async def _strike(request: web.Request, trouble: str) -> web.Response:
    if trouble.startswith("hang"):
        await asyncio.sleep(HANG_S)
    if trouble.startswith("error"):
        return web.Response(status=500, text="internal error")
    if trouble.startswith("garbage"):
        return web.Response(body=b'{"status": "appro\x00', content_type="application/json")
    return cut(request)


def application(psp: Psp) -> web.Application:
    app = web.Application(client_max_size=BODY_MAX)
    app.add_routes(
        [
            web.post("/authorizations", psp.authorise),
            web.get("/authorizations/{key}", psp.look_up),
            web.post("/authorizations/{key}/{action:void|capture|refund}", psp.settle),
            web.post("/vault", psp.vault),
            web.post("/vault/forget", psp.forget),
            web.post("/challenges/{reference}", psp.challenge),
            web.get("/cards", psp.show_cards),
            web.get("/ledger", psp.show_ledger),
            web.get("/calls", psp.show_calls),
            web.post("/control", psp.control),
        ]
    )
    return app


def main() -> None:
    given = options("a PSP with its own ledger").parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)

    provider = Psp(Ledger(given.folder / "ledger.jsonl"), given.folder / "cards")

    async def start() -> tuple[web.AppRunner, dict[str, int]]:
        runner, port = await listen(application(provider), given.port)
        return runner, {"port": port}

    run(given, start)


if __name__ == "__main__":
    main()
