"""What holds for every answer, whatever was asked: it looks back at all that was said."""

from conformance.c2a.checks.callers import C2A
from conformance.c2a.tenant import Tenant, code_of
from conformance.registry import check, expect
from conformance.shapes import violations


@check("C2A overview, reply type", releases=C2A)
async def everything_is_client_output(tenant: Tenant) -> None:
    """Every answer is of the type application/clientOutput+Json, in whatever letter case."""
    for said in tenant.client.journal:
        kind = said.headers.get("content-type", "").partition(";")[0].strip().lower()
        expect(kind == "application/clientoutput+json", f"it is {kind}", said)


@check("C2A overview, AzotteStatus", releases=C2A)
async def everything_has_a_code(tenant: Tenant) -> None:
    """Every answer has a status with a messageCode, errors too."""
    for said in tenant.client.journal:
        expect(code_of(said), "the code is empty", said)


@check("submit-checkout page, CheckoutResult", releases=C2A)
async def checkouts_are_answered_with_results(tenant: Tenant) -> None:
    """Whatever a submit or a status ends in, its body is a CheckoutResult."""
    for said in tenant.client.journal:
        if "/offer/checkout" in said.url:
            faults = violations("c2a", "checkout_result", said.document())
            expect(not faults, faults, said)


@check("RFC 9110 15.6", releases=C2A)
async def nothing_crashed(tenant: Tenant) -> None:
    """No request was answered 500."""
    for said in tenant.client.journal:
        expect(said.status != 500, "answered 500", said)
