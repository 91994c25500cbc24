"""Faults that can be planted around our binding, each with the checks that must report it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.c2a.conftest import TENANT, VISA

Wire = dict[str, Any]
NUMBER = "trk_" + "0" * 26
CHECKOUT = "/offer/checkout"
METHODS = "/customer/payment/methods"


@dataclass
class Asked:
    """A request as it may be spoilt; ``path`` is below the prefix."""

    method: str
    prefix: str
    path: str
    query: str
    headers: dict[str, str]
    raw: bytes
    key: str  # what opens our tenant

    @property
    def document(self) -> Wire:
        try:
            found = msgspec.json.decode(self.raw)
        except msgspec.DecodeError:
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, document: Wire) -> None:
        self.raw = msgspec.json.encode(document)

    def become_ours(self) -> None:
        self.headers |= {"x-tn": TENANT, "x-api-key": self.key}


@dataclass
class Answered:
    """A reply as it may be spoilt."""

    status: int
    headers: dict[str, str]
    document: Wire

    @property
    def code(self) -> str:
        return str(self.document["status"]["messageCode"])

    def say(self, code: str) -> None:
        self.document["status"] = {"messageCode": code}

    def refuse(self) -> None:
        self.status, self.document = 400, {"status": {"messageCode": "INVALID_REQUEST"}}


OnAsked = Callable[[Asked], None]
OnAnswered = Callable[[Asked, Answered], None]


@dataclass
class Fault:
    checks: tuple[str, ...]
    on_asked: OnAsked = lambda _: None
    on_answered: OnAnswered = lambda _, __: None


FAULTS: dict[str, Fault] = {}


def asked(name: str, *checks: str) -> Callable[[OnAsked], OnAsked]:
    def plant(spoil: OnAsked) -> OnAsked:
        FAULTS[name] = Fault(checks, on_asked=spoil)
        return spoil

    return plant


def answered(name: str, *checks: str) -> Callable[[OnAnswered], OnAnswered]:
    def plant(spoil: OnAnswered) -> OnAnswered:
        FAULTS[name] = Fault(checks, on_answered=spoil)
        return spoil

    return plant


# --- callers ---


@asked("opens without a key", "callers.a_key_is_needed")
def _(ask: Asked) -> None:
    ask.headers.setdefault("x-api-key", ask.key)


@asked("opens with any key", "callers.a_wrong_key_opens_nothing", "callers.a_key_belongs_to_its_tenant")
def _(ask: Asked) -> None:
    ask.headers["x-api-key"] = ask.key


@asked("is every tenant", "callers.an_unknown_tenant_is_404", "callers.a_foreign_tracking_number_is_404")
def _(ask: Asked) -> None:
    ask.become_ours()


@answered(
    "serves one prefix",
    "callers.both_prefixes_are_served",
    "correlation.the_same_order_under_the_other_prefix_is_the_first",
)
def _(ask: Asked, answer: Answered) -> None:
    if ask.prefix == "/api/c2a":
        answer.refuse()


# --- offers ---


@answered(
    "makes no offers", "offers.an_offer_is_made", "offers.a_known_promotion_code_is_taken",
    "offers.a_known_storefront_is_taken",
)  # fmt: skip
def _(ask: Asked, answer: Answered) -> None:
    if ask.path == "/offer/bundles":
        answer.refuse()


@answered("tells no end", "offers.an_offer_has_its_shape", "offers.a_showcase_has_the_shape_of_an_offer")
def _(ask: Asked, answer: Answered) -> None:
    answer.document.get("offer", {}).pop("expiresAt", None)


@answered("offers what is over", "offers.an_offer_ends_later")
def _(ask: Asked, answer: Answered) -> None:
    if "offer" in answer.document:
        answer.document["offer"]["expiresAt"] = "2020-01-01T00:00:00Z"


@answered("offers everything twice", "offers.an_offer_can_be_ordered_from")
def _(ask: Asked, answer: Answered) -> None:
    groups = answer.document.get("offer", {}).get("artifactGroups", [])
    groups.extend(groups[:1])


@asked("asks for no occasion", "offers.the_interaction_type_is_required")
def _(ask: Asked) -> None:
    if "context" in ask.document:
        ask.write({"context": ask.document["context"] | {"interactionType": "Replace"}})


@asked("takes any code", "offers.an_unknown_promotion_code_is_told", "offers.an_unknown_storefront_is_told")
def _(ask: Asked) -> None:
    if "context" in ask.document:
        known = {"promotionCode", "storefrontUrn"}
        context = {name: value for name, value in ask.document["context"].items() if name not in known}
        ask.write({"context": context})


@asked("sells what it shows", "offers.a_showcase_cannot_be_ordered_from")
def _(ask: Asked) -> None:
    ask.path = ask.path.replace("showcase", "bundles")


# --- checkout ---


@answered("takes orders in with 200", "checkout.an_order_is_taken_in_with_202")
def _(ask: Asked, answer: Answered) -> None:
    answer.status = 200 if answer.status == 202 else answer.status


@answered("forgets the number", "checkout.the_result_has_its_shape")
def _(ask: Asked, answer: Answered) -> None:
    if answer.status == 202:
        answer.document["trackingNumber"] = None


@answered("counts from one", "checkout.counting_begins_at_zero")
def _(ask: Asked, answer: Answered) -> None:
    if answer.status == 202:
        answer.document["followUpInstructions"]["currentRetryAttempt"] = 1


@answered(
    "leads nowhere", "checkout.location_is_the_status_url", "checkout.link_names_the_status",
    "checkout.retry_after_is_what_the_body_says",
)  # fmt: skip
def _(ask: Asked, answer: Answered) -> None:
    for name in ("location", "link", "retry-after"):
        answer.headers.pop(name, None)


@answered(
    "admits anything",
    "checkout.what_is_required_is_required",
    "checkout.a_stored_method_needs_its_urn",
    "checkout.a_bad_stored_method_is_409",
    "checkout.an_offer_of_nobody_is_refused",
    "checkout.an_item_that_was_not_offered_is_refused",
    "checkout.a_card_that_cannot_be_kept_is_refused_at_once",
    "callers.a_foreign_stored_method_does_not_pay",
    "names.a_short_name_means_nothing_elsewhere",
    "names.names_that_differ_are_refused",
    "correlation.another_order_under_it_is_409",
    "methods.an_inactive_method_does_not_pay",
    "methods.a_deleted_method_is_gone",
)
def _(ask: Asked, answer: Answered) -> None:
    if ask.path == CHECKOUT:
        answer.status, answer.document = 202, answer.document | {"trackingNumber": NUMBER}
        answer.say("CHECK_OUT_PROCESSING")


@answered(
    "numbers refusals",
    "checkout.a_bad_stored_method_is_409",
    "checkout.an_item_that_was_not_offered_is_refused",
    "checkout.an_offer_of_nobody_is_refused",
    "checkout.a_card_that_cannot_be_kept_is_refused_at_once",
    "correlation.another_order_under_it_is_409",
)
def _(ask: Asked, answer: Answered) -> None:
    if ask.path == CHECKOUT and answer.status >= 400:
        answer.document["trackingNumber"] = NUMBER


@answered("takes no stored methods", "checkout.a_stored_method_is_taken")
def _(ask: Asked, answer: Answered) -> None:
    if b"storedMethodUrn" in ask.raw and ask.path == CHECKOUT:
        answer.refuse()


@answered("repeats what it read", "checkout.a_card_is_never_repeated")
def _(ask: Asked, answer: Answered) -> None:
    answer.document["message"] = ask.raw.decode("utf-8", "replace") or "."


# --- names ---


@answered("knows no short names", "names.short_names_are_taken", "names.names_may_be_mixed")
def _(ask: Asked, answer: Answered) -> None:
    if {"ORD", "PMT"} & ask.document.keys():
        answer.refuse()


@asked("reads short names everywhere", "names.a_short_name_means_nothing_elsewhere")
def _(ask: Asked) -> None:
    document = ask.document
    if "OID" in document:
        document["order"]["OID"] = document.pop("OID")
        ask.write(document)


@asked("prefers long names", "names.names_that_differ_are_refused")
def _(ask: Asked) -> None:
    document = ask.document
    if "offerIdentifier" in document.get("order", {}) and "OID" in document["order"]:
        del document["order"]["OID"]
        ask.write(document)


@answered("refuses null", "names.null_is_as_good_as_absent")
def _(ask: Asked, answer: Answered) -> None:
    if b"null" in ask.raw:
        answer.refuse()


# --- status ---


@answered("fails what was paid", "status.a_good_card_ends_in_done")
def _(ask: Asked, answer: Answered) -> None:
    if answer.code == "CHECK_OUT_DONE":
        answer.say("CHECK_OUT_FAILED")


@answered("never lets go", "status.the_end_cannot_be_followed_up", "status.a_declined_card_ends_in_failed")
def _(ask: Asked, answer: Answered) -> None:
    if "followUpInstructions" in answer.document:
        answer.document["followUpInstructions"]["canFollowUp"] = True


@answered(
    "changes its mind", "status.the_end_does_not_change", "correlation.a_finished_order_is_told_as_it_ended"
)
def _(ask: Asked, answer: Answered) -> None:
    if answer.code == "CHECK_OUT_DONE":
        seen = SEEN.get(answer.document["trackingNumber"], 0)
        SEEN[answer.document["trackingNumber"]] = seen + 1
        answer.say("CHECK_OUT_FAILED" if seen else "CHECK_OUT_DONE")


SEEN: dict[str, int] = {}


@answered("counts no looks", "status.looks_are_counted")
def _(ask: Asked, answer: Answered) -> None:
    if answer.document.get("followUpInstructions", {}).get("canFollowUp"):
        answer.document["followUpInstructions"]["currentRetryAttempt"] = 0


@answered("calls every end done", "status.a_declined_card_ends_in_failed")
def _(ask: Asked, answer: Answered) -> None:
    if answer.code == "CHECK_OUT_FAILED":
        answer.say("CHECK_OUT_DONE")


@answered("hides where to go", "status.a_step_up_leads_the_buyer_on")
def _(ask: Asked, answer: Answered) -> None:
    answer.document.pop("redirectInstructions", None)


@answered("sends everybody on", "status.redirects_are_for_step_ups_alone")
def _(ask: Asked, answer: Answered) -> None:
    if ask.path.endswith("/status"):
        answer.document["redirectInstructions"] = {"redirectUrl": "https://bank.example/"}


@answered(
    "knows every number", "status.an_unknown_number_is_404", "callers.a_foreign_tracking_number_is_404"
)
def _(ask: Asked, answer: Answered) -> None:
    if ask.path.endswith("/status"):
        answer.status = 200


# --- correlation ---


@asked(
    "forgets correlations",
    "correlation.the_same_order_again_is_the_first",
    "correlation.the_same_order_under_the_other_prefix_is_the_first",
    "correlation.another_order_under_it_is_409",
    "correlation.a_finished_order_is_told_as_it_ended",
    "correlation.twins_are_one_order",
)
def _(ask: Asked) -> None:
    document = ask.document
    if document.get("order", {}).pop("correlationId", None):
        ask.write(document)


@asked("joins what is alike", "correlation.orders_without_it_are_orders_each")
def _(ask: Asked) -> None:
    document = ask.document
    if "order" in document:
        document["order"].setdefault("correlationId", document["order"].get("offerIdentifier"))
        ask.write(document)


# --- methods ---


@answered("lists nothing", "methods.a_card_is_added_and_listed", "methods.a_method_is_its_customers_alone")
def _(ask: Asked, answer: Answered) -> None:
    if "paymentMethods" in answer.document:
        answer.document["paymentMethods"] = []


@answered("shows card numbers", "methods.nothing_shows_the_number")
def _(ask: Asked, answer: Answered) -> None:
    if "paymentMethod" in answer.document:
        answer.document["paymentMethod"]["cardNumber"] = VISA


@answered("shows another method", "methods.one_method_can_be_looked_at")
def _(ask: Asked, answer: Answered) -> None:
    if ask.path.endswith("/info"):
        answer.document["paymentMethod"]["storedMethodUrn"] = "pm." + "0" * 26


@asked("pays with inactive methods", "methods.an_inactive_method_does_not_pay")
def _(ask: Asked) -> None:
    ask.path = ask.path.replace("/inactivate", "/activate")


@asked("keeps deleted methods", "methods.a_deleted_method_is_gone")
def _(ask: Asked) -> None:
    if ask.path.endswith("/delete"):
        ask.method, ask.path = "GET", f"{METHODS}/info"


@answered(
    "finds everything", "methods.an_unknown_method_is_told", "methods.an_unknown_customer_is_told",
    "methods.a_method_is_its_customers_alone",
)  # fmt: skip
def _(ask: Asked, answer: Answered) -> None:
    if METHODS in ask.path:
        answer.status = 200
        answer.say("SUCCESS")


@asked(
    "takes any card",
    "methods.what_is_no_card_is_refused",
    "methods.a_card_that_the_vault_refuses_is_declined",
    "checkout.a_card_that_cannot_be_kept_is_refused_at_once",
)
def _(ask: Asked) -> None:
    document = ask.document
    for holder in (document, document.get("paymentMethod", {})):
        if "cardNumber" in (holder.get("creditCard") or {}):
            holder["creditCard"]["cardNumber"] = VISA
            ask.write(document)


# --- always ---


@answered("calls everything plain JSON", "always.everything_is_client_output")
def _(ask: Asked, answer: Answered) -> None:
    answer.headers["content-type"] = "application/json"


@answered("has empty codes", "always.everything_has_a_code")
def _(ask: Asked, answer: Answered) -> None:
    answer.say("")


@answered("refuses without a result", "always.checkouts_are_answered_with_results")
def _(ask: Asked, answer: Answered) -> None:
    if CHECKOUT in ask.path and answer.status >= 400:
        answer.document = {"status": answer.document["status"]}


@answered("crashes where it should refuse", "always.nothing_crashed")
def _(ask: Asked, answer: Answered) -> None:
    answer.status = 500 if answer.status >= 400 else answer.status


# --- around the application ---


@dataclass
class Spoilt:
    """The application with at most one fault at a time."""

    application: ASGIApp
    key: str
    fault: Fault = field(default_factory=lambda: Fault(()))

    def plant(self, name: str) -> None:
        self.fault = FAULTS[name] if name else Fault(())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        ask = await self._asked(scope, receive)
        self.fault.on_asked(ask)
        answer = await self._answered(scope, ask)
        self.fault.on_answered(ask, answer)
        body = msgspec.json.encode(answer.document)
        answer.headers["content-length"] = str(len(body))
        headers = [(name.encode(), text.encode()) for name, text in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _asked(self, scope: Scope, receive: Receive) -> Asked:
        raw = b""
        while True:
            message = await receive()
            raw += message.get("body", b"")
            if not message.get("more_body", False):
                break
        prefix = "/api/v1/c2a" if scope["path"].startswith("/api/v1/") else "/api/c2a"
        return Asked(
            method=scope["method"],
            prefix=prefix,
            path=scope["path"].removeprefix(prefix),
            query=scope["query_string"].decode(),
            headers={name.decode(): text.decode() for name, text in scope["headers"]},
            raw=raw,
            key=self.key,
        )

    async def _answered(self, scope: Scope, ask: Asked) -> Answered:
        ask.headers.pop("content-length", None)
        headers = ask.headers | ({"content-length": str(len(ask.raw))} if ask.raw else {})
        path = ask.prefix + ask.path
        inner = {
            **scope,
            "state": {},
            "method": ask.method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": ask.query.encode(),
            "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": ask.raw, "more_body": False}

        async def keep(message: Message) -> None:
            sent.append(message)

        await self.application(inner, receive, keep)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return Answered(
            status=sent[0]["status"],
            headers={name.decode(): text.decode() for name, text in sent[0]["headers"]},
            document=msgspec.json.decode(body),
        )
