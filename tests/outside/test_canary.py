"""Card numbers, codes, tokens and keys are planted wherever a caller can put them; then all that the
server keeps, writes and says is searched for them.
"""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from tests.conftest import quick_folder
from tests.outside import broken_payment, canaries
from tests.outside.calling import BASE, BUYER, Caller, payment
from tests.outside.managing import command
from tests.outside.shops import CARD, DEMO_SHOP, card
from tests.serving import Server, prepared, until, until_async
from tests.simulators.running import Psp, Receiver
from ucp_server.postgres import open_cluster
from ucp_server.store.seal import Seal

pytestmark = pytest.mark.asyncio(loop_scope="module")

Wire = dict[str, Any]

MOCK = "mock_payment_handler"
GIFT_CARD, TO_CONFIRM = "gift-card-25", "letter-opener"
PAN, TOKEN = canaries.PAN, canaries.SECRETS["token"]
# What may be kept, and therefore has to be found: it shows that the search would see the rest.
CONTROL = "control.canary@buyers.example"


@dataclass
class Town:
    """The running shop, what it was asked by whom, and all that it answered."""

    shop: Server
    folder: Path
    database: str
    api_key: str
    provider: Psp
    platform: Receiver
    replies: list[tuple[str, bytes]] = field(default_factory=list)

    def caller(self, profile_url: str | None = None) -> Caller:
        keep = {"response": [self._keep]}
        headers = {"X-API-Key": self.api_key}
        named = profile_url or self.platform.profile_url
        return Caller(self.shop.http, named, headers=headers, event_hooks=keep)

    async def _keep(self, reply: httpx2.Response) -> None:
        head = "\n".join(f"{name}: {text}" for name, text in reply.headers.items()).encode()
        asked = f"{reply.request.method} {reply.request.url.path} {reply.status_code}"
        self.replies.append((asked, head + b"\n\n" + await reply.aread()))


@pytest.fixture(scope="module")
def quick() -> Iterator[Path]:
    """Where an embedded Postgres can live, so that its files are ours to search."""
    made = quick_folder()
    yield made
    shutil.rmtree(made)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(quick: Path, provider: Psp, platform: Receiver) -> AsyncIterator[Town]:
    config = quick / "server.toml"
    config.write_text(f"""
        [merchant.paper]
        title = "Kiosk & Kettle"
        currency = "EUR"
        tax = "included"
        home_country = "DE"
        handlers = [{card(provider.url)}, {{ id = "broken", name = "{broken_payment.NAME}" }}]
        mail = {{ transport = "folder", folder = "mail", sender = "orders@paper.example" }}
        [platform.shopper]
        profile = "{platform.profile_url}"
        auth = "api_key"
    """)
    settings = ["--mode", "demo", "--config", str(config), "--data-dir", str(quick / "data")]
    options = [*settings, "--import", str(DEMO_SHOP), "--workers", "1"]
    environment = broken_payment.installed(quick / "packages")
    async with prepared(quick, *options, environment=environment) as shop:
        await shop.start()
        issued = await command("credentials", "issue", platform.profile_url, *settings)
        cluster = await open_cluster(quick / "data")
        assert cluster.runs()
        await cluster.start()
        yield Town(shop, quick, cluster.url(), issued.output.split()[0], provider, platform)


# --- planting ---


def instruments() -> list[Wire]:
    """As a create or an update may carry them: a credential, and facts that are none."""
    return [
        {"id": "i1", "handler_id": CARD, "type": "card", "brand": "visa", "last_digits": "4242"}
        | {"credential": canaries.credential()},
        {"id": "i2", "handler_id": CARD, "type": "card", "brand": f"visa {PAN}", "last_digits": PAN}
        | {"rich_text_description": canaries.SECRETS["card number in groups"], "number": PAN}
        | {"expiry_month": 12, "expiry_year": 2031, "token": TOKEN},
        {"id": "i3", "handler_id": MOCK, "type": "card", "brand": "visa", "last_digits": "4242"}
        | {"display": {"number": PAN, "description": canaries.SECRETS["card number in other groups"]}},
    ]


def paid_with(token: str, handler_id: str = CARD) -> Wire:
    """A complete whose credential is full of them; ``token`` alone says what the provider does."""
    body = payment(token, handler_id)
    body["payment_data"] |= {
        "credential": canaries.credential(token),
        "number": PAN,
        "cvc": canaries.SECRETS["card verification code"],
        "brand": f"Visa {PAN}",
    }
    return body | {"risk_signals": {"pan": PAN, "token": TOKEN}, "pan": PAN}


BROKEN_PAYMENTS: dict[str, Any] = {
    "a text for a credential": {"payment_data": payment("x", CARD)["payment_data"] | {"credential": TOKEN}},
    "a number for a token": {
        "payment_data": payment("x", CARD)["payment_data"]
        | {"credential": {"type": "token", "token": {PAN: int(PAN)}}}
    },
    "a token for a type": {"payment_data": payment("x", TOKEN)["payment_data"] | {"type": PAN}},
    "a list": {"payment_data": [canaries.credential()]},
    "nothing but it": canaries.credential(),
    "an unknown handler": paid_with(TOKEN, "no_such_handler"),
    "no id": {"payment_data": {"credential": canaries.credential()}},
}


def broken_bodies() -> Iterator[bytes]:
    whole = json.dumps(paid_with(TOKEN)).encode()
    yield whole[: whole.index(PAN.encode()) + 10]
    yield whole.replace(b'"cvc"', b'"number"')  # a member twice
    yield whole + PAN.encode()
    yield whole.replace(PAN.encode(), PAN.encode() + b"\xff")
    yield whole.replace(b'"Visa ', b'"\\ud800')
    yield whole.replace(f'"{PAN}"'.encode(), (PAN * 300).encode())
    yield PAN.encode()
    yield f"number={PAN}&token={TOKEN}".encode()


async def plant_in_baskets(caller: Caller) -> None:
    lines = [{"item": {"id": GIFT_CARD}, "quantity": 1, "card": PAN}]
    body = {"line_items": lines, "currency": "EUR", "buyer": {**BUYER, "email": CONTROL, "cvc": PAN}}
    for pay in ({"instruments": instruments()}, {"instruments": TOKEN}, {"instruments": [PAN]}, TOKEN):
        await caller.ask(
            "POST", "/checkout-sessions", {**body, "payment": pay}, key=f"create-{len(str(pay))}"
        )
    checkout = await caller.create(GIFT_CARD, buyer={**BUYER, "email": CONTROL})
    for number in range(3):
        more = {"payment": {"instruments": instruments()[number:], "token": TOKEN}, "buyer": body["buyer"]}
        await caller.update(checkout, **more)


async def plant_in_broken_completes(caller: Caller) -> None:
    checkout = await caller.ready(GIFT_CARD)
    path = f"/checkout-sessions/{checkout['id']}/complete"
    for number, body in enumerate(BROKEN_PAYMENTS.values()):
        reply = await caller.ask("POST", path, body, key=f"broken-{number}")
        assert reply.status_code in (400, 402), reply.text
    for number, raw in enumerate(broken_bodies()):
        assert (await caller.ask("POST", path, raw, key=f"unreadable-{number}")).status_code == 400
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        raw = next(broken_bodies())
        assert (await caller.ask("POST", path, raw, Content_Type=content_type)).status_code == 415
    assert (await caller.ask("GET", f"/checkout-sessions/{PAN}")).status_code == 404
    assert (await caller.ask("POST", f"{path}?number={PAN}", paid_with(TOKEN))).status_code == 402
    assert (
        await caller.complete(await caller.ready(GIFT_CARD), paid_with(TOKEN), "once")
    ).status_code == 402


async def plant_with_wrong_keys(town: Town) -> None:
    for headers in (
        {"X-API-Key": canaries.SECRETS["unknown API key"]},
        {"X-API-Key": "", "Authorization": f"Bearer {canaries.SECRETS['bearer']}"},
        {"X-API-Key": "", "Cookie": f"session={canaries.SECRETS['bearer']}"},
    ):
        async with town.caller() as caller:
            reply = await caller.client.post(
                f"{BASE}/checkout-sessions", headers=headers, json={"line_items": [], "pan": PAN}
            )
            assert reply.status_code == 401


async def plant_in_payments(town: Town, caller: Caller) -> None:
    """Every way in which a provider can answer, or not."""
    approved = ("slow_0.011", "slow_0.012")
    for number, token in enumerate(approved):
        done = await caller.complete(await caller.ready(GIFT_CARD), paid_with(token), f"paid-{number}")
        assert done.json()["status"] == "completed"
    await caller.complete(await caller.ready(GIFT_CARD), paid_with(TOKEN, MOCK), "mock")
    for token in ("fail_token", TOKEN):
        for handler_id in (CARD, MOCK):
            await caller.complete(await caller.ready(GIFT_CARD), paid_with(token, handler_id))
    await plant_in_a_challenge(town, caller)
    unknown = ("unknown_token", "lost_before", "http500_before", "http500_after", "garbage_token")
    waiting = []
    for number, token in enumerate(unknown):
        checkout = await caller.ready(GIFT_CARD)
        reply = await caller.complete(checkout, paid_with(token), f"unknown-{number}")
        assert reply.json()["status"] == "complete_in_progress"
        waiting.append(checkout)
    for checkout in waiting:
        await until_async(lambda checkout=checkout: is_settled(caller, checkout))
    # Its look-up fails as well: it stays unknown.
    quoting = await caller.complete(await caller.ready(GIFT_CARD), paid_with(TOKEN, "broken"), "quoting")
    assert quoting.json()["status"] == "complete_in_progress"


async def is_settled(caller: Caller, checkout: Wire) -> bool:
    return (await caller.get(checkout))["status"] != "complete_in_progress"


async def plant_in_a_challenge(town: Town, caller: Caller) -> None:
    checkout = await caller.ready(GIFT_CARD)
    stepped = (await caller.complete(checkout, paid_with("step_up_token"))).json()
    assert stepped["status"] == "requires_escalation"
    await town.provider.pass_challenge((await town.provider.ledger())[-1]["reference"])
    again = await caller.complete(checkout, paid_with("step_up_token"))
    assert again.json()["status"] == "completed"


async def plant_in_a_process_that_dies(town: Town, caller: Caller) -> None:
    """Killed with the credential in its memory; another one finishes without it."""
    checkout = await caller.ready(GIFT_CARD)
    known = len(await town.provider.calls("authorise"))
    await town.provider.control(paused=True)
    paying = asyncio.create_task(caller.complete(checkout, paid_with("slow_0.013"), "dies"))

    async def is_asked() -> bool:
        return len(await town.provider.calls("authorise")) > known

    await until_async(is_asked)
    (victim,) = town.shop.pids("public")
    os.kill(victim, signal.SIGKILL)
    with pytest.raises(httpx2.TransportError):
        await paying
    await town.provider.control(paused=False)
    await until(lambda: town.shop.pids("public") not in ([], [victim]))
    await until_async(lambda: is_up(town))
    await until_async(lambda: is_settled(caller, checkout))


async def is_up(town: Town) -> bool:
    try:
        async with httpx2.AsyncClient() as client:
            return (await client.get(f"{town.shop.http}/healthz")).status_code == 200
    except httpx2.TransportError:
        return False


async def plant_on_pages(caller: Caller) -> None:
    """What a buyer's browser sends, with fields that a form of ours does not have."""
    checkout = await caller.create(TO_CONFIRM)
    page = checkout["continue_url"]
    shown = await caller.client.get(page)
    assert shown.status_code == 200
    fields = {"number": PAN, "cvc": canaries.SECRETS["card verification code"], "action": "pay"}
    for form_token in ("", TOKEN):
        refused = await caller.client.post(page, data={**fields, "form_token": form_token})
        assert refused.status_code == 403


# --- searching ---


async def searched(town: Town, secrets: dict[str, str]) -> canaries.Search:
    """Everything that is kept, written and said."""
    search = canaries.Search(secrets)
    await search.look_into_tables(town.database)
    # Two files hold secrets because that is where they come from.
    sources = [town.folder / "server.toml", town.folder / "data" / "secret"]
    search.look_into_files(town.folder, but=sources)
    for asked, reply in town.replies:
        search.look(f"reply to {asked}", reply)
    async with httpx2.AsyncClient() as client:
        search.look("metrics", (await client.get(f"{town.shop.admin}/metrics")).content)
    for event in await town.platform.received(at_least=1):
        search.look("event", b"\n".join((event.body, *(text.encode() for _, text in event.headers))))
    return search


async def test_what_is_secret_is_nowhere(town: Town) -> None:
    async with town.caller() as caller:
        await plant_in_baskets(caller)
        await plant_in_broken_completes(caller)
        await plant_with_wrong_keys(town)
        await plant_in_payments(town, caller)
        await plant_in_a_process_that_dies(town, caller)
        await plant_on_pages(caller)
    statuses = {asked.rpartition(" ")[2] for asked, _ in town.replies}
    assert statuses == {"200", "201", "400", "401", "402", "403", "404", "415"}
    secrets = dict(canaries.SECRETS) | {
        "API key": town.api_key,
        "provider's key": f"psp-key-of-{CARD}",
        "first token": "slow_0.011",
        "second token": "slow_0.012",
        "token of the killed": "slow_0.013",
        "server secret": (town.folder / "data" / "secret").read_text().strip(),
        "signing key": await private_signing_key(town),
    }
    assert (await searched(town, secrets)).found == []


async def private_signing_key(town: Town) -> str:
    """The number that signs events, opened with the server's secret."""
    seal = Seal((town.folder / "data" / "secret").read_text().strip().encode(), "signing keys")
    connection = await asyncpg.connect(town.database)
    try:
        kid, sealed = await connection.fetchrow("select kid, private_sealed from signing_keys")
    finally:
        await connection.close()
    number: str = json.loads(seal.open(sealed, f"paper\n{kid}"))["d"]
    return number


async def test_what_may_be_kept_is_found_where_it_belongs_and_not_in_the_log(town: Town) -> None:
    async with town.caller() as caller:
        done = await caller.buy(GIFT_CARD, paid_with("slow_0.014"), buyer={**BUYER, "email": CONTROL})
        await until(
            lambda: any(CONTROL.encode() in mail.read_bytes() for mail in town.folder.rglob("*.eml"))
        )
    found = {where for where, _ in (await searched(town, {"control": CONTROL})).found}
    assert {"checkouts.document", "orders.document", "outbox.payload", "outbox.rendered"} <= found
    assert done["buyer"]["email"] == CONTROL
    assert any(where.startswith("data/postgres/base/") for where in found)
    assert any(where.startswith("data/postgres/pg_wal/") for where in found)
    assert any(where.startswith("mail/") for where in found)
    assert any(where.startswith("reply to ") for where in found)
    assert not found & {"server.log", "metrics"}


@pytest.mark.parametrize(
    "sql",
    [
        "insert into customers (merchant_id, id, email) values ('x', $1, 'a@example.com')",
        "insert into shop_rules (merchant_id, kind, id, rule) "
        "values ('x', 'tax', '1', jsonb_build_object('a', jsonb_build_array('b' || $1::text || 'c')))",
        "insert into pictures (merchant_id, path, media_type, content) "
        "values ('x', '1', '', convert_to('b' || $1::text || 'c', 'UTF8'))",
        "insert into pictures (merchant_id, path, media_type, content) "
        "values ('x', '2', encode(convert_to('bb' || $1::text, 'UTF8'), 'base64'), '')",
        "insert into pictures (merchant_id, path, media_type, content) "
        "values ('x', '3', encode(convert_to($1::text, 'UTF8'), 'hex'), '')",
        "insert into pictures (merchant_id, path, media_type, content) "
        "values ('x', '4', '', convert_to(repeat($1::text, 1000), 'UTF8'))",
    ],
)
async def test_the_search_finds_what_is_planted(town: Town, sql: str) -> None:
    planted = canaries.luhn_valid(f"4000{abs(hash(sql)) % 10**11:011}")
    connection = await asyncpg.connect(town.database)
    try:
        await connection.execute(sql, planted)
        search = canaries.Search({"planted": planted})
        await search.look_into_tables(town.database)
        assert len(search.found) == 1, search.found
        if "repeat" not in sql:  # what is large is packed in the files, and plain in the tables alone
            search.look_into_files(town.folder / "data" / "postgres")
            assert len(search.found) > 1
    finally:
        await connection.close()
