"""Searches and recommendations."""

from datetime import UTC, datetime, timedelta

from conformance.aap.network import AAP, NOBODYS, Network, refused, told
from conformance.registry import check, expect

SEARCH = "aap-spec v1, GET /v1/offers"
RECOMMEND = "aap-spec v1, POST /v1/recommend"
DAY = timedelta(hours=24)
# Clocks, and the time that a search takes.
SLACK = timedelta(minutes=10)


@check(SEARCH, releases=AAP)
async def a_search_has_its_form(network: Network) -> None:
    """A search answers with its session, the number of offers, the time of its end, and the offers."""
    document = told(await network.search(), "offers_reply")
    expect(document["count"] == len(document["offers"]), f"count is {document['count']}")


@check(SEARCH, releases=AAP)
async def a_session_lives_for_a_day(network: Network) -> None:
    """The session ends 24 hours after the search."""
    ends_at = datetime.fromisoformat((await network.found())["expiresAt"])
    left = ends_at - datetime.now(UTC)
    expect(DAY - SLACK < left < DAY + SLACK, f"it ends in {left}")


@check(SEARCH, releases=AAP)
async def every_search_is_a_session(network: Network) -> None:
    """Two searches have two sessions."""
    first, second = await network.found(), await network.found()
    expect(first["sessionId"] != second["sessionId"], "they share one")


@check(SEARCH, releases=AAP)
async def prices_bound_a_search(network: Network) -> None:
    """`min_price` and `max_price` are bounds of what is found."""
    offers = (await network.found())["offers"]
    price = sorted(offer["price"] for offer in offers)[len(offers) // 2]
    bounded = told(await network.search(min_price=price, max_price=price))["offers"]
    expect(bounded, "nothing is found at the price of an offer that was found")
    expect({offer["price"] for offer in bounded} == {price}, "other prices are found")


@check(SEARCH, releases=AAP)
async def a_vertical_bounds_a_search(network: Network) -> None:
    """`vertical` is that of everything found."""
    offers = (await network.found())["offers"]
    expect({offer["vertical"] for offer in offers} == {network.inputs.vertical}, "others are found")


@check(RECOMMEND, releases=AAP)
async def a_recommendation_has_its_form(network: Network) -> None:
    """A recommendation answers with its id, a link, and the offer in short."""
    search = await network.found()
    offer = search["offers"][0]
    reply = await network.recommend(search["sessionId"], offer["id"])
    document = told(reply, "recommend_reply")
    expect(document["attributionRecorded"] is True, "attributionRecorded is not true")
    short = {name: offer[name] for name in ("id", "provider", "name", "price", "currency")}
    expect(document["offer"] == short, f"the offer is {document['offer']}")


@check(RECOMMEND, releases=AAP)
async def an_unknown_session_recommends_nothing(network: Network) -> None:
    """A session that nobody opened is answered 404."""
    offer = (await network.found())["offers"][0]
    refused(await network.recommend(NOBODYS, offer["id"]), 404)


@check(RECOMMEND, releases=AAP)
async def an_unknown_offer_is_not_recommended(network: Network) -> None:
    """An offer that does not exist is answered 404."""
    refused(await network.recommend((await network.found())["sessionId"], NOBODYS), 404)


@check("aap-spec v1, GET /v1/sessions/{id}", releases=AAP)
async def a_session_tells_what_was_recommended(network: Network) -> None:
    """A session lists its recommendations, and no conversion before there is one."""
    made = await network.recommended()
    document = told(await network.session(made["sessionId"]), "session_reply")
    listed = [each["id"] for each in document["recommendations"]]
    expect(listed == [made["recommendationId"]], f"it lists {listed}")
    expect(document["conversions"] == [], "it lists conversions")
    expect(document["session"]["status"] == "active", f"it is {document['session']['status']}")


@check("aap-spec v1, GET /v1/sessions/{id}", releases=AAP)
async def an_unknown_session_is_404(network: Network) -> None:
    """A session that nobody opened cannot be looked at."""
    refused(await network.session(NOBODYS), 404)
