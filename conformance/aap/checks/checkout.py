"""The hand-off: its checks in the published order, and its reply."""

from urllib.parse import urlsplit

from conformance.aap.network import AAP, NOBODYS, Network, refused, told
from conformance.registry import Wire, check, expect

PAGE = "checkout page"
REQUIRED = "sessionId and recommendationId are required"


@check(PAGE, releases=AAP)
async def a_hand_off_has_its_form(network: Network) -> None:
    """A hand-off answers with a link of a merchant, the amount, and a session in `checkout`."""
    made = await network.recommended()
    document = told(await network.checkout(made, userDetails={}), "checkout_reply")
    offer = made["offer"]
    expect(document["merchant"]["id"] == offer["merchantId"], "the merchant is another one")
    expect(document["offer"]["id"] == offer["id"], "the offer is another one")
    expect(document["currency"] == offer["currency"], "the currency is another one")
    expect(document["session"]["id"] == made["sessionId"], "the session is another one")
    link = urlsplit(document["checkoutUrl"])
    expect(link.scheme in {"https", "http"} and link.netloc, f"the link is {document['checkoutUrl']}")


@check(PAGE, releases=AAP)
async def the_session_becomes_checkout(network: Network) -> None:
    """After a hand-off the session is in `checkout`, and nothing is converted."""
    handed = await network.scene(Network.handed_off)
    document = told(await network.session(handed["sessionId"]))
    expect(document["session"]["status"] == "checkout", f"it is {document['session']['status']}")
    expect(document["conversions"] == [], "a link was taken for a conversion")


@check("aap-spec v1, one session one transaction", releases=AAP)
async def a_repeat_is_the_same_transaction(network: Network) -> None:
    """The same hand-off again names the same transaction."""
    handed = await network.scene(Network.handed_off)
    again = told(await network.checkout(handed))
    for name in ("transactionId", "paymentId", "checkoutUrl"):
        expect(again[name] == handed["checkout"][name], f"{name} is another one")


@check(PAGE, releases=AAP)
async def ids_are_required(network: Network) -> None:
    """Without either id the answer is 400 with the published text."""
    bodies: list[Wire] = [{}, {"sessionId": NOBODYS}, {"recommendationId": NOBODYS}]
    for body in bodies:
        refused(await network.ask("POST", "/v1/checkout", body), 400, REQUIRED)


@check(PAGE, releases=AAP)
async def the_session_is_looked_at_first(network: Network) -> None:
    """An unknown session is answered 404 before its recommendation is looked at."""
    body = {"sessionId": NOBODYS, "recommendationId": NOBODYS}
    refused(await network.ask("POST", "/v1/checkout", body), 404, "Session not found")


@check(PAGE, releases=AAP)
async def an_unknown_recommendation_is_404(network: Network) -> None:
    """A recommendation that nobody made is answered 404."""
    made = await network.recommended()
    body = {"sessionId": made["sessionId"], "recommendationId": NOBODYS}
    refused(await network.ask("POST", "/v1/checkout", body), 404, "Recommendation not found")


@check(PAGE, releases=AAP)
async def a_recommendation_stays_in_its_session(network: Network) -> None:
    """The recommendation of another session is answered 404."""
    made, other = await network.recommended(), await network.recommended()
    body = {"sessionId": made["sessionId"], "recommendationId": other["recommendationId"]}
    refused(await network.ask("POST", "/v1/checkout", body), 404, "Recommendation not found")


@check(PAGE, releases=AAP)
async def what_is_no_json_is_400(network: Network) -> None:
    """A body that is no JSON object is a bad request."""
    for raw in (b"{", b"[]", b'"text"'):
        refused(await network.ask("POST", "/v1/checkout", raw), 400)


@check("checkout page, /v1/purchase", releases=AAP)
async def a_purchase_is_the_buyers_link(network: Network) -> None:
    """A purchase without a stored method answers with a checkout link and pays nothing."""
    made = await network.recommended()
    body = {"recommendationId": made["recommendationId"]}
    document = told(await network.ask("POST", "/v1/purchase", body), "checkout_reply")
    expect(document["status"] == "awaiting_payment", f"it is {document['status']}")
