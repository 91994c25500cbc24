"""Offers over the wire: what is offered to whom, at which prices, and what an order out of one may be."""

from typing import Any

import pytest

from tests.c2a.conftest import OTHER_TENANT, SITE, Backend, Town, stored
from ucp_server.store.database import statement
from ucp_server.worker import trim

Wire = dict[str, Any]


def artifacts(offer: Wire) -> dict[str, Wire]:
    return {one["itemIdentifier"]: one for group in offer["artifactGroups"] for one in group["artifacts"]}


async def refused(backend: Backend, path: str, **context: Any) -> tuple[int, str]:
    body = {"context": {"interactionType": "NewAcquisition"} | context}
    reply = await backend.ask("POST", path, body)
    return reply.status_code, reply.json()["status"]["messageCode"]


async def test_an_offer_has_groups_prices_and_an_end(backend: Backend, here: Town) -> None:
    offer = await backend.offer()
    assert offer["offerIdentifier"].startswith("of_")
    assert (offer["presentationType"], offer["isPurchasable"]) == ("Bundles", True)
    assert [group["title"] for group in offer["artifactGroups"]] == ["Flowers", "Gifts"]
    found = artifacts(offer)
    assert list(found) == ["two-roses", "late", "voucher"]
    roses = found["two-roses"]
    assert (roses["title"], roses["quantity"], roses["isAvailable"]) == ("Two bouquets", 2, True)
    assert roses["imageUrl"] == "https://shop.example/roses.jpg"
    dollars = {"currency": "USD", "decimals": 2}
    assert roses["price"] == {
        "unit": {"amount": 3500} | dollars,
        "list": {"amount": 7000} | dollars,
        "total": {"amount": 7000} | dollars,
    }
    (vase,) = roses["addOns"]
    assert (vase["itemIdentifier"], vase["parentItemIdentifier"]) == ("a-vase", "two-roses")
    assert vase["imageUrl"] == f"{SITE}/pictures/vase.svg"
    assert not found["late"]["isAvailable"]
    assert offer["expiresAt"] > here.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_what_is_offered_depends_on_the_occasion(backend: Backend) -> None:
    assert "stay" not in artifacts(await backend.offer())
    assert "stay" in artifacts(await backend.offer(interactionType="RetentionWinback"))
    assert "corner" not in artifacts(await backend.offer())
    assert "corner" in artifacts(await backend.offer(storefrontUrn="sf-corner"))
    assert "secret" not in artifacts(await backend.offer())
    assert "secret" in artifacts(await backend.offer(promotionCode=" friends "))


async def test_a_discount_of_the_shop_is_in_the_price(backend: Backend) -> None:
    roses = artifacts(await backend.offer(promotionCode="10off"))["two-roses"]
    assert (roses["price"]["list"]["amount"], roses["price"]["total"]["amount"]) == (7000, 6300)


async def test_an_empty_code_is_none(backend: Backend) -> None:
    assert "voucher" in artifacts(await backend.offer(promotionCode=""))


@pytest.mark.parametrize("path", ["/offer/bundles", "/offer/showcase"])
async def test_what_cannot_be_offered_says_why(backend: Backend, path: str) -> None:
    assert await refused(backend, path, promotionCode="NOPE") == (400, "INVALID_PROMOTION_CODE")
    assert await refused(backend, path, storefrontUrn="sf-moon") == (404, "STOREFRONT_NOT_FOUND")
    assert await refused(backend, path, interactionType="Barter") == (400, "INVALID_REQUEST")


async def test_nothing_to_offer_is_no_offer(backend: Backend, here: Town) -> None:
    async with statement(here.pool) as tx:
        await tx.execute("delete from bundles where merchant_id = 'shop'")
    assert await refused(backend, "/offer/bundles") == (404, "NO_OFFER_FOUND")


async def test_every_member_of_the_page_is_taken(backend: Backend) -> None:
    await backend.offer(
        stepIndex=1,
        channel="web",
        interactionDate="2026-07-01",
        interactionMeans="chat",
        customTags=["vip"],
        originalSubscriptionIdentifier="sub-1",
        clientPlatformType="ios",
    )


async def test_a_showcase_is_to_look_at(backend: Backend, here: Town) -> None:
    reply = await backend.ask("POST", "/offer/showcase", {"context": {"interactionType": "NewAcquisition"}})
    shown = reply.json()["offer"]
    assert (shown["presentationType"], shown["isPurchasable"]) == ("Showcase", False)
    assert artifacts(shown).keys() == artifacts(await backend.offer()).keys()
    reply = await backend.submit(offer=shown["offerIdentifier"])
    assert reply.status_code == 409
    assert reply.json()["status"] == {"messageCode": "OFFER_NOT_PURCHASABLE"}
    async with statement(here.pool) as tx:
        assert await tx.fetchval("select count(*) from made_offers") == 1


# --- orders out of an offer ---


async def code_of(backend: Backend, *items: str, **changes: Any) -> tuple[int, str]:
    reply = await backend.submit(*items, **changes)
    document = reply.json()
    if reply.status_code != 202:
        assert document["trackingNumber"] is None
        assert document["followUpInstructions"] == {"canFollowUp": False}
    return reply.status_code, document["status"]["messageCode"]


async def test_an_offer_is_over_when_its_time_is(backend: Backend, here: Town) -> None:
    offer = (await backend.offer())["offerIdentifier"]
    here.clock.move(minutes=29, seconds=59)
    assert (await code_of(backend, offer=offer))[0] == 202
    here.clock.move(seconds=1)
    reply = await backend.submit(offer=offer)
    assert reply.status_code == 409
    assert reply.json() == {
        "trackingNumber": None,
        "status": {"messageCode": "OFFER_EXPIRED"},
        "followUpInstructions": {"canFollowUp": False},
    }


async def test_an_offer_is_for_whom_it_was_made(backend: Backend, here: Town) -> None:
    offer = (await backend.offer())["offerIdentifier"]
    unknown = (404, "NO_OFFER_FOUND")
    assert await code_of(backend, offer=offer, order={"customer": {"customerUrn": "else"}}) == unknown
    assert await code_of(await here.backend(name="another"), offer=offer) == unknown
    assert await code_of(await here.backend(OTHER_TENANT), offer=offer) == unknown
    assert await code_of(backend, offer="of_77q") == unknown


async def test_an_offer_to_nobody_in_particular_is_for_anybody(backend: Backend) -> None:
    offer = (await backend.offer(customerUrn=None))["offerIdentifier"]
    assert (await code_of(backend, offer=offer, order={"customer": {"customerUrn": "cu.00.9"}}))[0] == 202


async def test_only_what_was_offered_can_be_ordered(backend: Backend) -> None:
    missing = (404, "ORDERED_ITEM_NOT_FOUND")
    for item in ("it_p1", "roses", "stay", "secret", "gone", "gone-vase"):
        assert await code_of(backend, item) == missing, item


async def test_what_is_no_longer_sold_is_not_found(backend: Backend, here: Town) -> None:
    offer = (await backend.offer())["offerIdentifier"]
    async with statement(here.pool) as tx:
        await tx.execute("delete from items where merchant_id = 'shop' and id = 'voucher'")
    assert await code_of(backend, offer=offer) == (404, "ORDERED_ITEM_NOT_FOUND")


async def test_an_offer_whose_price_changed_is_over(backend: Backend, here: Town) -> None:
    offer = (await backend.offer())["offerIdentifier"]
    async with statement(here.pool) as tx:
        await tx.execute(
            "update items set price_minor = 2001 where merchant_id = 'shop' and id = 'voucher'"
        )
    assert await code_of(backend, offer=offer) == (409, "OFFER_EXPIRED")


async def test_an_offer_whose_discount_is_gone_is_over(backend: Backend, here: Town) -> None:
    offer = (await backend.offer(promotionCode="10OFF"))["offerIdentifier"]
    async with statement(here.pool) as tx:
        await tx.execute("delete from shop_rules where merchant_id = 'shop' and kind = 'discount'")
    # The rules of a shop are kept in the process for a moment; this is another process.
    here.setup.quoting._pricing._tables._kept.clear()
    assert await code_of(backend, offer=offer) == (409, "OFFER_EXPIRED")


async def test_what_is_sold_out_cannot_be_ordered(backend: Backend) -> None:
    assert await code_of(backend, "late") == (409, "OFFER_NOT_PURCHASABLE")


async def test_an_add_on_needs_its_bundle(backend: Backend) -> None:
    assert await code_of(backend, "a-vase") == (400, "INVALID_REQUEST")
    lines = [{"itemIdentifier": "two-roses"}, {"ITM": "a-vase", "PURN": "two-roses", "QTY": 2}]
    assert (await code_of(backend, order={"items": lines}))[0] == 202
    lines[1]["PURN"] = "voucher"
    assert await code_of(backend, order={"items": lines}) == (400, "INVALID_REQUEST")


async def test_goods_go_to_the_customers_first_address(backend: Backend, here: Town) -> None:
    result = await backend.accepted("two-roses")
    await here.work()
    assert (await backend.status(result)).json()["status"] == {"messageCode": "CHECK_OUT_DONE"}
    # 7000, standard delivery 500, and 6.25 % of it all in Illinois, where the goods are sent.
    async with statement(here.pool) as tx:
        total = await tx.fetchval(
            "select (document -> 'quote' -> 'totals' -> -1 ->> 'amount_minor')::int from checkouts"
        )
    assert total == 7500 + 469


async def test_goods_for_somebody_without_an_address_cannot_be_ordered(backend: Backend) -> None:
    customer = {"customer": {"customerUrn": "cu.00.9"}}
    offer = (await backend.offer(customerUrn="cu.00.9"))["offerIdentifier"]
    assert await code_of(backend, "two-roses", offer=offer, order=customer) == (
        409,
        "OFFER_NOT_PURCHASABLE",
    )
    assert (await code_of(backend, "voucher", offer=offer, order=customer))[0] == 202


async def test_the_discount_that_was_offered_is_the_one_that_is_charged(
    backend: Backend, here: Town
) -> None:
    method = await backend.add()
    offer = (await backend.offer(promotionCode="10OFF"))["offerIdentifier"]
    result = await backend.accepted("voucher", offer=offer, payment=stored(method["storedMethodUrn"]))
    await here.work()
    assert (await backend.status(result)).json()["status"] == {"messageCode": "CHECK_OUT_DONE"}
    async with statement(here.pool) as tx:
        rows = await tx.fetch("select amount_minor from attempts")
    assert [row["amount_minor"] for row in rows] == [1800]


async def test_offers_are_forgotten_a_week_after_they_are_over(backend: Backend, here: Town) -> None:
    kept = (await backend.offer())["offerIdentifier"]
    await backend.offer(customerUrn="old")
    async with statement(here.pool) as tx:
        await tx.execute(
            "update made_offers set expires_at = now() - interval '8 days' where owner = 'old'"
        )
    assert await trim.run_once(here.pool, here.clock) > 0
    assert (await code_of(backend, offer=kept))[0] == 202
    async with statement(here.pool) as tx:
        assert await tx.fetchval("select count(*) from made_offers") == 1
