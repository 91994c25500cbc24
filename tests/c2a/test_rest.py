"""Checkouts over the wire: from 202 to the end, and everything that can go otherwise."""

import asyncio
import base64
import re
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.c2a.conftest import (
    CUSTOMER,
    OTHER_TENANT,
    SITE,
    TENANT,
    VISA,
    Backend,
    Town,
    checkout,
    new_method,
    stored,
)
from ucp_server.c2a.rest import PREFIXES, ROUTES
from ucp_server.domain.money import Money
from ucp_server.engine.commands import CompleteCheckout, Scope
from ucp_server.engine.faults import armed
from ucp_server.engine.runner import Engine
from ucp_server.engine.submissions import call_of
from ucp_server.store.database import statement

Wire = dict[str, Any]

TRACKING = r"trk_[0-7][0-9A-HJKMNP-TV-Z]{25}"
DECLINED = "4000000000000002"
CHALLENGED = "4000000000003155"
REFUSED = "4000000000000069"
# More lives of workers than any order needs.
WORKERS_MAX = 5


def code(document: Wire) -> str:
    return str(document["status"]["messageCode"])


async def count(here: Town, table: str) -> int:
    async with statement(here.pool) as tx:
        return int(str(await tx.fetchval(f"select count(*) from {table}")))


async def charges(here: Town) -> list[int]:
    """What the provider holds, by its own books."""
    folder = here.log.parent / "mock-payments"
    records = [msgspec.json.decode(path.read_bytes()) for path in folder.rglob("*.json")]
    return [record["amount_minor"] for record in records if record["status"] == "approved"]


# --- from first to last ---


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_an_order_from_first_to_last(backend: Backend, here: Town, prefix: str) -> None:
    caller = backend.under(prefix)
    reply = await caller.submit()
    result = reply.json()
    tracking = result["trackingNumber"]
    assert re.fullmatch(TRACKING, tracking)
    url = f"{SITE}{prefix}/offer/checkout/{tracking}/status"
    assert reply.status_code == 202
    assert result == {
        "trackingNumber": tracking,
        "status": {"messageCode": "CHECK_OUT_PROCESSING"},
        "followUpInstructions": {
            "retryAfterSeconds": 2,
            "remainingRetryCount": 30,
            "currentRetryAttempt": 0,
            "followUpUrl": url,
            "canFollowUp": True,
        },
    }
    assert reply.headers["location"] == url
    assert reply.headers["link"] == f'<{url}>; rel="status"'
    assert reply.headers["retry-after"] == "2"
    assert reply.headers["cache-control"] == "no-store"
    await here.work()
    reply = await caller.status(result)
    assert reply.status_code == 200
    assert "retry-after" not in reply.headers
    assert reply.json() == {
        "trackingNumber": tracking,
        "status": {"messageCode": "CHECK_OUT_DONE"},
        "followUpInstructions": {"canFollowUp": False},
    }
    assert await count(here, "orders") == 1


async def test_looks_are_counted_across_polls(backend: Backend) -> None:
    result = await backend.accepted()
    for attempt in range(1, 33):
        reply = await backend.status(result)
        follow_up = reply.json()["followUpInstructions"]
        assert follow_up["currentRetryAttempt"] == attempt
        assert follow_up["remainingRetryCount"] == max(0, 30 - attempt)
        assert follow_up["canFollowUp"]
        assert reply.headers["retry-after"] == "2"


async def test_an_order_in_short_names(backend: Backend, here: Town) -> None:
    offer = (await backend.offer())["offerIdentifier"]
    body = {
        "ORD": {"OID": offer, "ITM": [{"ITM": "voucher", "QTY": 2}], "CUST": {"customerUrn": CUSTOMER}},
        "PMT": {
            "TP": "CreditCard",
            "CC": {"CHN": "Ana Ruiz", "CN": VISA, "EY": "2041", "EM": "07", "CVC": "737"},
        },
    }
    reply = await backend.ask("POST", "/offer/checkout", body)
    assert reply.status_code == 202, reply.text
    await here.work()
    assert code((await backend.status(reply.json())).json()) == "CHECK_OUT_DONE"
    async with statement(here.pool) as tx:
        assert await tx.fetchval("select amount_minor from attempts") == 4000


async def test_an_order_paid_with_a_stored_method(backend: Backend, here: Town) -> None:
    method = await backend.add()
    result = await backend.accepted(payment=stored(method["storedMethodUrn"]))
    await here.work()
    assert code((await backend.status(result)).json()) == "CHECK_OUT_DONE"


async def test_a_card_is_kept_where_that_is_asked_and_it_paid(backend: Backend, here: Town) -> None:
    for wish, kept in (({}, 0), ({"storeMethodSuccessPayment": "never"}, 0), ({"SM": "always"}, 1)):
        await backend.accepted(payment=wish, card={"cardAlias": "mine"})
        await here.work()
        reply = await backend.ask("GET", "/customer/payment/methods/list", query={"customerUrn": CUSTOMER})
        assert [one["cardAlias"] for one in reply.json()["paymentMethods"]] == ["mine"] * kept


async def test_a_declined_card_ends_the_order(backend: Backend, here: Town) -> None:
    result = await backend.accepted(card={"cardNumber": DECLINED})
    await here.work()
    reply = await backend.status(result)
    assert reply.status_code == 200
    assert reply.json() == {
        "trackingNumber": result["trackingNumber"],
        "status": {"messageCode": "CHECK_OUT_FAILED"},
        "followUpInstructions": {"canFollowUp": False},
        "message": "The payment was declined.",
    }
    assert (await backend.status(result)).json() == reply.json()


async def test_a_step_up_sends_the_buyer_to_a_page(backend: Backend, here: Town) -> None:
    result = await backend.accepted(card={"cardNumber": CHALLENGED})
    await here.work()
    document = (await backend.status(result)).json()
    assert code(document) == "CHECK_OUT_3DS_REQUIRED"
    assert document["followUpInstructions"]["canFollowUp"]
    redirect = document["redirectInstructions"]
    # The mock has no page of its own, so it is ours.
    assert re.fullmatch(rf"{SITE}/checkout/[0-9a-f]{{32}}/[A-Za-z0-9_-]{{22}}", redirect["redirectUrl"])
    assert redirect["threeDIdentifier"]
    assert {
        name: redirect[name] for name in redirect if name not in ("redirectUrl", "threeDIdentifier")
    } == {
        "htmlContent": None,
        "isRedirectRequired": True,
        "hasNextSteps": True,
        "showHtmlContent": False,
    }


async def test_an_order_that_its_buyer_finishes_on_our_page_is_done(backend: Backend, here: Town) -> None:
    result = await backend.accepted(card={"cardNumber": CHALLENGED})
    await here.work()
    page = (await backend.status(result)).json()["redirectInstructions"]["redirectUrl"]
    engine = Engine(here.setup)
    *_, hex_id, token = page.split("/")
    opened = await engine.read_by_link("shop", str(UUID(hex_id)), token)
    agreed = await here.psp.on_page("shop", Money(2000, "USD"), "session")
    assert agreed is not None
    assert agreed.instrument is not None
    assert agreed.credential is not None
    command = CompleteCheckout(
        checkout_id=opened.id,
        instrument=agreed.instrument,
        credential=agreed.credential,
        by_buyer=True,
    )
    scope = Scope(merchant_id="shop", platform_id=opened.platform_id)
    await engine.run(call_of(scope), command)
    reply = await backend.status(result)
    assert (reply.status_code, code(reply.json())) == (200, "CHECK_OUT_DONE")
    await here.due_again()
    await here.work()
    assert await charges(here) == [2000]
    assert await count(here, "orders") == 1


async def test_an_order_whose_challenge_nobody_passed_is_over_in_time(backend: Backend, here: Town) -> None:
    result = await backend.accepted(card={"cardNumber": CHALLENGED})
    await here.work()
    async with statement(here.pool) as tx:
        await tx.execute("update checkouts set expires_at = now() - interval '1 second'")
    reply = await backend.status(result)
    assert (reply.status_code, code(reply.json())) == (409, "OFFER_EXPIRED")
    assert reply.json()["trackingNumber"] == result["trackingNumber"]
    assert reply.json()["followUpInstructions"] == {"canFollowUp": False}


async def test_what_was_sold_out_meanwhile_fails(backend: Backend, here: Town) -> None:
    result = await backend.accepted("two-roses")
    async with statement(here.pool) as tx:
        await tx.execute("update inventory set on_hand = reserved where item_id = 'roses'")
    await here.work()
    document = (await backend.status(result)).json()
    assert code(document) == "CHECK_OUT_FAILED"
    assert document["message"] == "An item of this order is sold out."


async def test_what_is_not_sold_any_more_is_told_by_the_pages_code(backend: Backend, here: Town) -> None:
    result = await backend.accepted()
    async with statement(here.pool) as tx:
        await tx.execute("delete from items where merchant_id = 'shop' and id = 'voucher'")
    await here.work()
    reply = await backend.status(result)
    assert (reply.status_code, code(reply.json())) == (404, "ORDERED_ITEM_NOT_FOUND")
    assert reply.json()["trackingNumber"] == result["trackingNumber"]


async def test_a_price_that_changed_before_the_payment_charges_nothing(
    backend: Backend, here: Town
) -> None:
    result = await backend.accepted()
    async with statement(here.pool) as tx:
        await tx.execute("update items set price_minor = 9 where merchant_id = 'shop' and id = 'voucher'")
    await here.work()
    reply = await backend.status(result)
    assert (reply.status_code, code(reply.json())) == (409, "OFFER_EXPIRED")
    assert await count(here, "orders") == 0


# --- once is once ---


async def test_a_correlated_order_is_one_order(backend: Backend, here: Town) -> None:
    offer = (await backend.offer())["offerIdentifier"]
    order = {"correlationId": "web-88"}
    first = await backend.accepted(offer=offer, order=order)
    second = await backend.submit(offer=offer, order=order)
    assert second.status_code == 202
    assert second.json() == first
    assert second.headers["idempotent-replayed"] == "true"
    await here.work()
    assert await count(here, "submissions") == await count(here, "orders") == 1


async def test_a_known_order_is_told_how_it_ended(backend: Backend, here: Town) -> None:
    offer = (await backend.offer())["offerIdentifier"]
    order = {"correlationId": "web-88"}
    first = await backend.accepted(offer=offer, order=order)
    await here.work()
    # Neither the end of the offer nor the last one sold changes what became of it.
    here.clock.move(hours=1)
    async with statement(here.pool) as tx:
        await tx.execute("delete from items where merchant_id = 'shop' and id = 'voucher'")
    reply = await backend.submit(offer=offer, order=order)
    assert reply.status_code == 202
    assert reply.json()["trackingNumber"] == first["trackingNumber"]
    assert code(reply.json()) == "CHECK_OUT_DONE"
    assert reply.json()["followUpInstructions"] == {"canFollowUp": False}
    assert "retry-after" not in reply.headers


async def test_the_same_order_in_other_words_is_the_same(backend: Backend) -> None:
    offer = (await backend.offer())["offerIdentifier"]
    body = checkout(offer, order={"correlationId": "web-88"})
    first = await backend.ask("POST", "/offer/checkout", body)
    order = body["order"]
    short = {
        "PMT": body["paymentMethod"] | {"PI": None},
        "ORD": {
            "CLD": order["correlationId"],
            "CUST": order["customer"],
            "ITM": [{"ITM": "voucher"}],
            "OID": offer,
        },
    }
    second = await backend.under(PREFIXES[0]).ask("POST", "/offer/checkout", short)
    assert second.json()["trackingNumber"] == first.json()["trackingNumber"]
    assert PREFIXES[0] in second.headers["location"]


async def test_another_order_under_the_same_correlation_conflicts(backend: Backend, here: Town) -> None:
    offer = (await backend.offer())["offerIdentifier"]
    await backend.accepted(offer=offer, order={"correlationId": "web-88"})
    for changes in (
        {"order": {"correlationId": "web-88", "items": [{"itemIdentifier": "voucher", "quantity": 2}]}},
        {"order": {"correlationId": "web-88"}, "card": {"cardNumber": DECLINED}},
    ):
        reply = await backend.submit(offer=offer, **changes)
        assert reply.status_code == 409
        assert reply.json() == {
            "trackingNumber": None,
            "status": {"messageCode": "CORRELATION_ID_CONFLICT"},
            "followUpInstructions": {"canFollowUp": False},
        }
    assert await count(here, "submissions") == 1


async def test_a_conflict_is_told_even_when_the_other_order_could_not_be_taken(backend: Backend) -> None:
    offer = (await backend.offer())["offerIdentifier"]
    await backend.accepted(offer=offer, order={"correlationId": "web-88"})
    reply = await backend.submit("late", offer=offer, order={"correlationId": "web-88"})
    assert (reply.status_code, code(reply.json())) == (409, "CORRELATION_ID_CONFLICT")


async def test_backends_and_tenants_have_correlations_of_their_own(here: Town) -> None:
    callers = [await here.backend(), await here.backend(name="another"), await here.backend(OTHER_TENANT)]
    results = [await caller.accepted(order={"correlationId": "web-88"}) for caller in callers]
    assert len({result["trackingNumber"] for result in results}) == 3


async def test_orders_without_a_correlation_are_orders_each(backend: Backend, here: Town) -> None:
    offer = (await backend.offer())["offerIdentifier"]
    first, second = await backend.accepted(offer=offer), await backend.accepted(offer=offer)
    assert first["trackingNumber"] != second["trackingNumber"]
    await here.work()
    assert await count(here, "orders") == 2


async def test_twins_are_one_order_and_one_charge(backend: Backend, here: Town) -> None:
    offer = (await backend.offer())["offerIdentifier"]
    body = checkout(offer, "two-roses", order={"correlationId": "web-88"})
    replies = await asyncio.gather(*(backend.ask("POST", "/offer/checkout", body) for _ in range(12)))
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.json()["trackingNumber"] for reply in replies}) == 1
    await asyncio.gather(*(here.work() for _ in range(3)))
    assert code((await backend.status(replies[0].json())).json()) == "CHECK_OUT_DONE"
    assert await count(here, "orders") == await count(here, "attempts") == 1


SUBMITTING = (
    "create.before_commit",
    "create.committed",
    "vault.before_send",
    "vault.sent",
    "submit.before_commit",
    "submit.committed",
)
# Those of the payment itself, with leases and look-ups, are the engine's to show.
PAYING = (
    "submission.loaded",
    "submission.ran",
    "submission.before_record",
    "submission.recorded",
    "submission.before_let_go",
    "submission.let_go",
)


@pytest.mark.parametrize("point", SUBMITTING)
async def test_a_submit_that_dies_is_repeated_as_the_same_order(
    backend: Backend, here: Town, point: str
) -> None:
    body = checkout((await backend.offer())["offerIdentifier"], order={"correlationId": "web-88"})
    with armed(f"{point}=raise") as struck:
        reply = await backend.ask("POST", "/offer/checkout", body)
        assert struck == [point]
    # Once it is written, a failure behind it is nothing that its caller has to know of.
    assert reply.status_code == (202 if point == "submit.committed" else 503)
    result = (await backend.ask("POST", "/offer/checkout", body)).json()
    await here.work()
    assert code((await backend.status(result)).json()) == "CHECK_OUT_DONE"
    assert await count(here, "submissions") == await count(here, "orders") == 1


@pytest.mark.parametrize("point", PAYING)
async def test_a_worker_that_dies_is_followed_by_another(backend: Backend, here: Town, point: str) -> None:
    result = await backend.accepted(payment={"storeMethodSuccessPayment": "always"})
    with armed(f"{point}=raise"):
        await asyncio.gather(here.work(), return_exceptions=True)
    for _ in range(WORKERS_MAX):
        await here.due_again()
        await here.work()
        document = (await backend.status(result)).json()
        if not document["followUpInstructions"]["canFollowUp"]:
            break
    assert code(document) == "CHECK_OUT_DONE"
    assert await count(here, "orders") == await count(here, "stored_methods") == 1
    assert await charges(here) == [2000]


# --- who may ask ---


async def test_without_a_key_of_the_tenant_nothing_is_answered(backend: Backend, here: Town) -> None:
    stranger = await here.backend(OTHER_TENANT)
    for path, method, operation in ROUTES:
        target = path.format(tracking="trk_" + "0" * 26)
        for key in ("", "sk_dev_guess", stranger.key):
            reply = await backend.ask(method, target, headers={"x-api-key": key})
            assert (reply.status_code, code(reply.json())) == (401, "UNAUTHORIZED"), operation
            assert reply.headers["www-authenticate"]


async def test_an_unknown_tenant_is_not_found(backend: Backend) -> None:
    for tenant in ("", "nonsense", "00000000-0000-4000-8000-00000000dead"):
        reply = await backend.ask("POST", "/offer/bundles", headers={"x-tn": tenant})
        assert (reply.status_code, code(reply.json())) == (404, "TENANT_NOT_FOUND")
    reply = await backend.ask("POST", "/offer/checkout", headers={"x-tn": ""})
    assert reply.json()["trackingNumber"] is None


async def test_a_tenant_has_no_letter_case(backend: Backend) -> None:
    reply = await backend.ask(
        "POST",
        "/offer/bundles",
        {"context": {"interactionType": "NewAcquisition"}},
        headers={"x-tn": TENANT.upper()},
    )
    assert reply.status_code == 200


async def test_a_revoked_key_opens_nothing(backend: Backend, here: Town) -> None:
    async with statement(here.pool) as tx:
        await tx.execute("update credentials set revoked_at = now()")
    assert (await backend.ask("POST", "/offer/bundles", {})).status_code == 401


async def test_a_tracking_number_is_its_callers_alone(backend: Backend, here: Town) -> None:
    result = await backend.accepted()
    for stranger in (await here.backend(name="another"), await here.backend(OTHER_TENANT)):
        reply = await stranger.status(result)
        assert (reply.status_code, code(reply.json())) == (404, "TRACKING_NUMBER_NOT_FOUND")
        assert reply.json()["trackingNumber"] is None
    for number in ("trk_" + "0" * 26, "trk_x", "x"):
        assert (await backend.status({"trackingNumber": number})).status_code == 404


async def test_a_host_of_nobody_is_told_so(backend: Backend) -> None:
    reply = await backend.ask("POST", "/offer/checkout", headers={"host": "elsewhere.test"})
    assert (reply.status_code, code(reply.json())) == (421, "MISDIRECTED_REQUEST")
    assert reply.json()["trackingNumber"] is None


# --- what cannot be paid ---


async def test_a_stored_method_that_is_none_is_refused_at_admission(backend: Backend, here: Town) -> None:
    others = await backend.add(customerUrn="somebody")
    deleted = await backend.add()
    query = {"customerUrn": CUSTOMER, "storedMethodUrn": deleted["storedMethodUrn"]}
    await backend.ask("DELETE", "/customer/payment/methods/delete", query=query)
    inactive = await backend.add()
    query["storedMethodUrn"] = inactive["storedMethodUrn"]
    await backend.ask("POST", "/customer/payment/methods/inactivate", query)
    for urn in (
        "pm.00.9.1",
        others["storedMethodUrn"],
        query["storedMethodUrn"],
        deleted["storedMethodUrn"],
    ):
        reply = await backend.submit(payment=stored(urn))
        assert reply.status_code == 409
        assert reply.json() == {
            "trackingNumber": None,
            "status": {"messageCode": "PAYMENT_METHOD_NOT_FOUND"},
            "followUpInstructions": {"canFollowUp": False},
        }
    assert await count(here, "submissions") == 0


async def test_a_card_that_the_vault_refuses_is_refused_at_admission(backend: Backend, here: Town) -> None:
    reply = await backend.submit(card={"cardNumber": REFUSED})
    assert (reply.status_code, code(reply.json())) == (409, "CARD_DECLINED")
    reply = await backend.submit(card={"cardNumber": "4242424242424241"})
    assert (reply.status_code, code(reply.json())) == (400, "INVALID_CARD")
    reply = await backend.submit(card={"expireYear": "2020"})
    assert (reply.status_code, code(reply.json())) == (400, "INVALID_CARD")
    assert await count(here, "submissions") == await count(here, "checkouts") == 0


async def test_other_channels_are_not_offered(backend: Backend) -> None:
    for channel in ("PayPal", "Klarna", "SEPA", "Bank"):
        reply = await backend.submit(payment={"paymentChannel": channel})
        assert (reply.status_code, code(reply.json())) == (409, "PAYMENT_CHANNEL_NOT_SUPPORTED")


async def test_nobody_is_charged_the_whole_who_wants_to_pay_in_parts(backend: Backend) -> None:
    reply = await backend.submit(order={"installmentIdentifier": "in-3"})
    assert (reply.status_code, code(reply.json())) == (409, "OFFER_NOT_PURCHASABLE")
    assert (await backend.submit(order={"installmentIdentifier": None, "resellerID": 7})).status_code == 202


async def test_a_provider_may_be_named(backend: Backend) -> None:
    reply = await backend.submit(payment={"providerIdentifier": "mock_payment_handler"})
    assert reply.status_code == 202
    reply = await backend.submit(payment={"PI": "Stripe"})
    assert (reply.status_code, code(reply.json())) == (409, "PAYMENT_PROVIDER_NOT_FOUND")


async def test_a_setting_refuses_card_numbers(backend: Backend, here: Town) -> None:
    method = await backend.add()
    here.takes_fresh_cards = False
    reply = await backend.submit()
    assert (reply.status_code, code(reply.json())) == (403, "FRESH_CARD_NOT_ACCEPTED")
    reply = await backend.ask("POST", "/customer/payment/methods/add", new_method())
    assert (reply.status_code, code(reply.json())) == (403, "FRESH_CARD_NOT_ACCEPTED")
    assert (await backend.submit(payment=stored(method["storedMethodUrn"]))).status_code == 202
    assert await count(here, "submissions") == 1


# --- what cannot be read ---

BAD_BODIES: list[Wire | bytes] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"order":{},"order":{}}',
    b'{"order":{"offerIdentifier":"\\u0000"}}',
    {},
    {"order": [], "paymentMethod": {}},
    {"order": {}, "ORD": {"OID": "x"}, "paymentMethod": {}},
    {"ORD": {"ITM": {"ITM": "a"}}, "PMT": {}},
    {"order": {"items": [[[]]]}, "paymentMethod": {"CC": []}},
]


async def test_a_body_of_another_form_is_400_and_says_why(backend: Backend) -> None:
    for path in ("/offer/bundles", "/offer/checkout", "/customer/payment/methods/add"):
        for body in BAD_BODIES:
            reply = await backend.ask("POST", path, body)
            assert (reply.status_code, code(reply.json())) == (400, "INVALID_REQUEST"), body
            assert reply.json()["message"], body


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-1, 1) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["ITM", "CC", "items", "UM", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
PLACES = [
    ("order",),
    ("order", "items"),
    ("order", "items", 0),
    ("order", "customer"),
    ("order", "installmentIdentifier"),
    ("paymentMethod",),
    ("paymentMethod", "creditCard"),
    ("paymentMethod", "useStoredMethod"),
    ("paymentMethod", "storeMethodSuccessPayment"),
    ("paymentMethod", "creditCard", "cardAlias"),
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=ANYTHING)
async def test_no_body_is_too_odd_to_be_answered(
    backend: Backend, place: tuple[str | int, ...], value: Any
) -> None:
    body: Any = checkout("of_00000000000000000000000000")
    at = body
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    reply = await backend.ask("POST", "/offer/checkout", body)
    assert reply.status_code in (400, 404, 409), reply.text


async def test_an_answer_never_repeats_a_card(backend: Backend) -> None:
    for changes in (
        {"payment": {"paymentChannel": VISA}},
        {"card": {"cvc": "73737"}},
        {"card": {"cardNumber": VISA + "x"}},
        {"order": {"offerIdentifier": VISA}},
        {"card": {"CN": "4000000000000002"}},
        {"payment": {"providerIdentifier": VISA}},
    ):
        reply = await backend.submit(**changes)
        assert reply.status_code in (400, 404, 409)
        assert VISA not in reply.text
        assert "73737" not in reply.text


async def test_layers_answer_in_the_form_of_the_page(backend: Backend) -> None:
    reply = await backend.ask("POST", "/offer/checkout", b"{}" + b" " * 300_000)
    assert (reply.status_code, code(reply.json())) == (413, "BODY_TOO_LARGE")
    assert reply.json()["trackingNumber"] is None
    reply = await backend.ask("POST", "/offer/bundles", b"{}", headers={"content-type": "text/plain"})
    assert reply.status_code == 415


async def test_a_card_and_its_code_are_nowhere(backend: Backend, here: Town) -> None:
    """Neither in the log, nor in the provider's books, nor in any row: not as text, not as bytes."""
    planted = {"cardNumber": "4929420573595709", "cvc": "9081", "cardHolderName": "Canary Q. Holder"}
    result = await backend.accepted(card=planted, payment={"storeMethodSuccessPayment": "always"})
    await backend.add(card=planted)
    await here.work()
    assert code((await backend.status(result)).json()) == "CHECK_OUT_DONE"
    here.lines.flush()
    folder = here.log.parent / "mock-payments"
    kept = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    texts = [*await rows(here), *kept, here.log.read_text()]
    for secret in (planted["cardNumber"], planted["cardHolderName"], f'"{planted["cvc"]}"'):
        for form in (secret, secret.encode().hex(), base64.b64encode(secret.encode()).decode()):
            assert [text for text in texts if form in text] == []
    assert any('"5709"' in text for text in texts), "its last digits may be shown, or nothing was searched"


async def rows(here: Town) -> list[str]:
    """Every row of every table as text."""
    async with statement(here.pool) as tx:
        tables = await tx.fetch(
            "select c.oid::regclass::text as name from pg_class c where c.relkind = 'r'"
            " and c.relnamespace = 'public'::regnamespace"
        )
        return [
            str(row[0])
            for table in tables
            for row in await tx.fetch(f"select t::text from {table['name']} t")
        ]


def test_the_routes_are_those_of_the_pages() -> None:
    assert len({(path, method) for path, method, _ in ROUTES}) == len(ROUTES) == 10
    assert msgspec.json.encode(PREFIXES) == b'["/api/c2a","/api/v1/c2a"]'
