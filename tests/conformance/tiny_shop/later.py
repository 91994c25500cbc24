"""The tiny shop as later releases have it: what January wrote is turned into their form.

Right in every detail unless a fault is planted.
"""

from typing import Any

from tests.conformance.tiny_shop.state import PLACES, SERVICE, Checkout, Refusal, Shop, Wire

PURPOSES = {
    "dev.ucp.consent.analytics": "Count visits.",
    "dev.ucp.consent.preferences": "Remember what you like.",
    "dev.ucp.consent.marketing": "Send you news.",
    "dev.ucp.consent.sale_or_sharing": "Pass your data on.",
}
# What came of a request that was understood, though there is no checkout to show.
WITHOUT_RESOURCE = frozenset({"not_found", "capabilities_incompatible", "out_of_stock", "item_unavailable"})
TAKEN_OFF = frozenset({"discount", "items_discount"})
PENDING = "pays-later"


def profile(document: Wire, shop: Shop) -> Wire:
    ucp = document["ucp"]
    by_name = {
        each["name"]: [{key: value for key, value in each.items() if key != "name"}]
        for each in ucp["capabilities"]
    }
    service = ucp["services"][SERVICE]
    rest: Wire = {**service["rest"], "transport": "rest", "version": shop.release}
    if shop.faulty("has parts of another release"):
        rest["version"] = "2026-01-23"
    listed = ucp["capabilities"] if shop.faulty("lists its capabilities") else by_name
    ucp |= {"services": {SERVICE: [rest]}, "capabilities": listed, "payment_handlers": handlers(document)}
    keys = document.pop("signing_keys")
    del document["payment"]
    return document | {"keys" if shop.since_august else "signing_keys": keys}


def handlers(document: Wire) -> Wire:
    """The handlers of a profile or a checkout, by their names."""
    by_name: dict[str, list[Wire]] = {}
    for each in document["payment"]["handlers"]:
        entry = {"id": each["id"], "version": each["version"], "config": each["config"]}
        by_name.setdefault(each["name"], []).append(entry)
    return by_name


def capabilities(ucp: Wire) -> list[Wire]:
    """A platform's capabilities in the form of January."""
    listed = ucp["capabilities"]
    if isinstance(listed, list):
        return listed
    return [{"name": name, **entries[0]} for name, entries in listed.items()]


def checkout(document: Wire, kept: Checkout, shop: Shop) -> Wire:
    """A checkout in the form of the release."""
    active = {each["name"]: [{"version": shop.release}] for each in document["ucp"]["capabilities"]}
    document["ucp"] = {
        "version": shop.release,
        "status": "success",
        "capabilities": active,
        "payment_handlers": handlers(document),
    }
    document["payment"] = {"instruments": []}
    if not shop.since_april:
        return document
    sign(document, shop)
    if document["status"] == "complete_in_progress":
        document["continue_url"] = f"{shop.origin}/continue/{kept.id}"
        if shop.faulty("tells the order early"):
            document["order"] = {"id": "early", "permalink_url": f"{shop.origin}/orders/early"}
    if shop.faulty("repeats attribution") and "attribution" in kept.claimed:
        document["attribution"] = kept.claimed["attribution"]
    if shop.faulty("is put off by claims") and (kept.claimed.get("context") or {}).get("eligibility"):
        document["status"] = "requires_escalation"
    if shop.since_august:
        in_august(document, shop)
    return document


def sign(document: Wire, shop: Shop) -> None:
    """What is taken off is negative."""
    for entry in document["totals"]:
        if entry["type"] in TAKEN_OFF and not shop.faulty("leaves discounts unsigned"):
            entry["amount"] = -entry["amount"]
    if shop.faulty("breaks totals down wrongly"):
        part = {"display_text": "Part", "amount": document["totals"][0]["amount"] - 1}
        document["totals"][0]["lines"] = [part]


def in_august(document: Wire, shop: Shop) -> None:
    consent = (document.get("buyer") or {}).get("consent") or {}
    if f"{SERVICE}.buyer_consent" in document["ucp"]["capabilities"]:
        shown = explained(consent, shop)
        if shown:
            document["buyer"] = (document.get("buyer") or {}) | {"consent": shown}
    for method in (document.get("fulfillment") or {}).get("methods") or []:
        kind = "business_location" if method["type"] == "pickup" else "shipping_address"
        typed = {} if shop.faulty("leaves places without type") else {"type": kind}
        places = [{**each, **typed} for each in method["destinations"]]
        method["destinations"] = places * 2 if shop.faulty("lists places twice") else places
        for group in method.get("groups") or []:
            for option in group["options"]:
                text = f"{option['title']} to your door"
                option["description"] = text if shop.faulty("describes in text") else {"plain": text}


def explained(consent: Wire, shop: Shop) -> Wire:
    """Every purpose that there is: what was answered, or what is presumed."""
    known = set(PURPOSES) | (set(consent) if shop.faulty("keeps unknown purposes") else set())
    if shop.faulty("shows answers alone"):
        known &= set(consent)
    texts = {} if shop.faulty("explains nothing") else PURPOSES
    presumed = {"granted": False, "source": "business"}
    if shop.faulty("answers for the buyer"):
        presumed = {"granted": True, "source": "platform"}
    return {
        purpose: {**consent.get(purpose, presumed), "description": texts.get(purpose, "")}
        for purpose in sorted(known)
    }


def without_usable_choice(body: Wire) -> int | None:
    """Which method of a request chooses a destination that it cannot have."""
    methods = (body.get("fulfillment") or {}).get("methods") or []
    for number, method in enumerate(methods):
        sent = {each.get("id") for each in method.get("destinations") or []}
        known = set(PLACES) if method.get("type") == "pickup" else sent
        if method.get("selected_destination_id") not in known | {None}:
            return number
    return None


def with_error(document: Wire, code: str, content: str, path: str = "") -> Wire:
    """The checkout, and what became of the operation."""
    message = {"type": "error", "code": code, "content": content, "severity": "recoverable"}
    if path:
        message["path"] = path
    return document | {"messages": [*(document.get("messages") or []), message]}


def instrument(body: Wire, shop: Shop) -> Any:
    """The one instrument that pays, in place of January's `payment_data`."""
    offered = (body.get("payment") or {}).get("instruments")
    if not isinstance(offered, list):
        raise Refusal(400, "invalid", "payment.instruments must be a list")
    if not offered and shop.faulty("needs no instrument"):
        return {"handler_id": "till", "credential": {"token": "pays-well"}}
    several = shop.faulty("takes several instruments") or not shop.since_august
    if len(offered) == 1 or (offered and several):
        return offered[0]
    raise Refusal(402, "payment_failed", "Exactly one instrument is needed.")


def refusal(said: Refusal, shop: Shop) -> tuple[int, Wire]:
    """A refusal as an outcome, or as a request that could not be processed."""
    if said.code in WITHOUT_RESOURCE:
        return outcome(said, shop)
    status = 422 if shop.faulty("calls everything unprocessable") else said.status
    code = "refused" if shop.faulty("gives no reason") else said.code
    if shop.faulty("wraps what it did not understand"):
        return status, outcome(said, shop)[1] | {"code": code}
    return status, {"code": code, "content": said.content}


def outcome(said: Refusal, shop: Shop) -> tuple[int, Wire]:
    severity = "recoverable" if shop.faulty("hopes for the best") else "unrecoverable"
    message = {"type": "error", "code": said.code, "content": said.content, "severity": severity}
    document: Wire = {"ucp": {"version": shop.release, "status": "error"}, "messages": [message]}
    if shop.faulty("opens its envelope"):
        document["detail"] = said.content
    return (404 if shop.faulty("has statuses for outcomes") else 200), document


def order(document: Wire, shop: Shop) -> Wire:
    """An order in the form of the release."""
    document["ucp"] = {
        "version": shop.release,
        "status": "success",
        "capabilities": {f"{SERVICE}.order": [{"version": shop.release}]},
    }
    if not shop.since_april:
        del document["ucp"]["status"]
        return document
    if not shop.faulty("leaves the currency of orders out"):
        document["currency"] = "USD"
    if shop.faulty("adds orders up wrongly"):
        totals = document["totals"]
        document["totals"] = [*totals[:-1], totals[-1] | {"amount": totals[-1]["amount"] + 1}]
    return document
