"""Who may ask: a tenant's own backend, under either prefix."""

from conformance.c2a.tenant import OTHER_PREFIX, PREFIX, Tenant, stored
from conformance.registry import check, expect, lacking
from conformance.wire import Exchange

C2A = frozenset({"c2a"})
SECTION = "C2A overview, headers"
ASKED = {"context": {"interactionType": "NewAcquisition"}}


async def _asked(tenant: Tenant, **headers: str) -> Exchange:
    return await tenant.ask("POST", "/offer/bundles", ASKED, headers=tenant.headers(**headers))


@check(SECTION, releases=C2A)
async def a_key_is_needed(tenant: Tenant) -> None:
    """A request without x-api-key is answered 401."""
    headers = {name: value for name, value in tenant.headers().items() if name != "x-api-key"}
    reply = await tenant.ask("POST", "/offer/bundles", ASKED, headers=headers)
    expect(reply.status == 401, f"answered {reply.status}")


@check(SECTION, releases=C2A)
async def a_wrong_key_opens_nothing(tenant: Tenant) -> None:
    """A key that was never issued is answered 401."""
    reply = await _asked(tenant, x_api_key="sk_dev_conformance_guess")
    expect(reply.status == 401, f"answered {reply.status}")


@check(SECTION, releases=C2A)
async def an_unknown_tenant_is_404(tenant: Tenant) -> None:
    """An x-tn of nobody is answered 404."""
    reply = await _asked(tenant, x_tn="00000000-0000-4000-8000-00000000dead")
    expect(reply.status == 404, f"answered {reply.status}")


@check(SECTION, releases=C2A)
async def a_key_belongs_to_its_tenant(tenant: Tenant) -> None:
    """The key of another tenant opens nothing here."""
    key = tenant.inputs.other_key or lacking("--other-key")
    reply = await _asked(tenant, x_api_key=key)
    expect(reply.status in {401, 403}, f"answered {reply.status}")


@check("submit-checkout page, title and samples", releases=C2A)
async def both_prefixes_are_served(tenant: Tenant) -> None:
    """The page has its path with and without a version: both are answered alike."""
    statuses = [
        (await tenant.ask("POST", "/offer/bundles", ASKED, prefix=prefix)).status
        for prefix in (PREFIX, OTHER_PREFIX)
    ]
    expect(statuses == [200, 200], f"answered {statuses}")


@check("status page", releases=C2A)
async def a_foreign_tracking_number_is_404(tenant: Tenant) -> None:
    """Another tenant's tracking number is answered 404."""
    if not (tenant.inputs.other_tenant and tenant.inputs.other_key):
        lacking("--other-tenant and --other-key")
    accepted = await tenant.accepted(await tenant.checkout())
    headers = tenant.headers(x_tn=tenant.inputs.other_tenant, x_api_key=tenant.inputs.other_key)
    reply = await tenant.status(accepted.document()["trackingNumber"], headers)
    expect(reply.status == 404, f"answered {reply.status}")


@check("submit-checkout page, 409", releases=C2A)
async def a_foreign_stored_method_does_not_pay(tenant: Tenant) -> None:
    """A stored method of another customer is refused with 409, before anything is taken in."""
    urn = await tenant.method()
    body = {
        "order": await tenant.order(customer={"customerUrn": f"{tenant.inputs.customer}-else"}),
        "paymentMethod": stored(urn),
    }
    offer = await tenant.bundles(customerUrn=f"{tenant.inputs.customer}-else")
    body["order"]["offerIdentifier"] = offer.document()["offer"]["offerIdentifier"]
    reply = await tenant.submit(body)
    expect(reply.status == 409, f"answered {reply.status}")
