"""What the tiny shop knows: its goods, its checkouts, and the faults planted in it."""

from typing import Any
from uuid import uuid4

import msgspec

Wire = dict[str, Any]

RELEASE = "2026-01-11"
SERVICE = "dev.ucp.shopping"
PRICES = {"mug": 1490, "bowl": 2500, "sofa": 90_000, "sold-out": 700}
TITLES = {"mug": "Enamel mug", "bowl": "Bowl", "sofa": "Sofa", "sold-out": "Lamp"}
RATES = {"standard": ("Standard, 3 days", 500), "express": ("Express, next day", 1500)}
PLACES = {"store-1": "Harbour store"}
CODES = {"SPRING10": 10}
CLAIMS = {"com.example.friends": 20}
EXTENSIONS = ("discount", "fulfillment", "buyer_consent")
HANDLER = "till"


class Refusal(Exception):
    def __init__(self, status: int, code: str, content: str) -> None:
        super().__init__(content)
        self.status, self.code, self.content = status, code, content


class Checkout(msgspec.Struct):
    id: str
    owner: str
    webhook_url: str
    capabilities: list[str]
    lines: list[Wire] = []
    buyer: Wire = {}
    methods: list[Wire] = []
    codes: list[str] = []
    state: str = "open"
    order: Wire = {}
    claimed: Wire = {}
    cart_id: str = ""


class Shop(msgspec.Struct):
    """Everything that a reset forgets."""

    faults: set[str] = set()
    release: str = RELEASE
    origin: str = ""
    checkouts: dict[str, Checkout] = {}
    carts: dict[str, Checkout] = {}
    orders: dict[str, Wire] = {}
    replies: dict[tuple[str, ...], tuple[bytes, int, bytes]] = {}

    @property
    def is_mapped(self) -> bool:
        return self.release > RELEASE

    @property
    def since_april(self) -> bool:
        return self.release >= "2026-04-08"

    @property
    def since_august(self) -> bool:
        return self.release >= "2026-08-25"

    def faulty(self, name: str) -> bool:
        return name in self.faults

    def of(self, checkout_id: str, owner: str) -> Checkout:
        found = self.checkouts.get(checkout_id)
        if found is None:
            raise Refusal(
                400 if self.faulty("calls unknown ids malformed") else 404,
                "not_found",
                "There is no such checkout.",
            )
        if found.owner != owner and not self.faulty("shows foreign checkouts"):
            code = "forbidden" if self.faulty("tells foreign from unknown") else "not_found"
            status = 403 if self.faulty("tells foreign from unknown") else 404
            raise Refusal(status, code, "There is no such checkout.")
        return found


def text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise Refusal(400, "invalid", f"{what} must be a text")
    return value


def table(value: object, what: str) -> Wire:
    if not isinstance(value, dict):
        raise Refusal(400, "invalid", f"{what} must be an object")
    return value


def rows(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise Refusal(400, "invalid", f"{what} must be a list")
    return value


def read_lines(body: Wire, shop: Shop) -> list[Wire]:
    """The lines of a request: item and quantity, nothing else believed."""
    wanted = rows(body.get("line_items"), "line_items")
    if not wanted:
        raise Refusal(400, "invalid", "line_items must not be empty")
    lines = []
    for each in wanted:
        item = table(table(each, "a line").get("item"), "item")
        item_id = text(item.get("id"), "item.id")
        quantity = each.get("quantity")
        whole = isinstance(quantity, int) and not isinstance(quantity, bool)
        if not (whole and 0 < quantity < 10_000) and not shop.faulty("takes odd quantities"):
            raise Refusal(400, "invalid", "quantity must be a positive integer")
        if item_id not in PRICES and not shop.faulty("sells what it does not have"):
            raise Refusal(400, "item_unavailable", f"Item {item_id} is not found.")
        if item_id == "sold-out" and not shop.faulty("sells what is out of stock"):
            raise Refusal(400, "out_of_stock", f"Insufficient stock for {item_id}.")
        believed = {
            "price": item.get("price") if shop.faulty("believes the price") else None,
            "title": item.get("title") if shop.faulty("believes the title") else None,
        }
        lines.append(
            {
                "id": str(each.get("id") or uuid4()),
                "item": item_id,
                "price": believed["price"] or PRICES.get(item_id, 100),
                "title": believed["title"] or TITLES.get(item_id, item_id),
                "quantity": quantity if whole else 1,
            }
        )
    return lines


def read_methods(body: Wire, shop: Shop, lines: list[Wire]) -> list[Wire]:
    """Methods of a request with ids given where they lack one."""
    wanted = rows(table(body.get("fulfillment") or {}, "fulfillment").get("methods") or [], "methods")
    methods = []
    for each in wanted:
        kind = str(table(each, "a method").get("type") or "shipping")
        destinations = [
            {**table(one, "a destination"), "id": str(one.get("id") or uuid4())}
            for one in rows(each.get("destinations") or [], "destinations")
        ]
        if destinations and "type" not in each and shop.since_august and not shop.faulty("guesses types"):
            raise Refusal(400, "invalid", "a method with destinations must have a type")
        if kind == "pickup":
            places = [{"id": key, "name": name} for key, name in PLACES.items()]
            destinations = [*places, *(destinations if shop.faulty("believes places") else [])]
        groups = rows(each.get("groups") or [{}], "groups")
        methods.append(
            {
                "id": str(each.get("id") or uuid4()),
                "type": kind,
                "line_item_ids": [line["id"] for line in lines],
                "destinations": destinations,
                "selected_destination_id": each.get("selected_destination_id"),
                "selected_option_id": table(groups[0], "a group").get("selected_option_id"),
            }
        )
    return methods


def write(checkout: Checkout, body: Wire, shop: Shop, *, replacing: bool) -> None:
    """Put a request's content into the checkout: what is absent is gone."""
    lines = read_lines(body, shop)
    active = set(checkout.capabilities)
    unheeded = shop.faulty("heeds inactive extensions")

    def keeps(member: str, fault: str) -> bool:
        return replacing and member not in body and shop.faulty(fault)

    methods = checkout.methods
    if not keeps("fulfillment", "keeps an absent fulfillment"):
        methods = read_methods(body, shop, lines) if "fulfillment" in active or unheeded else []
    codes = checkout.codes
    if not keeps("discounts", "keeps absent discounts"):
        codes = read_codes(body, shop, checkout) if "discount" in active or unheeded else []
    buyer = table(body.get("buyer") or {}, "buyer")
    if keeps("buyer", "keeps an absent buyer"):
        buyer = checkout.buyer
    buyer = with_answers(buyer, checkout.buyer, shop)
    checkout.lines, checkout.methods, checkout.codes, checkout.buyer = lines, methods, codes, buyer
    checkout.claimed = body


def with_answers(buyer: Wire, before: Wire, shop: Shop) -> Wire:
    """Since August what a buyer answered outlives an update that is silent about it."""
    silent = "consent" in before and "consent" not in buyer
    if shop.since_august and silent and not shop.faulty("forgets answers"):
        return buyer | {"consent": before["consent"]}
    return buyer


def read_codes(body: Wire, shop: Shop, checkout: Checkout) -> list[str]:
    discounts = table(body.get("discounts") or {}, "discounts")
    sent = [text(each, "a code") for each in rows(discounts.get("codes") or [], "codes")]
    if shop.faulty("adds codes to earlier ones"):
        sent = checkout.codes + sent
    if shop.faulty("ignores an empty list of codes") and not sent:
        return checkout.codes
    return sent
