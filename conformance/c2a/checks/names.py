"""Long and short names mean the same, each in its own object."""

from conformance.c2a.checks.callers import C2A
from conformance.c2a.tenant import Tenant
from conformance.registry import Wire, check, expect

SECTION = "submit-checkout page, aliases"


def shortened(body: Wire) -> Wire:
    """An order with a fresh card in short names."""
    order, card = body["order"], body["paymentMethod"]["creditCard"]
    return {
        "ORD": {
            "OID": order["offerIdentifier"],
            "ITM": [{"ITM": item["itemIdentifier"], "QTY": 1} for item in order["items"]],
            "CUST": order["customer"],
            **({"CLD": order["correlationId"]} if "correlationId" in order else {}),
        },
        "PMT": {
            "TP": "CreditCard",
            "CC": {
                "CHN": card["cardHolderName"],
                "CN": card["cardNumber"],
                "EY": card["expireYear"],
                "EM": card["expireMonth"],
                "CVC": card["cvc"],
            },
        },
    }


@check(SECTION, releases=C2A)
async def short_names_are_taken(tenant: Tenant) -> None:
    """An order in short names is an order."""
    reply = await tenant.submit(shortened(await tenant.checkout()))
    expect(reply.status == 202, f"answered {reply.status}")


@check(SECTION, releases=C2A)
async def names_may_be_mixed(tenant: Tenant) -> None:
    """Short names may stand inside long ones, and the other way round."""
    body = await tenant.checkout()
    short = shortened(body)
    for mixed in (
        {"order": short["ORD"], "PMT": body["paymentMethod"]},
        {"ORD": body["order"], "paymentMethod": short["PMT"]},
    ):
        reply = await tenant.submit(mixed)
        expect(reply.status == 202, f"answered {reply.status}")


@check(SECTION, releases=C2A)
async def a_short_name_means_nothing_elsewhere(tenant: Tenant) -> None:
    """A short name in another object than its own does not stand for the member there."""
    body = await tenant.checkout()
    order = {name: value for name, value in body["order"].items() if name != "offerIdentifier"}
    reply = await tenant.submit(body | {"OID": body["order"]["offerIdentifier"], "order": order})
    expect(400 <= reply.status < 500, f"answered {reply.status}")


@check(SECTION, releases=C2A, advice=True)
async def names_that_differ_are_refused(tenant: Tenant) -> None:
    """A member under both its names with two values could be read either way, so it is refused."""
    body = await tenant.checkout()
    reply = await tenant.submit(body | {"order": body["order"] | {"OID": "of_other"}})
    expect(400 <= reply.status < 500, f"answered {reply.status}")


@check(SECTION, releases=C2A)
async def null_is_as_good_as_absent(tenant: Tenant) -> None:
    """Members that are null are as if they were not there (providerIdentifier, for one)."""
    body = await tenant.checkout()
    body["paymentMethod"] |= {"providerIdentifier": None, "storeMethodSuccessPayment": None}
    reply = await tenant.submit(body)
    expect(reply.status == 202, f"answered {reply.status}")
