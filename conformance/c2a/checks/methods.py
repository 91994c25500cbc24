"""Stored payment methods of a customer."""

from conformance.c2a.checks.callers import C2A
from conformance.c2a.tenant import Tenant, code_of, fresh, stored
from conformance.registry import check, expect, lacking
from conformance.wire import Exchange

SECTION = "payment-methods page"
METHODS = "/customer/payment/methods"


async def _one(tenant: Tenant, method: str, path: str, urn: str, customer: str = "") -> Exchange:
    named = {"customerUrn": customer or tenant.inputs.customer, "storedMethodUrn": urn}
    if method == "POST":
        return await tenant.ask(method, f"{METHODS}/{path}", named)
    query = "&".join(f"{name}={value}" for name, value in named.items())
    return await tenant.ask(method, f"{METHODS}/{path}?{query}")


async def _submitted(tenant: Tenant, urn: str) -> Exchange:
    return await tenant.submit({"order": await tenant.order(), "paymentMethod": stored(urn)})


@check(SECTION, releases=C2A)
async def a_card_is_added_and_listed(tenant: Tenant) -> None:
    """What was added stands in the list of its customer."""
    urn = await tenant.method()
    expect(urn in await tenant.methods(), "it is not in the list")


@check(SECTION, releases=C2A)
async def nothing_shows_the_number(tenant: Tenant) -> None:
    """Neither the list nor a method's own answer holds the card number."""
    number = (tenant.inputs.good_card or lacking("--good-card")).encode()
    urn = await tenant.method()
    await tenant.methods()
    await _one(tenant, "GET", "info", urn)
    for said in tenant.client.journal[-3:]:
        expect(number not in said.body, "the answer holds the card number", said)


@check(SECTION, releases=C2A)
async def one_method_can_be_looked_at(tenant: Tenant) -> None:
    """Info answers with the method that was asked for."""
    urn = await tenant.method()
    reply = await _one(tenant, "GET", "info", urn)
    expect(reply.status == 200, f"answered {reply.status}")
    expect(urn.encode() in reply.body, "it is another one")


@check(SECTION, releases=C2A)
async def an_inactive_method_does_not_pay(tenant: Tenant) -> None:
    """A method that was made inactive is refused with 409; made active again, it pays."""
    urn = await tenant.method()
    await _one(tenant, "POST", "inactivate", urn)
    reply = await _submitted(tenant, urn)
    expect(reply.status == 409, f"inactive: answered {reply.status}")
    await _one(tenant, "POST", "activate", urn)
    reply = await _submitted(tenant, urn)
    expect(reply.status == 202, f"active again: answered {reply.status}")


@check(SECTION, releases=C2A)
async def a_deleted_method_is_gone(tenant: Tenant) -> None:
    """A deleted method is not listed, not found, and does not pay."""
    urn = await tenant.method()
    reply = await _one(tenant, "DELETE", "delete", urn)
    expect(reply.succeeded, f"answered {reply.status}")
    expect(urn not in await tenant.methods(), "it is listed")
    reply = await _one(tenant, "GET", "info", urn)
    expect(reply.status == 404, f"info: answered {reply.status}")
    reply = await _submitted(tenant, urn)
    expect(reply.status == 409, f"checkout: answered {reply.status}")


@check(SECTION, releases=C2A)
async def an_unknown_method_is_told(tenant: Tenant) -> None:
    """A method of nobody is PAYMENT_METHOD_NOT_FOUND."""
    await tenant.method()
    reply = await _one(tenant, "GET", "info", "pm.00.9.1")
    expect(code_of(reply) == "PAYMENT_METHOD_NOT_FOUND", f"the code is {code_of(reply)}")


@check(SECTION, releases=C2A)
async def an_unknown_customer_is_told(tenant: Tenant) -> None:
    """The list of a customer whom nobody knows is CUSTOMER_NOT_FOUND."""
    reply = await tenant.ask("GET", f"{METHODS}/list?customerUrn=conformance-nobody")
    expect(code_of(reply) == "CUSTOMER_NOT_FOUND", f"the code is {code_of(reply)}")


@check(SECTION, releases=C2A)
async def a_method_is_its_customers_alone(tenant: Tenant) -> None:
    """Another customer neither sees a method nor changes it."""
    urn = await tenant.method()
    for method, path in (("GET", "info"), ("POST", "inactivate"), ("DELETE", "delete")):
        reply = await _one(tenant, method, path, urn, f"{tenant.inputs.customer}-else")
        expect(reply.status == 404, f"{path}: answered {reply.status}")
    expect(urn in await tenant.methods(), "it is gone")


@check(SECTION, releases=C2A)
async def what_is_no_card_is_refused(tenant: Tenant) -> None:
    """A number that no card has is INVALID_CARD."""
    body = {"customerUrn": tenant.inputs.customer, "creditCard": fresh("4242424242424241")}
    reply = await tenant.ask("POST", f"{METHODS}/add", body)
    expect(code_of(reply) == "INVALID_CARD", f"the code is {code_of(reply)}")


@check(SECTION, releases=C2A)
async def a_card_that_the_vault_refuses_is_declined(tenant: Tenant) -> None:
    """A card that the provider does not keep is CARD_DECLINED."""
    number = tenant.inputs.refused_card or lacking("--refused-card")
    body = {"customerUrn": tenant.inputs.customer, "creditCard": fresh(number)}
    reply = await tenant.ask("POST", f"{METHODS}/add", body)
    expect(code_of(reply) == "CARD_DECLINED", f"the code is {code_of(reply)}")
