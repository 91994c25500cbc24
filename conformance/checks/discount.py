"""Codes that make it cheaper."""

from conformance.buying import created, discounted_checkout, plain_checkout, resend, total
from conformance.registry import EVERY, SINCE_APRIL, Wire, check, expect, lacking
from conformance.shop import Shop

UNKNOWN_CODE = "NO-SUCH-CODE-4711"
REJECTIONS = frozenset(
    {
        "discount_code_expired",
        "discount_code_invalid",
        "discount_code_already_applied",
        "discount_code_combination_disallowed",
        "discount_code_user_not_logged_in",
        "discount_code_user_ineligible",
    }
)


def _applied(checkout: Wire) -> list[Wire]:
    """The discounts that came from a code."""
    listed = (checkout.get("discounts") or {}).get("applied") or []
    return [each for each in listed if each.get("code")]


async def _with_codes(shop: Shop, *codes: str) -> Wire:
    # The scene makes sure that there is a capability and a code at all.
    await shop.scene(discounted_checkout)
    return await created(shop, discounts={"codes": list(codes)})


@check("discount#Operations", releases=EVERY)
async def code_is_applied(shop: Shop) -> None:
    """A good code is listed as applied and makes the total smaller."""
    usual, cheaper = await shop.scene(plain_checkout), await shop.scene(discounted_checkout)
    codes = [str(each["code"]).lower() for each in _applied(cheaper)]
    expect(codes == [shop.inputs.discount_code.lower()], f"applied: {codes}")
    expect(total(cheaper) < total(usual), f"{total(usual)} became {total(cheaper)}")


@check("discount#Operations", releases=EVERY)
async def case_does_not_matter(shop: Shop) -> None:
    """The code works in lower, upper and mixed case."""
    wanted = total(await shop.scene(discounted_checkout))
    code = shop.inputs.discount_code
    for spelling in (code.lower(), code.upper(), code.swapcase()):
        got = total(await _with_codes(shop, spelling))
        expect(got == wanted, f"{spelling} gives {got}, {code} gives {wanted}")


@check("discount#Rejected Codes", releases=EVERY)
async def rejected_code_is_named(shop: Shop) -> None:
    """A bad code is told by a warning whose path points to it, not by a failure."""
    shop.need_capability("discount")
    checkout = await created(shop, discounts={"codes": [UNKNOWN_CODE]})
    warnings = [
        each
        for each in checkout.get("messages") or []
        if each.get("type") == "warning" and each.get("code") in REJECTIONS
    ]
    expect(warnings, f"messages are {checkout.get('messages')}")
    path = warnings[0].get("path")
    expect(path == "$.discounts.codes[0]", f"the path is {path!r}")


@check("discount#Rejected Codes", releases=EVERY)
async def rejected_code_takes_nothing_off(shop: Shop) -> None:
    """A bad code is not applied and does not change the total."""
    shop.need_capability("discount")
    usual = await shop.scene(plain_checkout)
    checkout = await created(shop, discounts={"codes": [UNKNOWN_CODE]})
    expect(not _applied(checkout), f"applied: {_applied(checkout)}")
    expect(total(checkout) == total(usual), f"{total(usual)} became {total(checkout)}")


@check("discount#Rejected Codes", releases=EVERY)
async def good_code_works_beside_a_bad_one(shop: Shop) -> None:
    """A bad code does not spoil a good one, and the warning points to the bad one."""
    wanted = total(await shop.scene(discounted_checkout))
    checkout = await _with_codes(shop, shop.inputs.discount_code, UNKNOWN_CODE)
    expect(total(checkout) == wanted, f"the total is {total(checkout)}, alone it is {wanted}")
    paths = [each.get("path") for each in checkout.get("messages") or []]
    expect("$.discounts.codes[1]" in paths, f"paths are {paths}")


@check("discount#Operations", releases=EVERY)
async def one_code_counts_once(shop: Shop) -> None:
    """The same code sent twice is applied once."""
    wanted = total(await shop.scene(discounted_checkout))
    code = shop.inputs.discount_code
    checkout = await _with_codes(shop, code, code)
    expect(total(checkout) == wanted, f"twice gives {total(checkout)}, once {wanted}")


@check("discount#Operations", releases=EVERY)
async def codes_replace_earlier_ones(shop: Shop) -> None:
    """New codes replace those sent before."""
    usual = await shop.scene(plain_checkout)
    checkout = await _with_codes(shop, shop.inputs.discount_code)
    reply = await shop.update(checkout["id"], resend(checkout, discounts={"codes": [UNKNOWN_CODE]}))
    document = reply.document()
    expect(not _applied(document), f"still applied: {_applied(document)}")
    expect(total(document) == total(usual), f"the total is {total(document)}")


@check("discount#Operations", releases=EVERY)
async def empty_list_clears(shop: Shop) -> None:
    """An empty list of codes removes them."""
    usual = await shop.scene(plain_checkout)
    checkout = await _with_codes(shop, shop.inputs.discount_code)
    reply = await shop.update(checkout["id"], resend(checkout, discounts={"codes": []}))
    document = reply.document()
    expect(not _applied(document), f"still applied: {_applied(document)}")
    expect(total(document) == total(usual), f"the total is {total(document)}")


@check("discount#Discounts Object", releases=EVERY)
async def submitted_codes_come_back(shop: Shop) -> None:
    """`discounts.codes` repeats what was submitted."""
    checkout = await shop.scene(discounted_checkout)
    codes = [str(each).lower() for each in (checkout.get("discounts") or {}).get("codes") or []]
    expect(shop.inputs.discount_code.lower() in codes, f"codes are {codes}")


@check("checkout#Eligibility Verification at Completion", releases=SINCE_APRIL)
async def accepted_claim_is_provisional(shop: Shop) -> None:
    """What an accepted claim takes off is listed as automatic and provisional, with the claim."""
    shop.need_capability("discount")
    claim = shop.inputs.claim or lacking("a claim that makes it cheaper (--claim)")
    usual = await shop.scene(plain_checkout)
    checkout = await created(shop, context={"eligibility": [claim]})
    listed = (checkout.get("discounts") or {}).get("applied") or []
    found = [each for each in listed if each.get("eligibility") == claim]
    expect(found, f"applied: {listed}")
    told = [(each.get("automatic"), each.get("provisional")) for each in found]
    expect(set(told) == {(True, True)}, f"automatic and provisional are {told}")
    expect(total(checkout) < total(usual), f"{total(usual)} became {total(checkout)}")
