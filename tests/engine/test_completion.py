"""Complete: what is held, asked and written, and what each answer of the provider leads to."""

import asyncio
import dataclasses
from collections.abc import Mapping

import msgspec
import pytest

from tests.engine.rows import attempts, jobs, lapse_leases, one, rows, stock
from tests.engine.world import (
    SCOPE,
    SHOP,
    call,
    cancel,
    complete,
    create,
    prices_of,
    psp_of,
    put_stock,
    seen,
    update,
)
from tests.simulators.running import until
from tests.worker.world import Receiver, make_delivery
from ucp_server.domain import problems
from ucp_server.domain.checkout import Instrument
from ucp_server.domain.errors import (
    AttemptInFlight,
    HandlerUnavailable,
    InvalidRequest,
    KeyInFlight,
    KeyReused,
    NotReady,
    ProblemRefused,
    RevisionConflict,
    WrongState,
)
from ucp_server.domain.lifecycle import State
from ucp_server.engine.commands import Key
from ucp_server.engine.faults import armed
from ucp_server.engine.resume import resume_due
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.engine.twins import WAITERS_MAX
from ucp_server.ports import InstrumentOffer
from ucp_server.store.database import recorded_statements
from ucp_server.worker.deliver import run_once


async def new_checkout(engine: Engine, **quantities: int) -> str:
    answer = await engine.run(call(), create(**quantities))
    assert answer.checkout_id is not None
    return answer.checkout_id


def ledger(setup: Setup) -> list[tuple[str, int]]:
    with psp_of(setup).books() as books:
        return [(entry.event, entry.amount_minor) for entry in books.entries]


async def test_a_paid_checkout_becomes_an_order_with_its_jobs(engine: Engine, setup: Setup) -> None:
    await put_stock(setup.pool, rose=10)
    checkout_id = await new_checkout(engine, rose=2)
    answer = await engine.run(call("k1"), complete(checkout_id))
    assert seen(answer.reply) == {
        "terms": "terms",
        "id": checkout_id,
        "standing": "completed",
        "revision": 3,
        "total": 2400,
        "problems": [],
        "order": checkout_id,
    }
    order = await engine.read_order(SCOPE, checkout_id)
    assert (order.version, order.payment, order.total_minor) == (1, "authorised", 2400)
    checkout = await engine.read(SCOPE, checkout_id)
    assert checkout.order is not None
    assert checkout.order.permalink_token == order.permalink_token
    assert [i.id for i in checkout.basket.instruments if i.selected] == ["instr_1"]
    assert ledger(setup) == [("authorised", 2400)]
    assert await attempts(setup.pool) == ["authorised"]
    assert await stock(setup.pool, "rose") == (8, 0, 2)
    assert sorted(await jobs(setup.pool)) == [
        ("capture", "pending"),
        ("mail", "pending"),
        ("webhook", "pending"),
    ]


async def test_a_complete_takes_four_statements(engine: Engine) -> None:
    checkout_id = await new_checkout(engine)
    with recorded_statements() as statements:
        await engine.run(call("k1"), complete(checkout_id))
    # read, open, mark as sent, close
    assert len(statements) == 4


async def test_without_a_key_a_checkout_is_completed_once(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    outcomes = await asyncio.gather(
        *(engine.run(call(), complete(checkout_id)) for _ in range(4)), return_exceptions=True
    )
    refusals = [o for o in outcomes if isinstance(o, AttemptInFlight | WrongState)]
    assert len(refusals) == 3
    assert ledger(setup) == [("authorised", 1200)]
    with pytest.raises(WrongState):
        await engine.run(call(), complete(checkout_id))


async def test_a_decline_reopens_the_checkout_and_is_the_reply(engine: Engine, setup: Setup) -> None:
    await put_stock(setup.pool, rose=1)
    checkout_id = await new_checkout(engine)
    answer = await engine.run(call("k1"), complete(checkout_id, "fail_token"))
    assert seen(answer.reply)["problems"] == ["payment_failed"]
    again = await engine.run(call("k1"), complete(checkout_id, "fail_token"))
    assert (again.reply, again.replayed) == (answer.reply, True)
    assert await attempts(setup.pool) == ["declined"]
    assert await stock(setup.pool, "rose") == (1, 0, 0)
    assert await jobs(setup.pool) == []
    paid = await engine.run(call("k2"), complete(checkout_id))
    assert seen(paid.reply)["standing"] == "completed"
    assert ledger(setup) == [("declined", 1200), ("authorised", 1200)]


async def test_a_handler_that_breaks_before_it_is_asked_leaves_nothing(
    engine: Engine, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("4242424242424242")

    checkout_id = await new_checkout(engine)
    monkeypatch.setattr(setup.payments["shop"]["psp"], "describe", broken)
    with pytest.raises(HandlerUnavailable) as refused:
        await engine.run(call("k1"), complete(checkout_id))
    assert "4242" not in refused.value.text
    assert await attempts(setup.pool) == []
    assert (await engine.read(SCOPE, checkout_id)).state is State.OPEN


async def test_a_decline_that_refuses_keeps_the_refusal_under_its_key(engine: Engine) -> None:
    checkout_id = await new_checkout(engine)
    refusing = call("k1", refusing=["payment_failed"])
    answer = await engine.run(refusing, complete(checkout_id, "fail_token"))
    assert seen(answer.reply) == {"terms": "terms", "refused": "problem"}
    again = await engine.run(refusing, complete(checkout_id, "fail_token"))
    assert (again.reply, again.replayed) == (answer.reply, True)
    assert (await engine.read(SCOPE, checkout_id)).state is State.OPEN


async def test_problems_that_were_shown_refuse_and_leave_nothing(engine: Engine, setup: Setup) -> None:
    prices_of(setup).extra = (problems.fulfillment_missing("methods[0]"),)
    checkout_id = await new_checkout(engine)
    with pytest.raises(NotReady):
        await engine.run(call("k1"), complete(checkout_id))
    with pytest.raises(ProblemRefused):
        await engine.run(call("k1", refusing=["fulfillment_required"]), complete(checkout_id))
    assert await one(setup.pool, "select count(*) from claims") == 0
    assert await attempts(setup.pool) == []
    prices_of(setup).extra = ()
    answer = await engine.run(call("k1"), complete(checkout_id))
    assert seen(answer.reply)["standing"] == "completed"


async def test_a_price_that_rose_is_shown_before_it_is_paid(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    prices_of(setup).prices["rose"] = 1300
    shown = await engine.run(call("k1"), complete(checkout_id))
    assert seen(shown.reply)["problems"] == ["totals_changed"]
    assert seen(shown.reply)["total"] == 1300
    assert (await engine.run(call("k1"), complete(checkout_id))).replayed
    assert ledger(setup) == []
    paid = await engine.run(call("k2"), complete(checkout_id))
    assert seen(paid.reply)["standing"] == "completed"
    assert ledger(setup) == [("authorised", 1300)]


async def test_the_order_is_what_was_priced_last(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    prices_of(setup).extra = (problems.fulfillment_changed("methods[0]"),)
    answer = await engine.run(call("k1"), complete(checkout_id))
    assert seen(answer.reply)["standing"] == "completed"
    assert seen(answer.reply)["problems"] == ["fulfillment_changed"]


async def test_nobody_pays_another_total_than_the_one_seen(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    shown = await engine.run(call(), complete(checkout_id, expected_total_minor=1199))
    assert seen(shown.reply)["problems"] == ["totals_changed"]
    assert ledger(setup) == []
    paid = await engine.run(call(), complete(checkout_id, expected_total_minor=1200))
    assert seen(paid.reply)["standing"] == "completed"


async def test_what_only_the_buyer_may_confirm_the_buyer_may(engine: Engine, setup: Setup) -> None:
    prices_of(setup).extra = (problems.high_value_order("10 EUR"),)
    checkout_id = await new_checkout(engine)
    with pytest.raises(NotReady):
        await engine.run(call(), complete(checkout_id))
    answer = await engine.run(call(), complete(checkout_id, by_buyer=True))
    assert seen(answer.reply)["order"] == checkout_id


async def test_an_unknown_handler_is_refused_before_anything_is_held(engine: Engine) -> None:
    checkout_id = await new_checkout(engine)
    strange = msgspec.structs.replace(
        complete(checkout_id), instrument=Instrument(id="i", handler_id="nobody", type="card")
    )
    with pytest.raises(InvalidRequest) as refused:
        await engine.run(call("k1"), strange)
    assert refused.value.where == "instrument.handler_id"


async def test_an_instrument_that_its_handler_does_not_take_is_refused(
    engine: Engine, setup: Setup
) -> None:
    checkout_id, psp = await new_checkout(engine), psp_of(setup)
    psp.instruments = (InstrumentOffer(type="wallet"),)
    with pytest.raises(InvalidRequest) as refused:
        await engine.run(call("k1"), complete(checkout_id))
    assert refused.value.where == "instrument.type"
    psp.instruments += (InstrumentOffer(type="card"),)
    answer = await engine.run(call("k1"), complete(checkout_id))
    assert seen(answer.reply)["order"] == checkout_id


@pytest.mark.parametrize("token", ["lost_after_token", "raise_token", "lost_before_token"])
async def test_an_unknown_outcome_stays_in_progress(engine: Engine, setup: Setup, token: str) -> None:
    await put_stock(setup.pool, rose=1)
    checkout_id = await new_checkout(engine)
    answer = await engine.run(call("k1"), complete(checkout_id, token))
    assert seen(answer.reply)["standing"] == "in_progress"
    assert await attempts(setup.pool) == ["unknown"]
    assert await stock(setup.pool, "rose") == (1, 1, 0)
    assert (await engine.run(call("k1"), complete(checkout_id, token))).reply == answer.reply
    for refused in (complete(checkout_id), cancel(checkout_id), update(checkout_id)):
        with pytest.raises(AttemptInFlight):
            await engine.run(call("k2"), refused)


async def test_a_log_never_quotes_what_a_handler_raised(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    checkout_id = await new_checkout(engine)
    await engine.run(call("k1"), complete(checkout_id, "raise_token"))
    assert "RuntimeError" in caplog.text
    assert "4242" not in caplog.text


async def test_what_was_never_sent_goes_on_under_its_key_and_psp_key(engine: Engine, setup: Setup) -> None:
    await put_stock(setup.pool, rose=1)
    checkout_id = await new_checkout(engine)
    with pytest.raises(HandlerUnavailable):
        await engine.run(call("k1"), complete(checkout_id, "not_sent_token"))
    assert await attempts(setup.pool) == ["released"]
    assert await stock(setup.pool, "rose") == (1, 0, 0)
    with pytest.raises(KeyReused):
        await engine.run(call("k1", fingerprint=b"other"), complete(checkout_id))
    answer = await engine.run(call("k1"), complete(checkout_id))
    assert seen(answer.reply)["standing"] == "completed"
    assert await rows(setup.pool, "select state, epoch from attempts") == [
        {"state": "authorised", "epoch": 2}
    ]
    assert await stock(setup.pool, "rose") == (0, 0, 1)


async def test_what_was_never_sent_is_not_repeated_for_another_amount(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    with pytest.raises(HandlerUnavailable):
        await engine.run(call("k1"), complete(checkout_id, "not_sent_token"))
    await engine.run(call(), update(checkout_id, rose=2))
    answer = await engine.run(call("k1"), complete(checkout_id))
    assert seen(answer.reply)["standing"] == "completed"
    found = await rows(setup.pool, "select state, amount_minor from attempts order by id")
    assert [tuple(row.values()) for row in found] == [("released", 1200), ("authorised", 2400)]


async def test_of_twins_that_go_on_one_pays_and_the_other_gets_its_reply(
    engine: Engine, setup: Setup
) -> None:
    checkout_id = await new_checkout(engine)
    with pytest.raises(HandlerUnavailable):
        await engine.run(call("k1"), complete(checkout_id, "not_sent_token"))
    prices = prices_of(setup)
    price_as_usual = prices.quote
    first = []

    async def quote_late(*args: object, **how: object) -> object:
        # The second look of the slow twin, which knows by now that nobody runs the key.
        prices.quote = price_while_the_other_pays
        return await price_as_usual(*args, **how)

    async def price_while_the_other_pays(*args: object, **how: object) -> object:
        prices.quote = price_as_usual
        first.append(await engine.run(call("k1"), complete(checkout_id, "fail_token")))
        return await price_as_usual(*args, **how)

    prices.quote = quote_late
    second = await engine.run(call("k1"), complete(checkout_id, "fail_token"))
    assert [second.reply] == [answer.reply for answer in first]
    assert second.replayed
    assert ledger(setup) == [("declined", 1200)]


async def test_a_request_that_goes_on_is_shown_a_price_that_rose(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    with pytest.raises(HandlerUnavailable):
        await engine.run(call("k1"), complete(checkout_id, "not_sent_token"))
    prices_of(setup).prices["rose"] = 1300
    shown = await engine.run(call("k1"), complete(checkout_id))
    assert seen(shown.reply)["problems"] == ["totals_changed"]
    assert (await engine.run(call("k1"), complete(checkout_id))).reply == shown.reply
    assert ledger(setup) == []


async def test_another_amount_than_asked_for_is_voided_and_never_an_order(
    engine: Engine, setup: Setup
) -> None:
    checkout_id = await new_checkout(engine)
    answer = await engine.run(call("k1"), complete(checkout_id, "off_by_one_token"))
    assert seen(answer.reply)["problems"] == ["payment_failed"]
    assert await attempts(setup.pool) == ["voided"]
    assert await jobs(setup.pool) == [("void", "pending")]
    assert await one(setup.pool, "select count(*) from orders") == 0


async def test_a_challenge_is_passed_and_the_same_payment_goes_on(engine: Engine, setup: Setup) -> None:
    await put_stock(setup.pool, rose=1)
    checkout_id = await new_checkout(engine)
    answer = await engine.run(call("k1"), complete(checkout_id, "challenge_token"))
    assert seen(answer.reply)["standing"] == "needs_buyer"
    checkout = await engine.read(SCOPE, checkout_id)
    assert checkout.challenge_url == "https://bank.test/challenge"
    assert await stock(setup.pool, "rose") == (1, 0, 0)
    psp_of(setup).pass_challenge(await one(setup.pool, "select psp_key from attempts"))
    paid = await engine.run(call("k2"), complete(checkout_id, by_buyer=True))
    assert seen(paid.reply)["standing"] == "completed"
    assert await attempts(setup.pool) == ["authorised"]
    assert ledger(setup) == [("challenged", 1200), ("authorised", 1200)]
    assert await stock(setup.pool, "rose") == (0, 0, 1)


async def test_a_challenge_that_was_not_passed_gives_way_to_another_payment(
    engine: Engine, setup: Setup
) -> None:
    checkout_id = await new_checkout(engine)
    await engine.run(call("k1"), complete(checkout_id, "challenge_token"))
    paid = await engine.run(call("k2"), complete(checkout_id))
    assert seen(paid.reply)["standing"] == "completed"
    found = await rows(setup.pool, "select state, lease_until <= now() as is_due from attempts order by id")
    assert found[0] == {"state": "action_needed", "is_due": True}


async def test_who_only_goes_on_after_a_challenge_begins_nothing(engine: Engine, setup: Setup) -> None:
    await put_stock(setup.pool, rose=1)
    checkout_id = await new_checkout(engine)
    going_on = complete(checkout_id, "fail_token", by_buyer=True, after_challenge=True)
    with pytest.raises(WrongState):
        await engine.run(call("k0"), going_on)
    await engine.run(call("k1"), complete(checkout_id, "challenge_token"))
    with pytest.raises(AttemptInFlight):
        await engine.run(call("k2"), going_on)
    assert await stock(setup.pool, "rose") == (1, 0, 0)
    psp_of(setup).pass_challenge(await one(setup.pool, "select psp_key from attempts"))
    paid = await engine.run(call("k2"), going_on)
    assert seen(paid.reply)["standing"] == "completed"
    assert (await engine.run(call("k2"), going_on)).replayed
    assert await attempts(setup.pool) == ["authorised"]
    assert ledger(setup) == [("challenged", 1200), ("authorised", 1200)]


async def test_a_refusal_at_the_challenge_ends_the_attempt(engine: Engine, setup: Setup) -> None:
    await put_stock(setup.pool, rose=1)
    checkout_id = await new_checkout(engine)
    await engine.run(call("k1"), complete(checkout_id, "challenge_token"))
    psp_of(setup).pass_challenge(await one(setup.pool, "select psp_key from attempts"), passed=False)
    going_on = complete(checkout_id, by_buyer=True, after_challenge=True)
    refused = await engine.run(call("k2"), going_on)
    assert seen(refused.reply)["problems"] == ["payment_failed"]
    assert await attempts(setup.pool) == ["declined"]
    assert await stock(setup.pool, "rose") == (1, 0, 0)
    assert (await engine.read(SCOPE, checkout_id)).declines == 1
    with pytest.raises(WrongState):
        await engine.run(call("k3"), going_on)


async def test_what_the_buyer_confirmed_pays_for_no_other_basket(engine: Engine, setup: Setup) -> None:
    """Also of the same total, and also while its money is not given back yet."""
    checkout_id = await new_checkout(engine)
    await engine.run(call("k1"), complete(checkout_id, "challenge_token"))
    psp_of(setup).pass_challenge(await one(setup.pool, "select psp_key from attempts"))
    prices_of(setup).prices["tulip"] = 1200
    await engine.run(call(), update(checkout_id, tulip=1))
    await engine.run(call("k2"), complete(checkout_id, "fail_token"))
    refused = await engine.run(call("k3"), complete(checkout_id, "fail_token"))
    assert seen(refused.reply)["problems"] == ["payment_failed"]
    assert await attempts(setup.pool) == ["action_needed", "declined", "declined"]
    with pytest.raises(WrongState):
        await engine.run(call("k4"), complete(checkout_id, by_buyer=True, after_challenge=True))


async def test_what_others_changed_since_it_was_shown_is_not_paid(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    shown = (await engine.read(SCOPE, checkout_id)).revision
    paying = msgspec.structs.replace(complete(checkout_id, by_buyer=True), expected_revision=shown)
    await engine.run(call(), update(checkout_id, rose=1))
    with pytest.raises(RevisionConflict):
        await engine.run(call("k1"), paying)
    assert await attempts(setup.pool) == []
    seen_now = msgspec.structs.replace(paying, expected_revision=shown + 1)
    paid = await engine.run(call("k1"), seen_now)
    assert seen(paid.reply)["standing"] == "completed"
    assert (await engine.run(call("k1"), paying)).replayed


async def test_the_provider_is_told_where_the_buyer_comes_back(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    there = msgspec.structs.replace(call("k1"), page_url=lambda checkout: f"https://shop/{checkout.id}")
    await engine.run(there, complete(checkout_id, "challenge_token"))
    assert psp_of(setup).return_urls == [f"https://shop/{checkout_id}"]


async def test_while_a_challenge_cannot_be_looked_up_nobody_pays_twice(
    engine: Engine, setup: Setup
) -> None:
    checkout_id = await new_checkout(engine)
    await engine.run(call("k1"), complete(checkout_id, "challenge_token"))
    psp_of(setup).is_deaf = True
    with pytest.raises(AttemptInFlight):
        await engine.run(call("k2"), complete(checkout_id))
    assert await attempts(setup.pool) == ["action_needed"]


async def test_nothing_to_pay_asks_no_provider(engine: Engine, setup: Setup) -> None:
    prices_of(setup).prices["rose"] = 0
    checkout_id = await new_checkout(engine)
    answer = await engine.run(call("k1"), complete(checkout_id))
    assert seen(answer.reply)["standing"] == "completed"
    assert ledger(setup) == []
    assert await attempts(setup.pool) == ["captured"]


async def test_what_changed_while_it_was_priced_is_priced_again(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    prices = prices_of(setup)
    price_as_usual = prices.quote

    async def quote_late(*args: object, **how: object) -> object:
        quoted = await price_as_usual(*args, **how)
        if how["wanted"] is None:
            prices.quote = price_as_usual
            await engine.run(call(), update(checkout_id, rose=3))
        return quoted

    prices.quote = quote_late
    shown = await engine.run(call("k1"), complete(checkout_id, expected_total_minor=1200))
    assert seen(shown.reply)["problems"] == ["totals_changed"]
    assert ledger(setup) == []
    paid = await engine.run(call("k2"), complete(checkout_id))
    assert seen(paid.reply)["total"] == 3600
    assert ledger(setup) == [("authorised", 3600)]


# --- stock ---


async def test_stock_that_is_gone_is_shown_or_refused(engine: Engine, setup: Setup) -> None:
    await put_stock(setup.pool, rose=1)
    first, second = await new_checkout(engine), await new_checkout(engine)
    await engine.run(call("k1"), complete(first))
    with pytest.raises(ProblemRefused) as refused:
        await engine.run(call("k2", refusing=["out_of_stock"]), complete(second))
    assert refused.value.problem.code == "out_of_stock"
    shown = await engine.run(call("k2"), complete(second))
    assert seen(shown.reply)["problems"] == ["out_of_stock"]
    with pytest.raises(NotReady):
        await engine.run(call("k3"), complete(second))
    assert ledger(setup) == [("authorised", 1200)]


async def test_baskets_with_the_same_items_do_not_block_each_other(engine: Engine, setup: Setup) -> None:
    await put_stock(setup.pool, rose=100, tulip=100, vase=100)
    baskets = [{"rose": 1, "tulip": 1, "vase": 1}, {"vase": 1, "tulip": 1, "rose": 1}] * 10
    checkouts = [await new_checkout(engine, **basket) for basket in baskets]
    few = asyncio.Semaphore(3)

    async def pay(checkout_id: str) -> object:
        async with few:
            return seen((await engine.run(call(), complete(checkout_id))).reply)["standing"]

    assert set(await asyncio.gather(*map(pay, checkouts))) == {"completed"}
    assert await stock(setup.pool, "tulip") == (80, 0, 20)


class ElsewhereStock:
    """A merchant's own stock system, in memory."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces
        self.held: dict[str, int] = {}
        self.confirmed: set[str] = set()
        self.is_down = False

    async def available(self, merchant_id: str, item_ids: object) -> Mapping[str, int]:
        return {"rose": self.pieces}

    async def reserve(self, merchant_id: str, hold_id: str, wanted: Mapping[str, int]) -> bool:
        if self.is_down:
            raise ConnectionRefusedError
        if hold_id in self.held:
            return True
        if sum(wanted.values()) > self.pieces:
            return False
        self.pieces -= sum(wanted.values())
        self.held[hold_id] = sum(wanted.values())
        return True

    async def release(self, merchant_id: str, hold_id: str) -> None:
        self.pieces += self.held.pop(hold_id, 0)

    async def confirm(self, merchant_id: str, hold_id: str) -> None:
        self.confirmed.add(hold_id)


@pytest.fixture
def elsewhere() -> ElsewhereStock:
    return ElsewhereStock(1)


@pytest.fixture
def remote(setup: Setup, elsewhere: ElsewhereStock) -> Engine:
    merchant = msgspec.structs.replace(SHOP, own_stock=False)
    return Engine(dataclasses.replace(setup, merchants={"shop": merchant}, stocks={"shop": elsewhere}))


async def test_a_stock_kept_elsewhere_is_reserved_first_and_told_the_end(
    remote: Engine, elsewhere: ElsewhereStock
) -> None:
    checkout_id = await new_checkout(remote)
    await remote.run(call("k1"), complete(checkout_id))
    assert list(elsewhere.held.values()) == [1]
    assert ("confirm", "pending") in await jobs(remote.setup.pool)


async def test_a_stock_kept_elsewhere_that_refuses_ends_the_attempt_with_its_reply(
    remote: Engine, elsewhere: ElsewhereStock
) -> None:
    elsewhere.pieces = 0
    checkout_id = await new_checkout(remote)
    shown = await remote.run(call("k1"), complete(checkout_id))
    assert seen(shown.reply)["problems"] == ["out_of_stock"]
    assert (await remote.run(call("k1"), complete(checkout_id))).replayed
    refused = await remote.run(call("k2", refusing=["out_of_stock"]), complete(checkout_id))
    assert seen(refused.reply) == {"terms": "terms", "refused": "problem"}
    assert await attempts(remote.setup.pool) == ["released", "released"]
    assert await jobs(remote.setup.pool) == [("release", "pending")] * 2
    assert ledger(remote.setup) == []


async def test_a_stock_kept_elsewhere_that_is_down_ends_the_attempt(
    remote: Engine, elsewhere: ElsewhereStock
) -> None:
    elsewhere.is_down = True
    checkout_id = await new_checkout(remote)
    shown = await remote.run(call("k1"), complete(checkout_id))
    assert seen(shown.reply)["problems"] == ["stock_unknown"]
    elsewhere.is_down = False
    paid = await remote.run(call("k2"), complete(checkout_id))
    assert seen(paid.reply)["standing"] == "completed"


async def test_a_late_release_does_not_touch_the_next_hold(
    remote: Engine, elsewhere: ElsewhereStock
) -> None:
    elsewhere.pieces = 2
    checkout_id = await new_checkout(remote)
    with pytest.raises(HandlerUnavailable):
        await remote.run(call("k1"), complete(checkout_id, "not_sent_token"))
    paid = await remote.run(call("k1"), complete(checkout_id))
    assert seen(paid.reply)["standing"] == "completed"
    assert len(elsewhere.held) == 2
    delivery = make_delivery(remote.setup, Receiver())
    while await run_once(delivery):
        pass
    assert (elsewhere.pieces, len(elsewhere.held)) == (1, 1)
    assert elsewhere.confirmed == set(elsewhere.held)


async def test_resume_confirms_the_hold_of_the_opening_that_paid(
    remote: Engine, elsewhere: ElsewhereStock
) -> None:
    elsewhere.pieces = 2
    checkout_id = await new_checkout(remote)
    with pytest.raises(HandlerUnavailable):
        await remote.run(call("k1"), complete(checkout_id, "not_sent_token"))
    with armed("complete.sent=cancel"), pytest.raises(asyncio.CancelledError):
        await remote.run(call("k1"), complete(checkout_id))
    await lapse_leases(remote.setup.pool)
    await resume_due(remote.setup)
    delivery = make_delivery(remote.setup, Receiver())
    while await run_once(delivery):
        pass
    assert (elsewhere.pieces, len(elsewhere.held)) == (1, 1)
    assert elsewhere.confirmed == set(elsewhere.held)


async def test_money_held_from_a_challenge_is_voided_when_the_stock_is_gone(
    remote: Engine, elsewhere: ElsewhereStock
) -> None:
    checkout_id = await new_checkout(remote)
    await remote.run(call("k1"), complete(checkout_id, "challenge_token"))
    psp_of(remote.setup).pass_challenge(await one(remote.setup.pool, "select psp_key from attempts"))
    elsewhere.pieces, elsewhere.held = 0, {}
    shown = await remote.run(call("k2"), complete(checkout_id))
    assert seen(shown.reply)["problems"] == ["out_of_stock"]
    assert ("void", "pending") in await jobs(remote.setup.pool)
    assert await attempts(remote.setup.pool) == ["voided"]


# --- time, twins, races ---


async def test_a_slow_payment_is_answered_early_and_goes_on(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    psp = psp_of(setup)
    psp.hold = asyncio.Event()
    arrived = asyncio.get_running_loop().time() - setup.timings.answer_within_s
    early = await engine.run(call("k1", arrived_s=arrived), complete(checkout_id))
    assert seen(early.reply)["standing"] == "in_progress"
    psp.hold.set()
    assert await engine.drain(5.0) == 0
    assert (await engine.read(SCOPE, checkout_id)).state is State.COMPLETED
    again = await engine.run(call("k1"), complete(checkout_id))
    assert (again.reply, again.replayed) == (early.reply, True)


async def test_without_a_key_a_slow_payment_is_answered_early_too(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    psp_of(setup).hold = hold = asyncio.Event()
    arrived = asyncio.get_running_loop().time() - setup.timings.answer_within_s
    early = await engine.run(call(arrived_s=arrived), complete(checkout_id))
    assert seen(early.reply)["standing"] == "in_progress"
    assert await engine.drain(0.0) == 1
    hold.set()
    assert await engine.drain(5.0) == 0
    assert (await engine.read(SCOPE, checkout_id)).state is State.COMPLETED


async def test_a_caller_that_goes_away_does_not_stop_its_payment(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    psp = psp_of(setup)
    psp.hold = asyncio.Event()
    caller = asyncio.create_task(engine.run(call("k1"), complete(checkout_id)))
    await psp.arrived.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    psp.hold.set()
    assert await engine.drain(5.0) == 0
    replayed = await engine.run(call("k1"), complete(checkout_id))
    assert replayed.replayed
    assert seen(replayed.reply)["standing"] == "completed"


async def test_twins_wait_for_the_first_reply(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    psp = psp_of(setup)
    psp.hold = asyncio.Event()
    twins = [asyncio.create_task(engine.run(call("k1"), complete(checkout_id))) for _ in range(8)]
    await psp.arrived.wait()
    psp.hold.set()
    answers = await asyncio.gather(*twins)
    assert len({answer.reply for answer in answers}) == 1
    assert ledger(setup) == [("authorised", 1200)]


async def test_twins_beyond_patience_and_number_are_told_to_come_back(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    psp = psp_of(setup)
    psp.hold = asyncio.Event()
    first = asyncio.create_task(engine.run(call("k1"), complete(checkout_id)))
    await psp.arrived.wait()
    twins = await asyncio.gather(
        *(engine.run(call("k1"), complete(checkout_id)) for _ in range(20)), return_exceptions=True
    )
    assert {type(twin) for twin in twins} == {KeyInFlight}
    with pytest.raises(AttemptInFlight):
        await engine.run(call("other key"), complete(checkout_id))
    with pytest.raises(AttemptInFlight):
        await engine.run(call("c", operation="cancel"), cancel(checkout_id))
    psp.hold.set()
    assert seen((await first).reply)["standing"] == "completed"


async def test_one_twin_too_many_is_sent_away_at_once(setup: Setup) -> None:
    patient = dataclasses.replace(setup.timings, twin_wait_s=60.0)
    engine = Engine(dataclasses.replace(setup, timings=patient))
    checkout_id = await new_checkout(engine)
    psp = psp_of(setup)
    psp.hold = asyncio.Event()
    first = asyncio.create_task(engine.run(call("k1"), complete(checkout_id)))
    await psp.arrived.wait()
    key = Key(operation="complete", key="k1", fingerprint=b"same")
    twins = [asyncio.create_task(engine.replay(SCOPE, key)) for _ in range(WAITERS_MAX)]
    await until(lambda: engine._twins.waiting == WAITERS_MAX)
    with pytest.raises(KeyInFlight):
        await engine.replay(SCOPE, key)
    assert not any(twin.done() for twin in twins)
    psp.hold.set()
    reply = (await first).reply
    assert {answer.reply for answer in await asyncio.gather(*twins) if answer} == {reply}
    assert engine._twins.waiting == 0


async def test_a_cancel_and_a_complete_race_to_one_winner(engine: Engine, setup: Setup) -> None:
    for _ in range(5):
        checkout_id = await new_checkout(engine)
        await asyncio.gather(
            engine.run(call(), complete(checkout_id)),
            engine.run(call(), cancel(checkout_id)),
            return_exceptions=True,
        )
        state = (await engine.read(SCOPE, checkout_id)).state
        orders = await one(setup.pool, "select count(*) from orders where id = $1", checkout_id)
        assert (state, orders) in {(State.COMPLETED, 1), (State.CANCELED, 0)}


async def test_a_holder_that_lost_its_lease_decides_nothing(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    psp = psp_of(setup)
    psp.hold = asyncio.Event()
    slow = asyncio.create_task(engine.run(call("k1"), complete(checkout_id)))
    await psp.arrived.wait()
    async with setup.pool.connection() as connection:
        await connection.execute("update attempts set epoch = epoch + 1, lease_until = now()")
    psp.hold.set()
    psp.hold = None
    # Fenced off, the first holder's own request goes on as its twin and takes over in turn.
    with pytest.raises((AttemptInFlight, KeyInFlight)):
        await slow
    answer = await engine.run(call("k1"), complete(checkout_id))
    assert seen(answer.reply)["standing"] == "completed"
    assert ledger(setup) == [("authorised", 1200)]
