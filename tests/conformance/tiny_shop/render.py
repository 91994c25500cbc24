"""The tiny shop's replies, right in every detail unless a fault is planted."""

from typing import Any

from tests.conformance.tiny_shop.state import (
    CLAIMS,
    CODES,
    EXTENSIONS,
    HANDLER,
    RATES,
    RELEASE,
    SERVICE,
    Checkout,
    Shop,
    Wire,
)

LIMIT_FOR_REVIEW = 50_000
LINKS = [
    {"type": "privacy_policy", "url": "https://tiny.example/privacy"},
    {"type": "terms_of_service", "url": "https://tiny.example/terms"},
]


def handler() -> Wire:
    return {
        "id": HANDLER,
        "name": "com.example.till",
        "version": RELEASE,
        "spec": "https://tiny.example/till",
        "config_schema": "https://tiny.example/till/config.json",
        "instrument_schemas": ["https://tiny.example/till/instrument.json"],
        "config": {},
    }


def entry(kind: str, amount: float) -> Wire:
    return {"type": kind, "amount": amount}


def render(checkout: Checkout, shop: Shop, origin: str) -> Wire:
    """The checkout as a reply."""
    faulty = shop.faulty
    messages = problems(checkout, shop)
    status = status_of(checkout, messages, shop)
    totals, applied = sums(checkout, shop)
    active = ["checkout", *(each for each in checkout.capabilities if each in EXTENSIONS)]
    if faulty("lists inactive capabilities"):
        active = ["checkout", *EXTENSIONS]
    document: Wire = {
        "ucp": {
            "version": "2026-01-23" if faulty("names another release") else RELEASE,
            "capabilities": [{"name": f"{SERVICE}.{each}", "version": RELEASE} for each in active],
        },
        "id": checkout.id,
        "status": status,
        "currency": "USD",
        "line_items": [render_line(each, shop) for each in checkout.lines],
        "totals": totals,
        "links": links(shop),
        "expires_at": "2030-01-01T00:00:00" + ("" if faulty("tells times without zone") else "Z"),
        "payment": {"handlers": [handler()], "instruments": []},
    }
    if faulty("has lapsed already"):
        document["expires_at"] = "2020-01-01T00:00:00Z"
    if faulty("tells no expiry"):
        del document["expires_at"]
    if checkout.buyer:
        document["buyer"] = dict(checkout.buyer)
        if faulty("forgets phone numbers"):
            document["buyer"].pop("phone_number", None)
        if "buyer_consent" not in checkout.capabilities or faulty("forgets consent"):
            document["buyer"].pop("consent", None)
        if faulty("hears yes alone") and "consent" in document["buyer"]:
            document["buyer"]["consent"] = dict.fromkeys(document["buyer"]["consent"], True)
        if faulty("makes consent up"):
            document["buyer"]["consent"] = {"marketing": True, **(checkout.buyer.get("consent") or {})}
    if checkout.state == "open":
        path = "/continue/" if not faulty("hands over to nowhere") else "/nowhere/"
        document["continue_url"] = f"{origin}{path}{checkout.id}"
        if faulty("hands over to a relative address"):
            document["continue_url"] = path + checkout.id
        if status == "requires_escalation" and faulty("escalates without handing over"):
            del document["continue_url"]
    if messages:
        document["messages"] = messages
        if faulty("says nothing in messages"):
            document["messages"] = [each | {"content": ""} for each in messages]
    if checkout.methods:
        document["fulfillment"] = {"methods": [render_method(each, shop) for each in checkout.methods]}
    if "discount" in checkout.capabilities or faulty("heeds inactive extensions"):
        codes = [] if faulty("keeps codes to itself") else checkout.codes
        document["discounts"] = {"codes": codes, "applied": applied}
    if checkout.order and not faulty("hides the order"):
        document["order"] = checkout.order
    return believe(document, checkout.claimed, shop)


def links(shop: Shop) -> list[Wire]:
    if shop.faulty("has no legal links"):
        return []
    if shop.faulty("links relatively"):
        return [each | {"url": "/legal"} for each in LINKS]
    return LINKS


def believe(document: Wire, claimed: Wire, shop: Shop) -> Wire:
    """Faults: what a request claims for itself is shown as if the shop had said it."""
    for member in (
        "status",
        "currency",
        "totals",
        "expires_at",
        "continue_url",
        "links",
        "order",
        "messages",
    ):
        if shop.faulty(f"believes {member}") and claimed.get(member):
            document[member] = claimed[member]
    if shop.faulty("shows credentials") and "payment_data" in claimed:
        document["payment"]["instruments"] = [claimed["payment_data"]]
    if shop.faulty("lists a stray handler"):
        document["payment"]["handlers"] = [handler(), handler() | {"id": "stray"}]
    if shop.faulty("changes the currency") and document["status"] == "ready_for_complete":
        document["currency"] = "EUR"
    return document


def render_line(line: Wire, shop: Shop) -> Wire:
    subtotal = line["price"] * line["quantity"]
    total = subtotal + 1 if shop.faulty("adds a cent to lines") else subtotal
    if shop.faulty("multiplies wrongly"):
        subtotal = total = line["price"] * (line["quantity"] + 1)
    return {
        "id": "line" if shop.faulty("gives all lines one id") else line["id"],
        "item": {"id": line["item"], "title": line["title"], "price": line["price"]},
        "quantity": line["quantity"],
        "totals": [entry("subtotal", subtotal), entry("total", total)],
    }


def render_method(method: Wire, shop: Shop) -> Wire:
    shown = {name: method[name] for name in ("id", "type", "line_item_ids", "destinations")}
    if method["selected_destination_id"]:
        shown["selected_destination_id"] = method["selected_destination_id"]
    if shop.faulty("has nameless places") and method["type"] == "pickup":
        shown["destinations"] = [{"id": each["id"]} for each in method["destinations"]]
    if shop.faulty("forgets where to deliver"):
        shown["destinations"] = [{"id": each["id"]} for each in method["destinations"]]
    if shop.faulty("leaves lines out of methods"):
        shown["line_item_ids"] = []
    known = {each["id"] for each in method["destinations"]}
    if method["selected_destination_id"] not in known:
        return shown
    group: Wire = {
        "id": f"group-{method['id']}",
        "line_item_ids": method["line_item_ids"],
        "options": [] if shop.faulty("offers no options") else options(method, shop),
    }
    chosen = method["selected_option_id"]
    if chosen and not shop.faulty("forgets the choice"):
        group["selected_option_id"] = chosen
    if shop.faulty("always picks the first option"):
        group["selected_option_id"] = "standard"
    shown["groups"] = [group, group] if shop.faulty("splits groups unasked") else [group]
    return shown


def options(method: Wire, shop: Shop) -> list[Wire]:
    if method["type"] == "pickup":
        return [{"id": "counter", "title": "At the counter", "totals": [entry("total", 0)]}]
    same = shop.faulty("gives all options one title")
    kind = "subtotal" if shop.faulty("prices options without total") else "total"
    return [
        {"id": key, "title": "Delivery" if same else title, "totals": [entry(kind, price)]}
        for key, (title, price) in RATES.items()
    ]


def chosen_price(checkout: Checkout) -> int | None:
    """What delivery costs; nothing while something is not chosen."""
    prices = {"counter": 0, **{key: price for key, (_, price) in RATES.items()}}
    picked = [
        prices[each["selected_option_id"]]
        for each in checkout.methods
        if each["selected_option_id"] in prices
    ]
    return sum(picked) if picked else None


def sums(checkout: Checkout, shop: Shop) -> tuple[list[Wire], list[Wire]]:
    """Totals and applied discounts."""
    faulty = shop.faulty
    subtotal = sum(each["price"] * each["quantity"] for each in checkout.lines)
    if faulty("multiplies wrongly"):
        subtotal = sum(each["price"] * (each["quantity"] + 1) for each in checkout.lines)
    applied: list[Wire] = []
    for code in checkout.codes:
        found = code if faulty("minds the case of codes") else code.upper()
        twice = any(each["code"] == found for each in applied)
        if found in CODES and (not twice or faulty("applies a code twice")):
            off = subtotal * CODES[found] // 100
            applied.append(
                {
                    "code": found,
                    "title": "Spring",
                    "amount": off,
                    "allocations": [
                        {"path": "$.totals", "amount": off - int(faulty("allocates too little"))}
                    ],
                }
            )
    applied += claimed(checkout, subtotal, shop)
    if faulty("believes applied discounts"):
        applied += (checkout.claimed.get("discounts") or {}).get("applied") or []
    discount = sum(each["amount"] for each in applied)
    if faulty("applies unknown codes") and checkout.codes and not applied:
        discount = 100
    shipping = chosen_price(checkout)
    totals: list[Wire] = [entry("subtotal", subtotal)]
    if discount:
        totals.append(entry("discount", -discount if faulty("signs discounts") else discount))
    if shipping is not None:
        told = 0 if faulty("delivers for nothing") else shipping
        totals.append(entry("fulfillment", told))
        shipping = told
    total: Any = subtotal - discount + (shipping or 0)
    if faulty("adds wrongly"):
        total += 1
    if faulty("speaks of euros and cents"):
        total = total / 100
    totals.append(entry("total", total))
    if faulty("says the total twice"):
        totals.append(entry("total", 0))
    if faulty("invents kinds of totals"):
        totals.append(entry("shipping", 0))
    if faulty("rounds the subtotal"):
        totals[0]["amount"] += 100
        totals[-1]["amount"] += 100
    if faulty("forgets whom discounts came from"):
        applied = []
    if faulty("takes items_discount off nowhere"):
        for each in totals:
            if each["type"] == "discount":
                each["type"] = "items_discount"
    return totals, applied


def claimed(checkout: Checkout, subtotal: int, shop: Shop) -> list[Wire]:
    """What a buyer's claims take off, which nobody has verified."""
    found = []
    for claim in (checkout.claimed.get("context") or {}).get("eligibility") or []:
        if shop.since_april and claim in CLAIMS:
            off = subtotal * CLAIMS[claim] // 100
            spot = [{"path": "$.totals", "amount": off}]
            told = {"title": "Friends", "amount": off, "automatic": True, "allocations": spot}
            final = shop.faulty("calls what was claimed final")
            found.append(told if final else told | {"provisional": True, "eligibility": claim})
    return found


def problems(checkout: Checkout, shop: Shop) -> list[Wire]:
    if checkout.state != "open":
        return []
    found = [*missing(checkout, shop), *rejected_codes(checkout, shop)]
    if sum(each["price"] * each["quantity"] for each in checkout.lines) > LIMIT_FOR_REVIEW:
        severity = "requires_buyer_review"
        if shop.faulty("escalates without an error"):
            severity = "recoverable"
        found.append(error("high_value_order", "Please confirm this order.", severity))
    return found


def missing(checkout: Checkout, shop: Shop) -> list[Wire]:
    if "fulfillment" not in checkout.capabilities:
        return []
    silent = shop.faulty("passes unknown ids over")
    for number, method in enumerate(checkout.methods):
        place = f"$.fulfillment.methods[{number}]"
        known = {each["id"] for each in method["destinations"]}
        if method["selected_destination_id"] not in known and not silent:
            where = f"{place}.selected_destination_id"
            return [error("missing", "Fulfillment address and option must be selected", path=where)]
        if method["selected_option_id"] not in {*RATES, "counter"} and not silent:
            return [error("missing", "Fulfillment address and option must be selected", path=place)]
        return []
    path = "fulfillment" if shop.faulty("points nowhere") else "$.fulfillment"
    return [error("missing", "Fulfillment address and option must be selected", path=path)]


def rejected_codes(checkout: Checkout, shop: Shop) -> list[Wire]:
    if shop.faulty("rejects codes in silence") or "discount" not in checkout.capabilities:
        return []
    seen: set[str] = set()
    warnings = []
    for number, code in enumerate(checkout.codes):
        if code.upper() not in CODES or code.upper() in seen:
            spot = 0 if shop.faulty("points to the wrong code") else number
            kind = "already_applied" if code.upper() in seen else "invalid"
            warnings.append(
                {
                    "type": "warning",
                    "code": f"discount_code_{kind}",
                    "content": f"{code} is not applied.",
                    "path": f"$.discounts.codes[{spot}]",
                }
            )
        seen.add(code.upper())
    return warnings


def error(code: str, content: str, severity: str = "recoverable", path: str = "") -> Wire:
    message = {"type": "error", "code": code, "content": content, "severity": severity}
    return {**message, "path": path} if path else message


def status_of(checkout: Checkout, messages: list[Wire], shop: Shop) -> str:
    if checkout.state != "open":
        return checkout.state
    severities = {each.get("severity") for each in messages}
    if "requires_buyer_review" in severities:
        return "incomplete" if shop.faulty("keeps reviews to itself") else "requires_escalation"
    if shop.faulty("escalates without an error") and any(
        each.get("code") == "high_value_order" for each in messages
    ):
        return "requires_escalation"
    if "recoverable" in severities:
        if shop.faulty("is ready in spite of errors"):
            return "ready_for_complete"
        return "open" if shop.faulty("invents a status") else "incomplete"
    if shop.faulty("is never ready"):
        return "incomplete"
    return "ready_for_complete"
