"""The status of a checkout, from the first look to the end."""

from conformance.c2a.checks.callers import C2A
from conformance.c2a.tenant import Tenant, code_of
from conformance.registry import check, expect, lacking
from conformance.shapes import violations
from conformance.wire import Exchange

SECTION = "status page"


async def paid(tenant: Tenant) -> Exchange:
    """The last status of an order that can be paid."""
    return await tenant.waited(await tenant.accepted(await tenant.checkout()))


async def challenged(tenant: Tenant) -> Exchange:
    number = tenant.inputs.challenged_card or lacking("--challenged-card")
    return await tenant.waited(await tenant.accepted(await tenant.checkout(number)))


@check(SECTION, releases=C2A)
async def a_good_card_ends_in_done(tenant: Tenant) -> None:
    """An order with a card that pays ends in CHECK_OUT_DONE."""
    reply = await tenant.scene(paid)
    expect(code_of(reply) == "CHECK_OUT_DONE", f"the code is {code_of(reply)}", reply)


@check(SECTION, releases=C2A)
async def the_end_cannot_be_followed_up(tenant: Tenant) -> None:
    """At the end canFollowUp is false."""
    reply = await tenant.scene(paid)
    document = reply.document()
    expect(document["followUpInstructions"]["canFollowUp"] is False, "it is true", reply)
    faults = violations("c2a", "checkout_result", document)
    expect(not faults, faults, reply)


@check(SECTION, releases=C2A)
async def the_end_does_not_change(tenant: Tenant) -> None:
    """Whoever looks again at the end sees the same."""
    first = await tenant.scene(paid)
    again = await tenant.status(first.document()["trackingNumber"])
    expect(code_of(again) == code_of(first), f"the code is now {code_of(again)}")


@check(SECTION, releases=C2A)
async def looks_are_counted(tenant: Tenant) -> None:
    """Each look that finds it unfinished counts one more attempt and leaves one less."""
    number = tenant.inputs.challenged_card or lacking("--challenged-card")
    tracking = (await tenant.accepted(await tenant.checkout(number))).document()["trackingNumber"]
    seen = [(await tenant.status(tracking)).document()["followUpInstructions"] for _ in range(3)]
    attempts = [each["currentRetryAttempt"] for each in seen]
    left = [each["remainingRetryCount"] for each in seen]
    expect(attempts == [1, 2, 3], f"the attempts are {attempts}")
    expect(left[0] - left[1] == left[1] - left[2] == 1, f"the looks left are {left}")


@check(SECTION, releases=C2A)
async def a_declined_card_ends_in_failed(tenant: Tenant) -> None:
    """An order whose card is declined ends in CHECK_OUT_FAILED."""
    number = tenant.inputs.declined_card or lacking("--declined-card")
    reply = await tenant.waited(await tenant.accepted(await tenant.checkout(number)))
    expect(code_of(reply) == "CHECK_OUT_FAILED", f"the code is {code_of(reply)}")
    can = reply.document()["followUpInstructions"]["canFollowUp"]
    expect(can is False, "it can be followed up")


@check(SECTION, releases=C2A)
async def a_step_up_leads_the_buyer_on(tenant: Tenant) -> None:
    """A payment that needs its owner is CHECK_OUT_3DS_REQUIRED and says where to go on."""
    reply = await tenant.scene(challenged)
    document = reply.document()
    expect(code_of(reply) == "CHECK_OUT_3DS_REQUIRED", f"the code is {code_of(reply)}", reply)
    redirect = document.get("redirectInstructions") or {}
    leads = redirect.get("redirectUrl") or redirect.get("htmlContent")
    expect(leads, "there is neither a URL nor a page to show", reply)
    expect(document["followUpInstructions"]["canFollowUp"] is True, "it cannot be followed up", reply)


@check(SECTION, releases=C2A)
async def redirects_are_for_step_ups_alone(tenant: Tenant) -> None:
    """Where nothing is asked of the buyer there are no redirect instructions."""
    reply = await tenant.scene(paid)
    expect(not reply.document().get("redirectInstructions"), "there are some", reply)


@check(SECTION, releases=C2A)
async def an_unknown_number_is_404(tenant: Tenant) -> None:
    """A tracking number that was never given out is answered 404."""
    for number in ("trk_00000000000000000000000000", "trk_x", "x"):
        reply = await tenant.status(number)
        expect(reply.status == 404, f"{number}: answered {reply.status}")
