"""What of a shop others sell or recommend, from its CSV files: offers, apps, tools, bundles.

Each row names an item of the shop, which has the price. All files may be missing.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from ucp_server.domain.attribution import Commission, CommissionType, Criterion
from ucp_server.domain.offering import Bundle
from ucp_server.store.csv_rows import PPM_PER_PERCENT, CellError, Cells, CsvFolder, by_id, once
from ucp_server.store.ids import is_id

# On what occasion somebody asks for an offer.
INTERACTION_TYPES: Final = ("NewAcquisition", "Replace", "RetentionWinback")
# Callers wait for the tools of an order.
TOOL_TIMEOUT_S_MAX: Final = 15
TOOL_TIMEOUT_S: Final = 10
# Room for every word of a line of goods, far below what a request may carry.
CRITERIA_MAX: Final = 50
_URL_CHARS_MAX: Final = 2_000
# What one person orders of one thing; whoever wants more says so with the order.
_BUNDLE_PIECES_MAX: Final = 1_000

_CRITERION_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")
_WHOLE: Final = re.compile(r"-?\d{1,15}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?\d{1,15}\.\d{1,6}", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")


class Item(NamedTuple):
    """What is sold, as far as it matters here."""

    title: str
    description: str


class OfferRow(msgspec.Struct, frozen=True, kw_only=True):
    """``line`` is where it stands: only the database knows whether another merchant has the id.

    ``text`` holds the words that it is found by.
    """

    id: str
    line: int
    item_id: str
    vertical: str
    provider: str
    active: bool
    commission: Commission
    criteria: Mapping[str, Criterion]
    text: str


class AppRow(msgspec.Struct, frozen=True, kw_only=True):
    """``line`` as in `OfferRow`; ``handler_id`` is the payment handler that takes its money."""

    id: str
    line: int
    name: str
    description: str
    handler_id: str
    webhook_url: str


class AppProductRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    app_id: str
    item_id: str
    sku: str
    fulfillment: str
    tools: tuple[str, ...]
    active: bool


class ToolRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    url: str
    timeout_s: int


class ChannelTables(msgspec.Struct, frozen=True, kw_only=True):
    """Read and checked; in the order of the files."""

    offers: tuple[OfferRow, ...]
    apps: tuple[AppRow, ...]
    app_products: tuple[AppProductRow, ...]
    tools: tuple[ToolRow, ...]
    bundles: tuple[Bundle, ...]


def read_channels(files: CsvFolder, items: Mapping[str, Item]) -> ChannelTables:
    """``items`` are all that can be put on a line, by their id."""
    tools = by_id(files, "tools.csv", ("id", "url", "timeout_s"), _tool)
    apps = by_id(files, "apps.csv", _APP, _app)
    return ChannelTables(
        offers=tuple(_offers(files, items)),
        apps=tuple(apps.values()),
        app_products=tuple(_app_products(files, apps, items, tools)),
        tools=tuple(tools.values()),
        bundles=tuple(_bundles(files, items)),
    )


def _item_id(cells: Cells, items: Mapping[str, Item]) -> str:
    item_id = cells.required("item_id")
    if item_id not in items:
        raise CellError(f"item_id {item_id} is not for sale")
    return item_id


def _name(cells: Cells, column: str) -> str:
    """A word that may stand in an address or between others."""
    text = cells.required(column)
    if not _NAME.fullmatch(text):
        raise CellError(f"{column} has other characters than letters, digits and _ . : - ({text[:40]})")
    return text


def _uuid(cells: Cells, column: str) -> str:
    text = cells.required(column)
    if not is_id(text):
        raise CellError(f"{column} is not a UUID in lower case: {text[:40]}")
    return text


def _url(cells: Cells, column: str) -> str | None:
    text = cells.text(column, most=_URL_CHARS_MAX)
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in {"https", "http"} and bool(parts.hostname) and " " not in text
    except ValueError:
        is_usable = False
    if not is_usable:
        raise CellError(f"{column} is not a URL: {text[:80]}")
    return text


# --- offers ---

_OFFER: Final = (
    "id", "item_id", "vertical", "provider", "active", "commission_type", "commission_value",
    "commission_min",
)  # fmt: skip


def _offers(files: CsvFolder, items: Mapping[str, Item]) -> list[OfferRow]:
    def read(cells: Cells) -> OfferRow:
        active = cells.flag("active")
        item_id, criteria = _item_id(cells, items), _criteria(cells)
        vertical, provider = _name(cells, "vertical").lower(), cells.required("provider")
        item = items[item_id]
        words = (item.title, vertical, provider, item.description, *criteria.values())
        return OfferRow(
            id=_name(cells, "id"),
            line=cells.line,
            item_id=item_id,
            vertical=vertical,
            provider=provider,
            active=True if active is None else active,
            commission=_commission(cells),
            criteria=criteria,
            text=" ".join(word for word in words if isinstance(word, str)),
        )

    # Every other column is a criterion, by its own name.
    return files.rows("offers.csv", _OFFER, once("id", read), prefix="")


def _commission(cells: Cells) -> Commission:
    """``commission_value`` is an amount for cpa, else a rate in per cent; ``commission_min`` an amount."""
    type_ = CommissionType(cells.choice("commission_type", tuple(CommissionType)))
    min_minor = cells.integer("commission_min") or 0
    if type_ is CommissionType.CPA:
        amount_minor = cells.required_integer("commission_value")
        return Commission(type=type_, amount_minor=amount_minor, min_minor=min_minor)
    rate_ppm = cells.parts_per_million("commission_value", PPM_PER_PERCENT)
    return Commission(type=type_, rate_ppm=rate_ppm, min_minor=min_minor)


def _criteria(cells: Cells) -> dict[str, Criterion]:
    told = {
        column: text for column in cells.columns if column not in _OFFER and (text := cells.text(column))
    }
    for column in told:
        if not _CRITERION_NAME.fullmatch(column):
            raise CellError(f"a criterion has lower-case letters, digits and _ for a name: {column[:40]!r}")
    if len(told) > CRITERIA_MAX:
        raise CellError(f"more than {CRITERIA_MAX} criteria")
    return {column: _criterion(cells, column, text) for column, text in told.items()}


def _criterion(cells: Cells, column: str, text: str) -> Criterion:
    if text.lower() in {"yes", "true", "no", "false"}:
        return text.lower() in {"yes", "true"}
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else cells.required(column)


# --- apps ---

_APP: Final = ("id", "name", "description", "handler", "webhook_url")
_APP_PRODUCT: Final = ("app_id", "id", "item_id", "sku", "fulfillment", "tools", "active")


def _app(cells: Cells) -> AppRow:
    return AppRow(
        id=_uuid(cells, "id"),
        line=cells.line,
        name=cells.required("name"),
        description=cells.text("description") or "",
        handler_id=cells.text("handler", most=255) or "",
        webhook_url=_url(cells, "webhook_url") or "",
    )


def _tool(cells: Cells) -> ToolRow:
    url = _url(cells, "url")
    if url is None:
        raise CellError("url is missing")
    timeout_s = cells.integer("timeout_s", least=1, most=TOOL_TIMEOUT_S_MAX) or TOOL_TIMEOUT_S
    return ToolRow(id=_name(cells, "id"), url=url, timeout_s=timeout_s)


def _app_products(
    files: CsvFolder,
    apps: Mapping[str, AppRow],
    items: Mapping[str, Item],
    tools: Mapping[str, ToolRow],
) -> list[AppProductRow]:
    """A product's id is one thing everywhere: two apps that sell the same item have two products."""

    def read(cells: Cells) -> AppProductRow:
        app_id = _uuid(cells, "app_id")
        if app_id not in apps:
            raise CellError(f"app_id {app_id} is not in apps.csv")
        bound = cells.names("tools")
        unknown = [name for name in bound if name not in tools]
        if unknown:
            raise CellError(f"tools names {unknown[0]}, which is not in tools.csv")
        fulfillment = cells.choice("fulfillment", ("automatic", "manual"))
        if bound and fulfillment == "manual":
            raise CellError("tools are for automatic fulfilment only")
        active = cells.flag("active")
        return AppProductRow(
            id=_uuid(cells, "id"),
            app_id=app_id,
            item_id=_item_id(cells, items),
            sku=cells.text("sku", most=255) or "",
            fulfillment=fulfillment,
            tools=tuple(dict.fromkeys(bound)),
            active=True if active is None else active,
        )

    return files.rows("app_products.csv", _APP_PRODUCT, once("id", read))


# --- bundles ---

_BUNDLE: Final = (
    "id", "group", "title", "item_id", "quantity", "parent", "interaction_types", "promotion_code",
    "storefront",
)  # fmt: skip


def _bundles(files: CsvFolder, items: Mapping[str, Item]) -> list[Bundle]:
    """An add-on stands below the bundle that it belongs to."""
    above: dict[str, Bundle] = {}

    def read(cells: Cells) -> Bundle:
        parent = cells.text("parent", most=255)
        if parent is not None and parent not in above:
            raise CellError(f"parent {parent} is no bundle above")
        if parent is not None and above[parent].parent is not None:
            raise CellError(f"parent {parent} is an add-on itself")
        item_id = _item_id(cells, items)
        bundle = Bundle(
            id=_name(cells, "id"),
            group=cells.required("group"),
            title=cells.text("title", most=255) or items[item_id].title,
            item_id=item_id,
            quantity=cells.integer("quantity", least=1, most=_BUNDLE_PIECES_MAX) or 1,
            parent=parent,
            interaction_types=_interaction_types(cells),
            promotion_code=cells.text("promotion_code", most=100),
            storefront=cells.text("storefront", most=255),
        )
        above[bundle.id] = bundle
        return bundle

    return files.rows("bundles.csv", _BUNDLE, once("id", read))


def _interaction_types(cells: Cells) -> tuple[str, ...]:
    named = cells.names("interaction_types")
    for name in named:
        if name not in INTERACTION_TYPES:
            raise CellError(f"interaction_types is none of {', '.join(INTERACTION_TYPES)}: {name[:40]}")
    return named
