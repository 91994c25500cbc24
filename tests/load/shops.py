"""A shop for load: the columns of the official suite's shop, so that its sample can be given it too."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

PRICE_MINOR = 3500
SHIPPING_MINOR = 1500
OPTION = "express-us"
CURRENCY = "USD"

_FILES: Mapping[str, tuple[tuple[str, ...], Iterable[tuple[object, ...]]]] = {
    "customers": (("id", "name", "email"), ()),
    "addresses": (("id", "customer_id", "street_address", "city", "state", "postal_code", "country"), ()),
    "discounts": (("code", "type", "value", "description"), (("TENTH", "percentage", 10, "10 % off"),)),
    "promotions": (("id", "type", "min_subtotal", "eligible_item_ids", "description"), ()),
    "shipping_rates": (
        ("id", "country_code", "service_level", "price", "title"),
        (
            ("standard", "default", "standard", 500, "Standard delivery"),
            (OPTION, "US", "express", SHIPPING_MINOR, "Express delivery"),
        ),
    ),
}


def item(number: int) -> str:
    return f"load-{number}"


def write_shop(folder: Path, *, items: int, pieces: int, first: int | None = None) -> Path:
    """``items`` at one price, ``pieces`` of each (``first`` of the first one).

    No rate is free, so that every total is known.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids = [item(number) for number in range(items)]
    products = [(id_, f"Article {id_}", PRICE_MINOR, f"https://shop.example/{id_}.jpg") for id_ in ids]
    _write(folder / "products.csv", ("id", "title", "price", "image_url"), products)
    counts = dict.fromkeys(ids, pieces) | {ids[0]: first if first is not None else pieces}
    _write(folder / "inventory.csv", ("product_id", "quantity"), counts.items())
    for name, (columns, rows) in _FILES.items():
        _write(folder / f"{name}.csv", columns, rows)
    return folder


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
