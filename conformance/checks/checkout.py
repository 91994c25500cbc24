"""The five operations, each done as the book says."""

from datetime import UTC, datetime, timedelta

from conformance.buying import (
    basket,
    buyer,
    changed,
    created,
    plain_checkout,
    prepared,
    resend,
    sale,
)
from conformance.registry import EVERY, check, expect
from conformance.shapes import violations
from conformance.shop import Shop


@check("checkout-rest#Create Checkout", releases=EVERY)
async def create_answers_201(shop: Shop) -> None:
    """Creating answers 201."""
    reply = await shop.create(basket(shop))
    expect(reply.status == 201, f"answered {reply.status}")


@check("checkout#Response", releases=EVERY)
async def checkout_has_the_shape(shop: Shop) -> None:
    """A new checkout, a ready one and a bought one have the members and types of the schema."""
    documents = [await shop.scene(plain_checkout)]
    if shop.inputs.success_token:
        documents += [(await shop.scene(sale)).before, (await shop.scene(sale)).after]
    for document in documents:
        wrong = violations(shop.inputs.release, "checkout", document)
        expect(not wrong, f"{document.get('status')}: {wrong}")


@check("checkout#Create Checkout", releases=EVERY)
async def line_is_the_one_asked_for(shop: Shop) -> None:
    """The new checkout has one line with the item and the quantity asked for."""
    checkout = await created(shop, quantity=2)
    lines = [(line["item"]["id"], line["quantity"]) for line in checkout["line_items"]]
    expect(lines == [(shop.inputs.item, 2)], f"lines are {lines}")


@check("checkout#Create Checkout", releases=EVERY)
async def checkouts_have_ids_of_their_own(shop: Shop) -> None:
    """Two creates make two checkouts, and lines of one checkout have different ids."""
    body = basket(shop)
    body["line_items"] = body["line_items"] * 2
    first, second = await created(shop), await created(shop, line_items=body["line_items"])
    expect(first["id"] != second["id"], f"both are {first['id']}")
    ids = [line["id"] for line in second["line_items"]]
    expect(len(set(ids)) == len(ids), f"line ids are {ids}")


@check("checkout-rest#Get Checkout", releases=EVERY)
async def get_shows_what_create_made(shop: Shop) -> None:
    """Reading answers 200 with the checkout as it was created."""
    checkout = await created(shop)
    reply = await shop.get(checkout["id"])
    expect(reply.status == 200, f"answered {reply.status}")
    document = reply.document()
    differing = [name for name in checkout if document.get(name) != checkout[name]]
    expect(not differing, f"differs in {differing}")


@check("checkout#Guidelines", releases=EVERY)
async def reading_changes_nothing(shop: Shop) -> None:
    """Two readings in a row say the same."""
    checkout_id = (await created(shop))["id"]
    first, second = await shop.get(checkout_id), await shop.get(checkout_id)
    expect(first.document() == second.document(), "the second reading differs")


@check("checkout-rest#Update Checkout", releases=EVERY)
async def update_answers_200(shop: Shop) -> None:
    """Updating answers 200 with the same checkout, changed."""
    checkout = await created(shop)
    body = resend(checkout)
    body["line_items"][0]["quantity"] = 3
    reply = await shop.update(checkout["id"], body)
    expect(reply.status == 200, f"answered {reply.status}")
    document = reply.document()
    expect(document["id"] == checkout["id"], f"the id became {document['id']}")
    quantity = document["line_items"][0]["quantity"]
    expect(quantity == 3, f"the quantity is {quantity}")


@check("checkout#Buyer", releases=EVERY)
async def buyer_is_kept(shop: Shop) -> None:
    """The buyer comes back as sent, after create and after an update."""
    somebody = buyer()
    checkout = await created(shop, buyer=somebody)
    for document in (checkout, await changed(shop, checkout)):
        kept = document.get("buyer") or {}
        lost = [name for name in somebody if kept.get(name) != somebody[name]]
        expect(not lost, f"lost or changed: {lost}")


@check("checkout#Checkout", releases=EVERY)
async def everything_given_makes_it_ready(shop: Shop) -> None:
    """With buyer, destination and option chosen the checkout is ready_for_complete."""
    checkout = await prepared(shop)
    expect(checkout["status"] == "ready_for_complete", f"status is {checkout['status']}")


@check("checkout-rest#Cancel Checkout", releases=EVERY)
async def cancel_answers_200(shop: Shop) -> None:
    """Canceling answers 200, the status is canceled, and stays so."""
    checkout_id = (await created(shop))["id"]
    reply = await shop.cancel(checkout_id)
    expect(reply.status == 200, f"answered {reply.status}")
    expect(reply.document().get("status") == "canceled", f"status is {reply.document()['status']}")
    later = await shop.get(checkout_id)
    gone = later.status == 404 or later.document().get("status") == "canceled"
    expect(gone, "a later reading shows it alive")


@check("checkout#Checkout", releases=EVERY)
async def expiry_lies_ahead(shop: Shop) -> None:
    """expires_at lies in the future."""
    checkout = await created(shop)
    expires_at = checkout.get("expires_at")
    if expires_at is None:
        return
    left = datetime.fromisoformat(str(expires_at)) - datetime.now(UTC)
    expect(left > timedelta(0), f"expires_at is {expires_at}")


@check("checkout#Checkout", releases=EVERY, advice=True)
async def expiry_is_told(shop: Shop) -> None:
    """expires_at is sent rather than left to the default of six hours."""
    checkout = await created(shop)
    expect(checkout.get("expires_at"), "there is no expires_at")


@check("overview#Transport Layer", releases=EVERY)
async def unknown_members_do_no_harm(shop: Shop) -> None:
    """A member that the shop does not know, anywhere in a request, is passed over."""
    body = basket(shop, com_example={"deep": [1, {"x": None}]})
    body["line_items"][0]["com_example"] = True
    reply = await shop.create(body)
    expect(reply.succeeded, f"answered {reply.status}")


@check("checkout-rest#HTTP Headers", releases=EVERY)
async def unknown_headers_do_no_harm(shop: Shop) -> None:
    """Headers that nobody defined do no harm."""
    headers = {**shop.headers(), "X-Test-Run": "1", "Request-Signature": "test"}
    reply = await shop.send("POST", "/checkout-sessions", basket(shop), headers)
    expect(reply.succeeded, f"answered {reply.status}")


@check("checkout-rest#Specific Header Requirements", releases=EVERY, advice=True)
async def key_and_request_id_are_optional(shop: Shop) -> None:
    """A create without Idempotency-Key and Request-Id works, as in the published examples."""
    headers = {"UCP-Agent": shop.agent()}
    reply = await shop.send("POST", "/checkout-sessions", basket(shop), headers)
    expect(reply.succeeded, f"answered {reply.status}")


@check("checkout-rest#HTTP Headers", releases=EVERY, advice=True)
async def request_id_comes_back(shop: Shop) -> None:
    """The Request-Id of a request is in its reply."""
    headers = shop.headers()
    reply = await shop.send("POST", "/checkout-sessions", basket(shop), headers)
    echoed = reply.headers.get("request-id")
    expect(echoed == headers["Request-Id"], f"Request-Id is {echoed!r}")
