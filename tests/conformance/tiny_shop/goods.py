"""The tiny shop's catalog, right in every detail unless a fault is planted."""

from typing import Any

from tests.conformance.tiny_shop.state import PRICES, SERVICE, Refusal, Shop, Wire, rows, table, text

SEARCH, LOOKUP = "catalog.search", "catalog.lookup"
IDS_MAX = 100
PAGE = 10
# Products with their variants, and what each variant is chosen by; no small bowl is made.
PRODUCTS: dict[str, tuple[str, dict[str, dict[str, str]]]] = {
    "tableware": (
        "Tableware",
        {"mug": {"Kind": "mug", "Size": "small"}, "bowl": {"Kind": "bowl", "Size": "large"}},
    ),
    "sofa": ("Sofa", {"sofa": {}}),
    "sold-out": ("Lamp", {"sold-out": {}}),
}
TITLES = {"mug": "Enamel mug", "bowl": "Bowl", "sofa": "Sofa", "sold-out": "Lamp"}
# Millilitres that a mug holds, and that its price is compared by.
HOLDS_ML, COMPARED_ML = 250, 100


def price(minor: int) -> Wire:
    return {"amount": minor, "currency": "USD"}


def variant(key: str, chosen: dict[str, str], shop: Shop) -> Wire:
    wire: Wire = {
        "id": f"v-{key}" if shop.faulty("hands out ids of its own") else key,
        "title": TITLES[key],
        "description": {"plain": TITLES[key]},
        "price": price(PRICES[key]),
        "availability": {"available": key != "sold-out"},
    }
    if chosen:
        wire["options"] = as_options(chosen)
    if key == "mug" and shop.since_august:
        share = HOLDS_ML if shop.faulty("miscalculates unit prices") else COMPARED_ML
        wire["unit_price"] = {
            **price(PRICES[key] * share // HOLDS_ML),
            "measure": {"value": HOLDS_ML, "unit": "MLT"},
            "reference": {"value": COMPARED_ML, "unit": "MLT"},
        }
    return wire


def as_options(chosen: dict[str, str]) -> list[Wire]:
    return [{"name": name, "label": label} for name, label in chosen.items()]


def product(key: str, keys: list[str], shop: Shop) -> Wire:
    """The product with some of its variants."""
    title, made = PRODUCTS[key]
    prices = [PRICES[each] for each in made]
    most = min(prices) - 1 if shop.faulty("misstates price ranges") else max(prices)
    wire: Wire = {
        "id": key,
        "title": title,
        "description": {} if shop.faulty("describes nothing") else {"plain": title},
        "price_range": {"min": price(min(prices)), "max": price(most)},
        "variants": [variant(each, made[each], shop) for each in keys],
    }
    if any(made.values()):
        wire["options"] = [
            {"name": name, "values": [{"label": label} for label in labels]}
            for name, labels in offered(key).items()
        ]
    return wire


def offered(key: str) -> dict[str, list[str]]:
    """The options of a product with their labels."""
    labels: dict[str, list[str]] = {}
    for chosen in PRODUCTS[key][1].values():
        for name, label in chosen.items():
            labels.setdefault(name, [])
            labels[name] += [label] if label not in labels[name] else []
    return labels


def affordable(body: Wire, keys: list[str], shop: Shop) -> list[str]:
    asked = table(table(body.get("filters") or {}, "filters").get("price") or {}, "price")
    if shop.faulty("ignores price filters"):
        return keys
    return [key for key in keys if asked.get("min", 0) <= PRICES[key] <= asked.get("max", PRICES[key])]


def reply(root: str, members: Wire, shop: Shop) -> Wire:
    active = {f"{SERVICE}.{root}": [{"version": shop.release}]}
    if shop.faulty("lists all that stands alone"):
        active |= {f"{SERVICE}.checkout": [{"version": shop.release}]}
    return {"ucp": {"version": shop.release, "status": "success", "capabilities": active}, **members}


def search(body: Wire, shop: Shop) -> Wire:
    query = body.get("query")
    if query is not None and not shop.faulty("takes odd searches"):
        text(query, "query")
    if query is None and not body.get("filters") and not shop.faulty("searches for nothing"):
        raise Refusal(400, "invalid", "There is nothing to search for.")
    found = []
    for key, (title, made) in PRODUCTS.items():
        words = f"{title} {' '.join(TITLES[each] for each in made)}".lower()
        keys = affordable(body, list(made), shop)
        if keys and all(word in words for word in str(query or "").lower().split()):
            found.append(product(key, keys, shop))
    if shop.faulty("finds nothing"):
        found = []
    if not found and shop.faulty("calls no match an error"):
        raise Refusal(404, "not_found", "Nothing was found.")
    if shop.faulty("searches otherwise for campaigns") and "attribution" in body:
        found = found[:0]
    return reply(SEARCH, page(body, found, shop), shop)


def page(body: Wire, found: list[Wire], shop: Shop) -> Wire:
    asked = table(body.get("pagination") or {}, "pagination")
    limit = asked.get("limit", PAGE)
    if not isinstance(limit, int):
        if not shop.faulty("takes odd searches"):
            raise Refusal(400, "invalid", "limit must be an integer")
        limit = PAGE
    begin = 0 if shop.faulty("begins every page anew") else int(asked.get("cursor", 0))
    end = begin + limit + (1 if shop.faulty("ignores limits") else 0)
    pagination: Wire = {"has_next_page": end < len(found), "total_count": len(found)}
    if end < len(found):
        pagination["cursor"] = str(end)
    return {"products": found[begin:end], "pagination": pagination}


def lookup(body: Wire, shop: Shop) -> Wire:
    ids = [text(each, "an id") for each in rows(body.get("ids"), "ids")]
    if len(ids) > (5 if shop.faulty("takes few ids") else IDS_MAX):
        code = "invalid" if shop.faulty("does not say what is too much") else "request_too_large"
        raise Refusal(400, code, "These are too many ids.")
    inputs: dict[str, list[Wire]] = {}
    for each in dict.fromkeys(ids):
        key, match = resolved(each, shop)
        if key:
            named = "somebody" if shop.faulty("names inputs that nobody sent") else each
            inputs.setdefault(key, []).append({"id": named, "match": match})
    products = []
    for key, (_, made) in PRODUCTS.items():
        keys = affordable(body, [each for each in made if each in inputs], shop)
        apart = [[each] for each in ids if each in keys or each == key]
        once = [keys] if keys else []
        for some in [keys for _ in apart] if shop.faulty("lists a product for each id") else once:
            wire = product(key, some, shop)
            for one, name in zip(wire["variants"], some, strict=True):
                one["inputs"] = inputs[name]
            products.append(wire)
    return reply(LOOKUP, {"products": products}, shop)


def resolved(wanted: str, shop: Shop) -> tuple[str, str]:
    """The variant that an id leads to, and how; nothing where it leads nowhere."""
    always = "exact" if shop.faulty("calls every match exact") else "featured"
    if wanted in PRICES:
        return ("", "") if shop.faulty("does not know variants") else (wanted, "exact")
    if wanted in PRODUCTS:
        return next(iter(PRODUCTS[wanted][1])), always
    if shop.faulty("fails on unknown ids"):
        raise Refusal(404, "not_found", f"{wanted} is unknown.")
    return "", ""


def show(body: Wire, shop: Shop) -> Wire:
    wanted = text(body.get("id"), "id")
    key = next((key for key, (_, made) in PRODUCTS.items() if wanted in (key, *made)), None)
    if key is None:
        raise Refusal(404, "not_found", "There is no such product.")
    made = PRODUCTS[key][1]
    asked = {each["name"]: each["label"] for each in rows(body.get("selected") or [], "selected")}
    by_id = wanted in made and not shop.faulty("shows the featured variant first")
    if by_id and not (asked and shop.faulty("lets selections overrule ids")):
        asked = made[wanted]
    else:
        asked = relaxed(asked, list(body.get("preferences") or []), made, shop)
    fitting = [each for each in made if has(made[each], asked)] or list(made)
    chosen = asked or made[fitting[0]]
    shown = list(made) if shop.faulty("shows what was not chosen") else fitting
    wire = product(key, [each for each in shown if shown != fitting or has(made[each], chosen)], shop)
    if any(made.values()):
        wire["options"] = signals(key, chosen, shop)
        if not shop.faulty("tells no selection"):
            wire["selected"] = as_options(chosen)
    return reply(LOOKUP, {"product": wire}, shop)


def has(own: dict[str, str], wanted: dict[str, str]) -> bool:
    return all(own.get(name) == label for name, label in wanted.items())


def relaxed(
    asked: dict[str, str], preferences: list[str], made: dict[str, dict[str, str]], shop: Shop
) -> dict[str, str]:
    """What of a selection something has, the last preference given up first."""
    if shop.faulty("holds on to what nothing has"):
        return asked
    kept = dict(asked)
    for name in [*reversed(preferences), *asked]:
        if any(has(own, kept) for own in made.values()):
            break
        kept.pop(name, None)
    return kept


def signals(key: str, chosen: dict[str, str], shop: Shop) -> list[Any]:
    made = PRODUCTS[key][1]

    def value(name: str, label: str) -> Wire:
        exists = any(has(own, {**chosen, name: label}) for own in made.values())
        told = {} if shop.faulty("tells no availability") else {"exists": exists, "available": exists}
        return {"label": label, **told}

    return [
        {"name": name, "values": [value(name, label) for label in labels]}
        for name, labels in offered(key).items()
    ]
