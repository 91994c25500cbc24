"""Every sum adds up, in every reply."""

from collections.abc import Callable

from conformance import arithmetic, signed_arithmetic
from conformance.checks.lookback import checkouts_seen
from conformance.registry import EVERY, JANUARY, SINCE_APRIL, Wire, check, expect
from conformance.shop import Shop

SECTION = "checkout#Total Response"


async def _in_every_reply(shop: Shop, rule: Callable[[Wire], str]) -> None:
    for exchange, checkout in await checkouts_seen(shop):
        wrong = rule(checkout)
        expect(not wrong, wrong, exchange)


@check(SECTION, releases=JANUARY)
async def amounts_are_whole_and_not_negative(shop: Shop) -> None:
    """Amounts and prices are integers of minor units, none negative, as is a discount."""
    await _in_every_reply(shop, arithmetic.amounts)


@check(SECTION, releases=JANUARY)
async def kinds_are_known(shop: Shop) -> None:
    """Totals are of the seven kinds of the release."""
    await _in_every_reply(shop, arithmetic.kinds)


@check(SECTION, releases=EVERY)
async def one_subtotal_and_one_total(shop: Shop) -> None:
    """There is exactly one subtotal and one total."""
    await _in_every_reply(shop, arithmetic.single)


@check(SECTION, releases=JANUARY)
async def total_is_the_sum(shop: Shop) -> None:
    """The total is subtotal less discounts plus fulfillment, tax and fees."""
    await _in_every_reply(shop, arithmetic.sum_of_all)


@check("checkout#Line Item Response", releases=EVERY)
async def line_subtotal_is_price_times_quantity(shop: Shop) -> None:
    """The subtotal of a line is its price times its quantity."""
    await _in_every_reply(shop, arithmetic.line_subtotals)


@check("checkout#Line Item Response", releases=JANUARY)
async def line_total_is_the_sum(shop: Shop) -> None:
    """The total of a line is the sum of the line's other entries."""
    await _in_every_reply(shop, arithmetic.line_totals)


@check(SECTION, releases=EVERY)
async def subtotal_is_the_sum_of_the_lines(shop: Shop) -> None:
    """The subtotal is the sum of the lines' subtotals."""
    await _in_every_reply(shop, arithmetic.subtotal_of_lines)


@check("discount#Impact on Line Items and Totals", releases=EVERY)
async def items_discount_is_the_sum_of_the_lines(shop: Shop) -> None:
    """The items_discount is the sum of what was taken off the lines."""
    await _in_every_reply(shop, arithmetic.items_discount_of_lines)


@check("discount#Impact on Line Items and Totals", releases=JANUARY)
async def discounts_are_those_applied(shop: Shop) -> None:
    """What the totals take off is what the applied discounts say."""
    await _in_every_reply(shop, arithmetic.discounts_applied)


@check("discount#Allocations Array", releases=EVERY)
async def allocations_add_up(shop: Shop) -> None:
    """The allocations of an applied discount sum up to its amount."""
    await _in_every_reply(shop, arithmetic.allocations)


@check("fulfillment#Total Response", releases=EVERY)
async def fulfillment_is_what_was_chosen(shop: Shop) -> None:
    """The fulfillment amount is that of the selected options, in every reply."""
    await _in_every_reply(shop, arithmetic.fulfillment_of_options)


@check("checkout#Totals", releases=SINCE_APRIL)
async def amounts_have_their_sign(shop: Shop) -> None:
    """Amounts are integers that every reader can hold; discounts are negative, no price is."""
    await _in_every_reply(shop, signed_arithmetic.amounts)


@check("checkout#Totals", releases=SINCE_APRIL)
async def kinds_of_ones_own_have_a_name(shop: Shop) -> None:
    """A kind of total that the release does not name says in display_text what it is."""
    await _in_every_reply(shop, signed_arithmetic.kinds)


@check("checkout#Totals", releases=SINCE_APRIL)
async def total_is_the_signed_sum(shop: Shop) -> None:
    """The total is the sum of everything else."""
    await _in_every_reply(shop, signed_arithmetic.sum_of_all)


@check("checkout#Totals", releases=SINCE_APRIL)
async def line_total_is_the_signed_sum(shop: Shop) -> None:
    """The total of a line is the sum of the line's other entries."""
    await _in_every_reply(shop, signed_arithmetic.line_totals)


@check("checkout#Totals", releases=SINCE_APRIL)
async def breakdowns_add_up(shop: Shop) -> None:
    """Where an entry is broken down, its lines sum up to it."""
    await _in_every_reply(shop, signed_arithmetic.breakdowns)


@check("discount#Impact on Line Items and Totals", releases=SINCE_APRIL)
async def signed_discounts_are_those_applied(shop: Shop) -> None:
    """What the totals take off is what the applied discounts say."""
    await _in_every_reply(shop, signed_arithmetic.discounts_applied)


@check("discount#Impact on Line Items and Totals", releases=SINCE_APRIL)
async def discounts_of_lines_are_told_as_such(shop: Shop) -> None:
    """A discount that is allocated to lines is in items_discount, any other in discount."""
    await _in_every_reply(shop, signed_arithmetic.discounts_of_lines)
