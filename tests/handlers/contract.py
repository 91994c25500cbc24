"""What every payment handler owes the engine. A plug-in's tests subclass this and add a fixture.

`payment` is the handler under test; `again` makes a second one over the same provider, as after a
crash; `events` lists what the provider's books say of a key: authorised, captured, …
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest

from ucp_server.domain.checkout import Instrument
from ucp_server.domain.money import Money
from ucp_server.ports import (
    ActionNeeded,
    Approved,
    Attempt,
    Credential,
    Declined,
    HandlerListing,
    NotSent,
    Outcome,
    Payment,
    Settlement,
    Unknown,
    Vault,
    Vaulted,
)

LISTING = HandlerListing(
    id="mock",
    name="com.example.mock",
    version="2026-01-11",
    spec="https://example.com/spec",
    config_schema="https://example.com/config.json",
)
INSTRUMENT = Instrument(id="i", handler_id="mock", type="card", display={"last_digits": "4242"})
PLANTED = "planted-4111111111111111"
EUR_10 = Money(1000, "EUR")
_keys = itertools.count()

Events = Callable[[str], Awaitable[list[str]]]


def attempt(amount: Money = EUR_10, key: str | None = None) -> Attempt:
    number = next(_keys)
    return Attempt(
        id=f"attempt-{number}",
        merchant_id="shop",
        checkout_id=f"checkout-{number}",
        psp_key=key or f"key-{number}",
        handler_id="mock",
        amount=amount,
    )


def token(value: object) -> Credential:
    return Credential(type="token", members={"token": value, "number": PLANTED})


async def authorise(payment: Payment, of: Attempt, value: object) -> Outcome:
    return await payment.authorise(of, INSTRUMENT, token(value))


async def approved(payment: Payment, of: Attempt, value: str = "success_token") -> Approved:
    outcome = await authorise(payment, of, value)
    assert isinstance(outcome, Approved)
    return outcome


async def settle(
    payment: Payment, of: Attempt, action: Settlement, amount_minor: int, action_key: str
) -> Outcome:
    amount = Money(amount_minor, of.amount.currency)
    return await payment.settle(of, action, amount, f"{of.psp_key}/{action_key}")


class KeepingPayment(Payment, Vault, Protocol):
    """A handler that keeps cards, too."""


def card(number: object, **more: object) -> Credential:
    members = {"number": number, "cvc": "987", "expiry_month": 7, "expiry_year": 2031, **more}
    return Credential(type="card", members=members)


async def pay_with_card(payment: KeepingPayment, of: Attempt, number: str) -> Outcome:
    """Vault it under a key of its own, then pay with its reference."""
    kept = await payment.vault("shop", card(number), of.id)
    assert isinstance(kept, Vaulted)
    return await payment.authorise(of, INSTRUMENT, stored(kept))


def stored(kept: Vaulted) -> Credential:
    return Credential(type="vault_reference", members={"reference": kept.reference})


class VaultContract:
    async def test_a_kept_card_pays(self, payment: KeepingPayment, events: Events):
        of = attempt()
        outcome = await pay_with_card(payment, of, "4242424242424242")
        assert isinstance(outcome, Approved)
        assert outcome.amount == EUR_10
        assert await events(of.psp_key) == ["authorised"]

    async def test_it_tells_what_may_be_shown(self, payment: KeepingPayment):
        kept = await payment.vault("shop", card("4242424242424242"), "shown")
        assert isinstance(kept, Vaulted)
        assert kept.display["last_digits"] == "4242"
        assert "4242424242424242" not in f"{kept.reference} {kept.display}"

    async def test_test_cards_do_what_everybody_knows_of_them(self, payment: KeepingPayment):
        assert isinstance(await pay_with_card(payment, attempt(), "4000000000000002"), Declined)
        assert isinstance(await pay_with_card(payment, attempt(), "4000000000003155"), ActionNeeded)
        refused = await payment.vault("shop", card("4000000000000069"), "refused")
        assert isinstance(refused, Declined)
        assert refused.code == "card_declined"

    @pytest.mark.parametrize("number", ["", "4242", "4242424242424243", "4242 4242 4242 4242", 4242, None])
    async def test_what_is_no_card_is_not_kept(self, payment: KeepingPayment, number: object):
        refused = await payment.vault("shop", card(number), "invalid")
        assert isinstance(refused, Declined)
        assert refused.code == "invalid_card"

    async def test_the_same_key_is_the_same_reference(
        self, payment: KeepingPayment, again: Callable[[], KeepingPayment]
    ):
        first, twin = await asyncio.gather(
            *(payment.vault("shop", card("4242424242424242"), "same") for _ in range(2))
        )
        assert first == twin
        assert await again().vault("shop", card("4242424242424242"), "same") == first
        assert await payment.vault("shop", card("4242424242424242"), "other") != first

    async def test_a_forgotten_card_pays_nothing(self, payment: KeepingPayment):
        kept = await payment.vault("shop", card("4242424242424242"), "forgotten")
        assert isinstance(kept, Vaulted)
        for _ in range(2):
            await payment.forget("shop", kept.reference)
        assert isinstance(await payment.authorise(attempt(), INSTRUMENT, stored(kept)), Declined)
        assert await payment.vault("shop", card("4242424242424242"), "forgotten") == kept
        assert isinstance(await payment.authorise(attempt(), INSTRUMENT, stored(kept)), Approved)

    async def test_what_was_paid_stays_paid_when_the_card_is_forgotten(self, payment: KeepingPayment):
        of = attempt()
        kept = await payment.vault("shop", card("4242424242424242"), of.id)
        assert isinstance(kept, Vaulted)
        outcome = await payment.authorise(of, INSTRUMENT, stored(kept))
        await payment.forget("shop", kept.reference)
        assert await payment.authorise(of, INSTRUMENT, stored(kept)) == outcome
        assert await payment.look_up(of) == outcome
        assert isinstance(await settle(payment, of, Settlement.CAPTURE, 1000, "c"), Approved)

    @pytest.mark.parametrize("reference", ["", "card_nobody_made", "../../etc/passwd", 7, None])
    async def test_a_reference_nobody_made_pays_nothing(self, payment: KeepingPayment, reference: object):
        made_up = Credential(
            type="vault_reference", members={"reference": reference, "token": "", "number": ""}
        )
        assert isinstance(await payment.authorise(attempt(), INSTRUMENT, made_up), Declined)


class PaymentContract:
    async def test_it_lists_itself(self, payment: Payment):
        assert payment.describe("shop", EUR_10, ["item"]) == LISTING

    async def test_it_approves_what_was_asked(self, payment: Payment, events: Events):
        of = attempt()
        outcome = await approved(payment, of)
        assert (outcome.amount, outcome.captured) == (EUR_10, False)
        assert await payment.look_up(of) == outcome
        assert await events(of.psp_key) == ["authorised"]

    async def test_one_key_is_one_authorisation(self, payment: Payment, events: Events):
        of = attempt()
        outcomes = await asyncio.gather(*(authorise(payment, of, "success_token") for _ in range(10)))
        assert len({outcome.reference for outcome in outcomes if isinstance(outcome, Approved)}) == 1
        assert await events(of.psp_key) == ["authorised"]

    async def test_a_slow_approval_is_one(self, payment: Payment):
        of = attempt()
        assert await approved(payment, of, "slow_0.02") == await payment.look_up(of)

    async def test_it_declines(self, payment: Payment, events: Events):
        of = attempt()
        outcome = await authorise(payment, of, "fail_token")
        assert isinstance(outcome, Declined)
        assert outcome.code == "payment_failed"
        assert await payment.look_up(of) == outcome
        assert await events(of.psp_key) == ["declined"]

    @pytest.mark.parametrize("value", ["", "whatever", 5, None, ["success_token"]])
    async def test_a_token_it_does_not_know_is_declined(self, payment: Payment, value: object):
        assert isinstance(await authorise(payment, attempt(), value), Declined)

    @pytest.mark.parametrize("value", ["unknown_token", "http500_after", "garbage_token"])
    async def test_no_answer_is_unknown_until_looked_up(self, payment: Payment, events: Events, value: str):
        of = attempt()
        assert isinstance(await authorise(payment, of, value), Unknown)
        assert isinstance(await payment.look_up(of), Approved)
        assert isinstance(await authorise(payment, of, value), Approved)
        assert await events(of.psp_key) == ["authorised"]

    @pytest.mark.parametrize("value", ["lost_before", "http500_before"])
    async def test_what_never_arrived_is_found_not_sent(self, payment: Payment, events: Events, value: str):
        of = attempt()
        assert isinstance(await authorise(payment, of, value), Unknown)
        assert isinstance(await payment.look_up(of), NotSent)
        assert isinstance(await authorise(payment, of, value), Approved)
        assert await events(of.psp_key) == ["authorised"]

    async def test_a_key_nobody_used_was_not_sent(self, payment: Payment):
        assert isinstance(await payment.look_up(attempt()), NotSent)

    async def test_the_buyer_may_have_to_act(self, payment: Payment, events: Events):
        of = attempt()
        outcome = await authorise(payment, of, "step_up_token")
        assert isinstance(outcome, ActionNeeded)
        assert await payment.look_up(of) == outcome
        assert await events(of.psp_key) == ["challenged"]

    async def test_pending_is_unknown(self, payment: Payment):
        of = attempt()
        assert isinstance(await authorise(payment, of, "pending_token"), Unknown)
        assert isinstance(await payment.look_up(of), Unknown)

    async def test_pending_can_settle_late(self, payment: Payment):
        of = attempt()
        assert isinstance(await authorise(payment, of, "pending_0.05"), Unknown)
        async with asyncio.timeout(10):
            while isinstance(outcome := await payment.look_up(of), Unknown):  # noqa: ASYNC110 the provider tells nobody
                await asyncio.sleep(0.01)
        assert isinstance(outcome, Approved)
        assert isinstance(await settle(payment, of, Settlement.CAPTURE, 1000, "c"), Approved)

    async def test_another_amount_is_reported_as_it_is(self, payment: Payment):
        of = attempt()
        assert (await approved(payment, of, "amount_off_token")).amount == Money(1001, "EUR")
        looked_up = await payment.look_up(of)
        assert isinstance(looked_up, Approved)
        assert looked_up.amount == Money(1001, "EUR")

    async def test_a_key_is_not_used_for_another_amount(self, payment: Payment, events: Events):
        of = attempt()
        await approved(payment, of)
        other = attempt(Money(2000, "EUR"), key=of.psp_key)
        assert isinstance(await authorise(payment, other, "success_token"), Unknown)
        assert await events(of.psp_key) == ["authorised"]

    async def test_settlements_happen_once(self, payment: Payment, events: Events):
        of = attempt()
        await approved(payment, of)
        for _ in range(2):
            done = await settle(payment, of, Settlement.CAPTURE, 600, "c1")
            assert isinstance(done, Approved)
            assert (done.amount, done.captured) == (Money(600, "EUR"), True)
        for _ in range(2):
            assert isinstance(await settle(payment, of, Settlement.REFUND, 100, "r1"), Approved)
        assert await events(of.psp_key) == ["authorised", "captured", "refunded"]

    async def test_settlements_stay_within_the_books(self, payment: Payment, events: Events):
        of = attempt()
        await approved(payment, of)
        await settle(payment, of, Settlement.CAPTURE, 600, "c1")
        for action, amount_minor, action_key in (
            (Settlement.CAPTURE, 401, "c2"),
            (Settlement.REFUND, 601, "r1"),
            (Settlement.VOID, 1000, "v1"),
            (Settlement.CAPTURE, 599, "c1"),
        ):
            refused = await settle(payment, of, action, amount_minor, action_key)
            assert isinstance(refused, Declined), action_key
        assert await events(of.psp_key) == ["authorised", "captured"]

    async def test_what_was_never_authorised_is_not_captured(self, payment: Payment):
        declined = attempt()
        await authorise(payment, declined, "fail_token")
        for of in (attempt(), declined):
            assert isinstance(await settle(payment, of, Settlement.CAPTURE, 1, "c"), Declined)

    async def test_a_void_frees_the_money(self, payment: Payment, events: Events):
        of = attempt()
        await approved(payment, of)
        for _ in range(2):
            assert isinstance(await settle(payment, of, Settlement.VOID, 1000, "v"), Approved)
        assert isinstance(await payment.look_up(of), Declined)
        assert isinstance(await settle(payment, of, Settlement.CAPTURE, 1000, "c"), Declined)
        assert await events(of.psp_key) == ["authorised", "voided"]

    async def test_a_void_bars_what_comes_late(self, payment: Payment, events: Events):
        of = attempt()
        assert isinstance(await settle(payment, of, Settlement.VOID, 1000, "v"), Approved)
        assert isinstance(await authorise(payment, of, "success_token"), Declined)
        assert await events(of.psp_key) == ["voided"]

    async def test_parallel_captures_never_exceed_the_hold(self, payment: Payment, events: Events):
        of = attempt()
        await approved(payment, of)
        outcomes = await asyncio.gather(
            *(settle(payment, of, Settlement.CAPTURE, 300, f"c{n}") for n in range(8))
        )
        assert sum(isinstance(outcome, Approved) for outcome in outcomes) == 3
        assert await events(of.psp_key) == ["authorised", "captured", "captured", "captured"]

    async def test_a_second_process_knows_it_too(self, payment: Payment, again: Callable[[], Payment]):
        of = attempt()
        outcome = await approved(payment, of)
        assert await again().look_up(of) == outcome
        assert await approved(again(), of) == outcome
