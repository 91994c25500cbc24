"""What an order keeps of the checkout that it was: what its pages and its mail tell the buyer later."""

import msgspec

from tests.ucp import samples
from ucp_server.domain.checkout import Checkout
from ucp_server.domain.order import Order, Quantity
from ucp_server.domain.quote import Quote
from ucp_server.engine.placing import place
from ucp_server.store.attempts import AttemptRow


def placed(checkout: Checkout) -> Order:
    attempt = AttemptRow(
        merchant_id=checkout.merchant_id,
        id="attempt_1",
        checkout_id=checkout.id,
        platform_id=checkout.platform_id,
        handler_id="mock",
        psp_key="key_1",
        hold_id="hold_1",
        amount_minor=checkout.quote.total_minor,
        currency=checkout.currency,
        operation=None,
        key=None,
        binding="ucp",
        terms=b"{}",
        refusing_problems=(),
    )
    return place(checkout, attempt, payment="authorised", at=samples.AT)


def test_a_promise_keeps_its_way_its_days_and_its_place() -> None:
    shipped, collected = placed(samples.checkout(quote=_with_pickup())).expectations
    assert shipped.lines == (Quantity(line_id="line_1", quantity=2),)
    assert shipped.address == samples.HOME
    assert (shipped.description, shipped.detail) == ("Standard", "Three to five days")
    assert (shipped.earliest_at, shipped.latest_at) == (samples.AT, samples.LATER)
    assert shipped.place is None
    assert (collected.place, collected.description) == ("Market Square", None)


def _with_pickup() -> Quote:
    group = msgspec.structs.replace(samples.shipping().groups[0], id="group_2", selected_option_id=None)
    pickup = msgspec.structs.replace(
        samples.pickup(),
        destinations=(samples.STORE,),
        selected_destination_id=samples.STORE.id,
        groups=(group,),
    )
    return msgspec.structs.replace(samples.checkout().quote, methods=(samples.shipping(), pickup))


def test_an_order_speaks_the_language_that_its_checkout_was_told() -> None:
    basket = samples.checkout().basket
    german = msgspec.structs.replace(basket, context={"language": "de-AT", "currency": "EUR"})
    assert placed(samples.checkout(basket=german)).language == "de-AT"
    assert placed(samples.checkout()).language == ""
