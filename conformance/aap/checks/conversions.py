"""What merchants report, and what it earns."""

from uuid import uuid4

from conformance.aap.network import AAP, NOBODYS, Network, refused, told
from conformance.registry import Wire, check, expect

SECTION = "aap-spec v1, POST /v1/conversions"
DAYS = {"sim": 30, "broadband": 31, "energy": 42, "insurance": 14, "flights": 7}


async def _reported(network: Network) -> Wire:
    made = await network.recommended()
    report = {
        "sessionId": made["sessionId"],
        "orderReference": f"conformance-{uuid4()}",
        "transactionValue": made["offer"]["price"],
    }
    return {"report": report, "reply": await network.as_merchant("POST", "/v1/conversions", report)}


@check(SECTION, releases=AAP)
async def a_report_has_its_form(network: Network) -> None:
    """A report is answered with the conversion, pending, and says that only the merchant told of it."""
    scene = await network.scene(_reported)
    document = told(scene["reply"], "conversion_reply")
    expect(document["status"] == "pending", f"it is {document['status']}", scene["reply"])
    expect(document["verification"] == "merchant_reported", document["verification"], scene["reply"])
    for name, value in scene["report"].items():
        expect(document[name] == value, f"{name} is {document[name]}", scene["reply"])


@check("aap-spec v1, fees", releases=AAP)
async def the_network_keeps_a_fifth(network: Network) -> None:
    """The fee is 20 % of the commission, and both parts are the whole."""
    commission = told((await network.scene(_reported))["reply"])["commission"]
    whole, fee, payout = (commission[name] for name in ("amount", "networkFee", "builderPayout"))
    expect(abs(fee + payout - whole) < 0.005, f"{fee} and {payout} are not {whole}")
    expect(abs(fee - whole * 0.2) <= 0.01, f"{fee} of {whole}")


@check("aap-spec v1, validation periods", releases=AAP)
async def the_validation_period_is_the_verticals(network: Network) -> None:
    """How long a conversion is open depends on its vertical."""
    days = told((await network.scene(_reported))["reply"])["validationPeriodDays"]
    wanted = DAYS.get(network.inputs.vertical, days)
    expect(days == wanted, f"{days} days, not {wanted}")


@check(SECTION, releases=AAP)
async def the_same_report_is_the_same_conversion(network: Network) -> None:
    """The same order reported again is no second conversion."""
    scene = await network.scene(_reported)
    again = told(await network.as_merchant("POST", "/v1/conversions", scene["report"]))
    expect(again["conversionId"] == told(scene["reply"])["conversionId"], "it is another one")


@check(SECTION, releases=AAP)
async def an_unknown_session_converts_nothing(network: Network) -> None:
    """A report of a session that nobody opened is answered 404."""
    report = {"sessionId": NOBODYS, "orderReference": "x", "transactionValue": 1}
    refused(await network.as_merchant("POST", "/v1/conversions", report), 404)


@check("aap-spec v1, POST /r/{recommendationId}/convert", releases=AAP)
async def a_followed_link_is_the_weakest_report(network: Network) -> None:
    """A conversion of a followed link says of itself that it is fallback-reported."""
    made = await network.recommended()
    body = {"orderReference": f"conformance-{uuid4()}", "transactionValue": made["offer"]["price"]}
    reply = await network.as_merchant("POST", f"/r/{made['recommendationId']}/convert", body)
    document = told(reply, "conversion_reply")
    expect(document["verification"] == "fallback_reported", document["verification"])
