import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.shops import NOW
from tests.store.test_importing import ANY, texts
from tests.style.sources import ROOT
from ucp_server.domain.catalog import Barcode, Category, Media, ProductOption, Rating
from ucp_server.store import feed
from ucp_server.store.catalog import ProductRow, Translation
from ucp_server.store.csv_rows import CsvFolder
from ucp_server.store.database import Pool
from ucp_server.store.feed import read_feed
from ucp_server.store.importing import import_feed
from ucp_server.store.picture_files import PictureFiles
from ucp_server.store.product_cells import ProductReader
from ucp_server.store.product_tables import Goods, limits
from ucp_server.store.rules import Category as ShopCategory

TEA = {"id": "tea", "title": "Tea", "price": 500}
SHIRT = {
    "item_group_id": "shirt", "title": "Shirt", "price": "20.00 EUR", "availability": "in stock",
    "link": "https://shop.example/shirt", "image_link": "https://shop.example/shirt.jpg",
}  # fmt: skip


def feed_of(folder: Path, *lines: object) -> Path:
    file = folder / "products.jsonl"
    texts = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines]
    file.write_bytes(b"\n".join(texts))
    return file


def read(file: Path, now: datetime = NOW, **categories: ShopCategory) -> tuple[Goods, CsvFolder]:
    files = CsvFolder(file.parent)
    reader = ProductReader(categories, PictureFiles(file.parent), currency="EUR", now=now)
    return read_feed(files, file, reader), files


def good(file: Path, **categories: ShopCategory) -> tuple[ProductRow, ...]:
    goods, files = read(file, **categories)
    assert files.bad == []
    return goods.products


# --- one product a line ---


def test_a_product_with_its_variants_in_one_line(tmp_path: Path) -> None:
    (book,) = good(
        feed_of(
            tmp_path,
            {
                "id": "book",
                "title": "Notebook",
                "description": "<p>Lies <b>flat</b>.</p><p>Opens wide.</p>",
                "price": {"value": 14.9, "currency": "EUR"},
                "category": "paper",
                "brand": "Meadow",
                "language": "en",
                "handle": "notebook",
                "tags": ["thread-bound", "ivory"],
                "rating": 4.75,
                "rating_count": 12,
                "image_url": "https://shop.example/a.jpg",
                "images": ["https://shop.example/b.jpg", "https://shop.example/c.mp4"],
                "translations": {"de": {"title": "Notizbuch", "description": "<i>Liegt</i> flach."}},
                "variants": [
                    {"id": "a5", "sku": "N-5", "options": {"Size": "A5", "Ruling": "dotted"}, "stock": 3},
                    {"id": "a6", "options": {"Size": "A6", "Ruling": "dotted"}, "price": 990},
                ],
            },
        ),
        paper=ShopCategory(id="paper", title="Paper", tax_category="reduced"),
    )
    assert (book.id, book.title, book.detail.description) == ("book", "Notebook", "Lies flat. Opens wide.")
    assert book.detail.options == (
        ProductOption("Size", ("A5", "A6")),
        ProductOption("Ruling", ("dotted",)),
    )
    assert (book.detail.brand, book.detail.handle, book.detail.language) == ("Meadow", "notebook", "en")
    assert book.detail.categories == (Category("Paper"),)
    assert book.detail.rating == Rating(value_centi=475, count=12)
    assert [(media.type, media.url[-5:]) for media in book.detail.media] == [
        ("image", "a.jpg"), ("image", "b.jpg"), ("video", "c.mp4"),
    ]  # fmt: skip
    assert book.detail.translations == {"de": Translation(title="Notizbuch", description="Liegt flach.")}
    a5, a6 = book.items
    assert (a5.id, a5.title, a5.price_minor, a5.detail.sku) == ("a5", "Notebook, A5, dotted", 1490, "N-5")
    assert (a6.id, a6.title, a6.price_minor, a6.detail.sku) == ("a6", "Notebook, A6, dotted", 990, None)
    assert {item.detail.product_id for item in book.items} == {"book"}
    assert {item.detail.tax_category for item in book.items} == {"reduced"}


def test_an_option_is_one_however_its_letters_are_written(tmp_path: Path) -> None:
    (tea,) = good(
        feed_of(
            tmp_path,
            TEA | {"variants": [
                {"id": "a", "options": {"Size": "Large", "Leaf": "whole"}},
                {"id": "b", "options": [
                    {"name": "size", "label": "large"}, {"name": "LEAF", "value": "broken"},
                ]},
            ]},
        )
    )  # fmt: skip
    assert tea.detail.options == (
        ProductOption("Size", ("Large",)),
        ProductOption("Leaf", ("whole", "broken")),
    )


def test_what_costs_what_it_always_did_is_not_reduced(tmp_path: Path) -> None:
    (tea,) = good(feed_of(tmp_path, TEA | {"list_price": 500}))
    assert tea.items[0].detail.list_price_minor is None


def test_what_has_no_variants_is_sold_as_itself(tmp_path: Path) -> None:
    (tea,) = good(feed_of(tmp_path, TEA | {"sku": "T", "ean": ["4006381333931"], "weight_g": 80}))
    (item,) = tea.items
    assert (item.id, item.title, item.price_minor, item.detail.product_id) == ("tea", "Tea", 500, None)
    assert (item.detail.sku, item.detail.barcodes) == ("T", (Barcode("EAN", "4006381333931"),))
    assert item.detail.weight_g == 80


def test_lines_may_be_empty_and_begin_with_a_mark(tmp_path: Path) -> None:
    products = good(feed_of(tmp_path, b"\xef\xbb\xbf" + json.dumps(TEA).encode(), b"", b"  \r"))
    assert [product.id for product in products] == ["tea"]


# --- exports for shopping sites ---


def test_a_feed_of_a_shopping_site_is_read_by_its_own_names(tmp_path: Path) -> None:
    (shirt,) = good(
        feed_of(
            tmp_path,
            SHIRT | {
                "id": "shirt-red-m", "title": "Shirt red M", "color": "red", "size": "M",
                "sale_price": "15.00 EUR", "gtin": "4006381333931", "mpn": "SH-RM",
                "shipping_weight": "0.3 kg", "product_type": "Clothes > Shirts", "brand": "Loom",
                "google_product_category": "Apparel & Accessories > Clothing",
                "additional_image_link": "https://shop.example/1.jpg,https://shop.example/2.jpg",
                "item_group_title": "Loom shirt",
            },
            SHIRT | {"id": "shirt-red-l", "title": "Shirt red L", "color": "red", "size": "L"},
        )
    )  # fmt: skip
    assert (shirt.id, shirt.title) == ("shirt", "Loom shirt")
    assert shirt.detail.url == "https://shop.example/shirt"
    assert shirt.detail.categories == (
        Category("Clothes > Shirts"),
        Category("Apparel & Accessories > Clothing", "google_product_category"),
    )
    assert shirt.detail.options == (ProductOption("Color", ("red",)), ProductOption("Size", ("M", "L")))
    m, l_ = shirt.items
    assert (m.title, m.price_minor, m.detail.list_price_minor) == ("Shirt red M", 1500, 2000)
    assert (l_.title, l_.price_minor, l_.detail.list_price_minor) == ("Shirt red L", 2000, None)
    assert (m.detail.sku, m.detail.barcodes) == ("SH-RM", (Barcode("EAN", "4006381333931"),))
    assert (m.detail.weight_g, m.detail.options) == (300, {"Color": "red", "Size": "M"})
    assert [media.url for media in m.detail.media] == [
        "https://shop.example/shirt.jpg", "https://shop.example/1.jpg", "https://shop.example/2.jpg",
    ]  # fmt: skip
    assert m.detail.media[0] == Media(
        type="image", url="https://shop.example/shirt.jpg", alt_text="Shirt red M"
    )


def test_a_variant_of_a_group_has_no_price_pieces_or_content_of_another(tmp_path: Path) -> None:
    of_small = {"quantity": 0, "unit_pricing_measure": "250 g", "unit_pricing_base_measure": "100 g"}
    small = SHIRT | {"id": "s", "size": "S"} | of_small
    large = {"id": "l", "item_group_id": "shirt", "title": "Shirt L", "size": "L"}
    goods, files = read(feed_of(tmp_path, small, large | {"price": "25.00 EUR"}))
    assert (files.bad, goods.quantities) == ([], {"s": 0})
    assert [item.detail.unit_price is None for item in goods.products[0].items] == [False, True]
    _, files = read(feed_of(tmp_path, small, large))
    assert [(bad.line, bad.reason) for bad in files.bad] == [(2, "price is missing")]


def test_names_may_be_written_as_in_programs(tmp_path: Path) -> None:
    (tea,) = good(
        feed_of(
            tmp_path,
            {"offerId": "tea", "title": "Tea", "price": {"value": "5.00", "currency": "EUR"},
             "imageLink": "https://shop.example/t.png", "g:brand": "Kettle", "contentLanguage": "de"},
        )
    )  # fmt: skip
    assert (tea.id, tea.detail.brand, tea.detail.language) == ("tea", "Kettle", "de")
    assert tea.items[0].detail.image_url == "https://shop.example/t.png"


@pytest.mark.parametrize(
    ("day", "price_minor", "list_price_minor"), [(22, 400, 500), (30, 500, None), (1, 500, None)]
)
def test_a_sale_counts_on_its_days(
    tmp_path: Path, day: int, price_minor: int, list_price_minor: int | None
) -> None:
    sale = {
        "price": "5.00 EUR",
        "sale_price": "4.00 EUR",
        "sale_price_effective_date": "2026-11-20T00:00+0100/2026-11-27T23:59+0100",
    }
    goods, files = read(feed_of(tmp_path, TEA | sale), datetime(2026, 11, day, 12, tzinfo=UTC))
    assert files.bad == []
    (item,) = goods.products[0].items
    assert (item.price_minor, item.detail.list_price_minor) == (price_minor, list_price_minor)


@pytest.mark.parametrize(
    ("told", "status", "limit"),
    [
        ({}, None, None),
        ({"quantity": 4}, None, 4),
        ({"availability": "in_stock", "quantity": 4}, None, 4),
        ({"availability": "https://schema.org/InStock"}, None, None),
        ({"availability": "out of stock", "quantity": 4}, None, 0),
        ({"availability": "preorder"}, "preorder", None),
        ({"availability": "backorder", "quantity": 0}, "backorder", None),
        ({"availability": "backorder", "quantity": 7}, "backorder", 7),
        ({"availability": "discontinued", "quantity": 2}, "discontinued", 0),
    ],
)
def test_what_can_be_bought_follows_from_what_is_said_and_counted(
    tmp_path: Path, told: dict[str, Any], status: str | None, limit: int | None
) -> None:
    goods, files = read(feed_of(tmp_path, TEA | told))
    assert files.bad == []
    assert goods.items["tea"].detail.status == status
    assert limits(goods.quantities, goods.items).get("tea") == limit


def test_the_lines_that_the_readme_shows_are_read(tmp_path: Path) -> None:
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith('{"id": ')]
    cup, mug = good(feed_of(tmp_path, *(line.encode() for line in lines)))
    assert (cup.id, cup.items[0].id, cup.items[0].price_minor) == ("cup", "cup-sea", 2200)
    assert (mug.id, mug.items[0].id, mug.items[0].price_minor) == ("mug", "M-1", 750)


# --- what is told of it ---


def test_a_long_text_is_cut_and_told(tmp_path: Path) -> None:
    long = TEA | {"description": "word " * 1_000, "title": "t" * 400}
    goods, files = read(feed_of(tmp_path, TEA | {"id": "x"}, long))
    assert files.bad == []
    assert [str(cut) for cut in files.cut] == [
        "products.jsonl, line 2: title was too long and is cut",
        "products.jsonl, line 2: description was too long and is cut",
    ]
    tea = goods.products[1]
    assert (len(tea.title), len(tea.detail.description)) == (300, 2_000)


def test_members_without_a_meaning_are_named_once(tmp_path: Path) -> None:
    odd = {"condition": "new", "shipping": [{"price": "1"}]}
    _, files = read(feed_of(tmp_path, TEA | odd, TEA | odd | {"id": "b"}))
    assert files.bad == []
    assert files.ignored == ["products.jsonl: condition", "products.jsonl: shipping"]


def variants(*ids: str) -> dict[str, Any]:
    return {"variants": [{"id": id_} for id_ in ids]}


BAD: list[tuple[list[object], int, str]] = [
    ([b"{"], 1, "not a JSON object"),
    ([b'{"id": "\xff"}'], 1, "not UTF-8"),
    ([b"[1]"], 1, "not a JSON object"),
    ([b"[" * 100_000], 1, "not a JSON object"),
    ([TEA, TEA], 2, "id tea is there twice, first in line 1"),
    ([TEA | {"price": 4.99}], 1, "price is not a whole number: 4.99"),
    ([TEA | {"price": "4.99 USD"}], 1, "price is in USD, the shop sells in EUR"),
    ([TEA | {"price": {"amount": 5}}], 1, "price is not a value with its currency or unit"),
    ([TEA | {"price": None}], 1, "price is missing"),
    ([TEA | {"title": {}}], 1, "title is not a value"),
    ([TEA | {"title": "<p> </p>"}], 1, "title is missing"),
    ([TEA | {"list_price": 400}], 1, "list_price 400 is below the price 500"),
    ([TEA | {"availability": "soon"}], 1, "availability is none of in_stock, out_of_stock"),
    ([TEA | {"link": "javascript:alert(1)"}], 1, "url is not a URL"),
    ([TEA | {"image_link": "../x.svg"}], 1, "image_url is neither a URL nor"),
    ([TEA | {"images": [f"https://x.example/{n}" for n in range(21)]}], 1, "media names more than 20"),
    ([TEA | {"tags": [str(n) for n in range(51)]}], 1, "tags names more than 50"),
    ([TEA | {"tags": [{}]}], 1, "a list or an object stands where"),
    ([TEA | {"options": {str(n): "x" for n in range(51)}}], 1, "options has more than 50 members"),
    ([TEA | {"options": {str(n): "x" for n in range(11)}}], 1, "there are more than 10 options"),
    ([TEA | {"options": ["x"]}], 1, "options has something else than names"),
    ([TEA | {"options": {" ": "x"}}], 1, "an option has a name of"),
    ([TEA | {"product_type": "a > > b"}], 1, "product_type is not a path such as"),
    ([TEA | {"product_type": [str(n) for n in range(11)]}], 1, "product_type names more than 10"),
    ([TEA | {"translations": {"de": "Tee"}}], 1, "translations has no title and description for de"),
    ([TEA | {"translations": {"de": {"name": "Tee"}}}], 1, "translations has something else"),
    ([TEA | {"translations": {"German!": {"title": "Tee"}}}], 1, "title:German! is no language"),
    ([TEA | {"sale_price": 400, "sale_price_effective_date": "May"}], 1, "is not two dates"),
    ([TEA | {"variants": {"id": "x"}}], 1, "variants is no list"),
    ([TEA | {"variants": ["x"]}], 1, "variants[0]: not a JSON object"),
    ([TEA | variants("a", "b", "a")], 1, "variants[2]: id a is there twice"),
    ([TEA | variants("a"), TEA | {"id": "cup"} | variants("a")], 2, "variants[0]: id a is there twice"),
    ([TEA | variants("a"), TEA | {"id": "cup"} | variants("tea")], 2, "id tea is a product, in line 1"),
    ([SHIRT | {"title": "Shirt"}], 1, "id is missing"),
    ([TEA, SHIRT | {"id": "tea"}], 2, "id tea is there twice, first in line 1"),
]


@pytest.mark.parametrize(("lines", "line", "reason"), BAD)
def test_a_bad_line_is_named(tmp_path: Path, lines: list[object], line: int, reason: str) -> None:
    _, files = read(feed_of(tmp_path, *lines))
    assert [(row.file, row.line) for row in files.bad] == [("products.jsonl", line)]
    assert reason in files.bad[0].reason


def test_a_feed_has_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "LINES_MAX", 2)
    monkeypatch.setattr(feed, "LINE_BYTES_MAX", 100)
    assert good(feed_of(tmp_path, TEA, TEA | {"id": "b"}))
    _, files = read(feed_of(tmp_path, TEA, TEA | {"id": "b"}, TEA | {"id": "c"}))
    assert str(files.bad[0]) == "products.jsonl, line 3: the file has more than 2 lines"
    _, files = read(feed_of(tmp_path, TEA, TEA | {"id": "x" * 90}))
    assert str(files.bad[0]) == "products.jsonl, line 2: the line is longer than 100 bytes"
    monkeypatch.setattr(feed, "FEED_BYTES_MAX", 10)
    _, files = read(feed_of(tmp_path, TEA))
    assert str(files.bad[0]) == "products.jsonl, line 1: the file is larger than 10 bytes"


# --- anything ---

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
members = st.sampled_from(
    ["id", "title", "price", "variants", "options", "translations", "item_group_id", "media", "tags",
     "availability", "quantity", "gtin", "rating", "option:", "title:de", "url", "image_link"]
)  # fmt: skip
odd_lines = st.dictionaries(members | st.text(max_size=5), anything, max_size=8).map(
    lambda line: TEA | line
)


@settings(ANY, max_examples=200)
@given(st.lists(odd_lines | st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"")), max_size=4))
def test_no_line_makes_the_reader_fail(tmp_path: Path, lines: list[object]) -> None:
    goods, files = read(feed_of(tmp_path, *lines))
    for product in goods.products:
        assert product.items
        assert len(product.title) <= 300
        assert len(product.detail.description) <= 2_000
    for row in files.bad:
        assert row.line >= 1
        assert row.reason


usual_lines = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["tea", "pen", "cup"]) | texts,
        "title": texts,
        "price": st.integers(0, 2**53 - 1),
    },
    optional={
        "description": texts,
        "tags": st.lists(texts, max_size=3),
        "product_type": texts,
        "brand": texts,
        "sku": texts,
        "language": st.sampled_from(["de", "ja", "ar", "xx-YY"]),
        "quantity": st.integers(0, 9),
        "availability": st.sampled_from(["in stock", "preorder", "discontinued"]),
        "color": texts,
        "translations": st.dictionaries(
            st.sampled_from(["fr", "en"]), st.fixed_dictionaries({"title": texts})
        ),
        "variants": st.lists(
            st.fixed_dictionaries({"id": texts, "options": st.dictionaries(texts, texts, max_size=2)}),
            max_size=3,
        ),
    },
)


@settings(ANY, max_examples=60)
@given(st.lists(usual_lines, max_size=4))
async def test_what_the_reader_takes_postgres_takes(
    pool: Pool, tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    file = feed_of(tmp_path, *lines)
    goods, files = read(file)
    if not files.bad:
        done = await import_feed(pool, "shop", "EUR", file)
        assert done.counts["products"] == len(goods.products)
