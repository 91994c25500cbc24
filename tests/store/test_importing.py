import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.shops import PRODUCTS, execute, imported, items_of, reading, written
from ucp_server.store import bulk, importing
from ucp_server.store.catalog import PostgresCatalog
from ucp_server.store.database import Pool, read
from ucp_server.store.importing import BadShop, Imported, import_feed, import_shop
from ucp_server.store.picture_files import PICTURE_BYTES_MAX
from ucp_server.store.pictures import load_picture
from ucp_server.store.stock import OwnStock

REPOSITORY = Path(__file__).parents[2]
TABLES = (
    "items", "inventory", "customers", "addresses", "shop_rules", "pictures", "offers", "apps",
    "app_products", "tools", "bundles", "products", "product_heads", "product_words", "product_names",
    "vocabulary", "eligibility",
)  # fmt: skip


async def dump(pool: Pool) -> dict[str, list[dict[str, Any]]]:
    """All rows of the shops, free of the time at which they were written."""
    async with pool.connection() as connection:
        return {
            table: [
                {name: value for name, value in row.items() if name != "created_at"}
                for row in await connection.fetch(f"select * from {table} order by 1, 2, 3")
            ]
            for table in TABLES
        }


async def counts_of(pool: Pool, item_id: str) -> tuple[int, int, int] | None:
    async with pool.connection() as connection:
        row = await connection.fetchrow(
            "select on_hand, reserved, sold from inventory where item_id = $1", item_id
        )
    return tuple(row) if row else None


async def fed(pool: Pool, folder: Path, *products: dict[str, object]) -> Imported:
    feed = folder / "feed.jsonl"
    feed.write_text("\n".join(map(json.dumps, products)))
    return await import_feed(pool, "shop", "EUR", feed)


# --- good shops ---


async def test_the_demo_shop_is_loaded_whole(pool: Pool) -> None:
    done = await import_shop(pool, "demo", "EUR", REPOSITORY / "examples" / "demo_shop")
    assert done.ignored == ()
    assert done.counts == {
        "products": 19,
        "items": 30,
        "inventory": 26,
        "customers": 4,
        "addresses": 5,
        "eligibility": 4,
        "pictures": 21,
        "category": 7,
        "discount": 9,
        "promotion": 2,
        "shipping_rate": 9,
        "pickup_location": 2,
        "tax": 22,
        "offers": 3,
        "apps": 1,
        "app_products": 5,
        "tools": 1,
        "bundles": 9,
    }


def test_every_picture_of_the_demo_shop_is_small_and_runs_nothing() -> None:
    for picture in reading(REPOSITORY / "examples" / "demo_shop").tables.pictures:
        assert len(picture.content) < 6_000
        assert picture.content.count(b"http") == 1  # the namespace
        assert b"script" not in picture.content


def test_every_item_of_the_demo_shop_has_a_picture_and_a_description() -> None:
    for item in items_of(REPOSITORY / "examples" / "demo_shop").values():
        assert item.detail.image_url
        assert item.detail.description
        assert item.detail.category


async def test_importing_twice_changes_nothing(pool: Pool) -> None:
    folder = REPOSITORY / "examples" / "demo_shop"
    await import_shop(pool, "demo", "EUR", folder)
    first = await dump(pool)
    await import_shop(pool, "demo", "EUR", folder)
    assert await dump(pool) == first


async def test_what_is_no_longer_in_the_files_is_gone(pool: Pool, tmp_path: Path) -> None:
    await imported(
        pool,
        tmp_path,
        inventory="product_id,quantity\ntea,5\npen,5\n",
        customers="id,name,email\nann,Ann,ann@example.com\n",
        eligibility="claim,holder\ncom.example.club,Ann@example.com\ncom.example.club,ann@Example.com\n",
        discounts="code,type,value,description\nTEN,percentage,10,Ten\n",
    )
    await imported(pool, tmp_path / "next", products="id,title,price\ntea,Tea,600\n")
    left = await dump(pool)
    assert [(row["id"], row["price_minor"]) for row in left["items"]] == [("tea", 600)]
    assert [row["id"] for row in left["products"]] == ["tea"]
    assert all(not left[table] for table in TABLES if not table.startswith(("item", "product", "vocab")))


async def test_another_merchants_shop_is_left_alone(pool: Pool, tmp_path: Path) -> None:
    await imported(pool, tmp_path / "a", "one")
    before = await dump(pool)
    await imported(pool, tmp_path / "b", "two", products="id,title,price\ncup,Cup,900\n")
    after = await dump(pool)
    assert [row for row in after["items"] if row["merchant_id"] == "one"] == before["items"]


async def test_more_rows_than_one_statement_takes(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "ROWS_PER_STATEMENT", 10)
    products = "id,title,price\n" + "".join(f"item-{n},Item {n},{n}\n" for n in range(95))
    assert (await imported(pool, tmp_path, products=products)).counts["items"] == 95
    assert len((await dump(pool))["items"]) == 95


async def test_more_rows_than_are_looked_at_once(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "ROWS_PER_PAGE", 7)
    shop = {
        "products": "id,title,price,sku\n"
        + "".join(f"item-{n},Item {n},{n},x{n % 9}\n" for n in range(40)),
        "inventory": "product_id,quantity\n" + "".join(f"item-{n},{n}\n" for n in range(40)),
    }
    await imported(pool, tmp_path, **shop)
    first = await dump(pool)
    await imported(pool, tmp_path, **shop)
    assert await dump(pool) == first
    await imported(pool, tmp_path, inventory="")
    left = await dump(pool)
    assert [row["id"] for row in left["items"]] == ["pen", "tea"]
    assert left["inventory"] == left["product_names"] == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
async def test_files_of_spreadsheets_are_read(pool: Pool, tmp_path: Path, end: str) -> None:
    text = f'\ufeffid,title,price,note{end}tea,"Tea, ""loose""{end}green",500,x{end}{end},,,{end}'
    done = await imported(pool, tmp_path, products=text)
    assert done.ignored == ("products.csv: note",)
    (row,) = (await dump(pool))["items"]
    assert row["title"] == 'Tea, "loose" green'


async def test_a_variant_takes_from_its_product_what_its_row_leaves_open(
    pool: Pool, tmp_path: Path
) -> None:
    folder = written(
        tmp_path,
        products="id,title,price,category,weight_g,ships\nbook,Notebook,1490,paper,300,\nink,Ink,900,,,no\n",
        categories="id,title,tax_category\npaper,Paper,reduced\n",
        variants=(
            "id,product_id,option:Size,option:Ruling,price,weight_g,title\n"
            "book-a5,book,A5,dotted,,,\nbook-a6,book,A6,,990,170,Small book\n"
        ),
    )
    items = items_of(folder)
    assert set(items) == {"book-a5", "book-a6", "ink"}
    assert (items["book-a5"].title, items["book-a5"].price_minor) == ("Notebook, A5, dotted", 1490)
    assert items["book-a5"].detail.options == {"Size": "A5", "Ruling": "dotted"}
    assert items["book-a5"].detail.tax_category == "reduced"
    assert (items["book-a6"].title, items["book-a6"].price_minor) == ("Small book", 990)
    assert (items["book-a6"].detail.weight_g, items["book-a6"].detail.product_id) == (170, "book")
    assert not items["ink"].detail.ships


# --- stock ---


async def test_reserved_and_sold_pieces_survive_an_import(pool: Pool, tmp_path: Path) -> None:
    stock = OwnStock(pool)
    await imported(pool, tmp_path, inventory="product_id,quantity\ntea,5\n")
    sale, attempt = str(uuid4()), str(uuid4())
    assert await stock.reserve("shop", sale, {"tea": 1})
    await stock.confirm("shop", sale)
    assert await stock.reserve("shop", attempt, {"tea": 3})
    assert await counts_of(pool, "tea") == (4, 3, 1)

    await imported(pool, tmp_path, inventory="product_id,quantity\ntea,50\n")
    assert await counts_of(pool, "tea") == (50, 3, 1)
    await imported(pool, tmp_path, inventory="product_id,quantity\ntea,2\n")
    assert await counts_of(pool, "tea") == (3, 3, 1)
    await stock.release("shop", attempt)
    assert await counts_of(pool, "tea") == (3, 0, 1)


async def test_pieces_that_an_attempt_holds_are_found_again(pool: Pool, tmp_path: Path) -> None:
    stock, attempt = OwnStock(pool), str(uuid4())
    await imported(pool, tmp_path, inventory="product_id,quantity\ntea,5\n")
    assert await stock.reserve("shop", attempt, {"tea": 2})
    await imported(pool, tmp_path / "unlimited")
    assert await counts_of(pool, "tea") is None
    await imported(pool, tmp_path / "again", inventory="product_id,quantity\ntea,9\n")
    assert await counts_of(pool, "tea") == (9, 2, 0)
    await stock.confirm("shop", attempt)
    assert await counts_of(pool, "tea") == (7, 0, 2)


# --- a feed of its own ---


async def test_a_feed_replaces_the_products_and_nothing_else(pool: Pool, tmp_path: Path) -> None:
    await imported(
        pool,
        tmp_path,
        categories="id,title,tax_category\nhot,Hot drinks,food\n",
        inventory="product_id,quantity\ntea,5\npen,5\n",
        customers="id,name,email\nann,Ann,ann@example.com\n",
        discounts="code,type,value,description\nTEN,percentage,10,Ten\n",
    )
    before = await dump(pool)
    done = await fed(
        pool,
        tmp_path,
        {"id": "tea", "title": "Tea", "price": 600, "category": "hot"},
        {"id": "cup", "title": "Cup", "price": 900, "quantity": 3},
        {"id": "jug", "title": "Jug", "price": 900, "availability": "out_of_stock"},
    )
    assert done.counts == {"products": 3, "items": 3, "inventory": 2, "pictures": 0}
    after = await dump(pool)
    assert {row["id"]: row["price_minor"] for row in after["items"]} == {"cup": 900, "jug": 900, "tea": 600}
    (tea,) = (row for row in after["items"] if row["id"] == "tea")
    assert b'"tax_category": "food"' in tea["detail"]
    for table in ("customers", "shop_rules"):
        assert after[table] == before[table]
    assert [await counts_of(pool, id_) for id_ in ("tea", "cup", "jug", "pen")] == [
        (5, 0, 0), (3, 0, 0), (0, 0, 0), None,
    ]  # fmt: skip


async def test_a_feed_with_a_bad_line_changes_nothing(pool: Pool, tmp_path: Path) -> None:
    await imported(pool, tmp_path)
    before = await dump(pool)
    with pytest.raises(BadShop, match=r"feed.jsonl, line 2: price is missing"):
        await fed(pool, tmp_path, {"id": "tea", "title": "Tea", "price": 6}, {"id": "cup", "title": "Cup"})
    await imported(pool, tmp_path, categories="id,title\ncold,Cold\n")
    with pytest.raises(BadShop, match=r"category hot is not in categories.csv"):
        await fed(pool, tmp_path, {"id": "tea", "title": "Tea", "price": 6, "category": "hot"})
    assert (await dump(pool))["items"] == before["items"]


async def test_what_is_ordered_before_it_is_there_is_not_limited(pool: Pool, tmp_path: Path) -> None:
    await imported(
        pool,
        tmp_path,
        products="id,title,price,availability\ntea,Tea,5,preorder\npen,Pen,5,discontinued\nink,Ink,5,\n",
        inventory="product_id,quantity\ntea,0\npen,3\nink,0\n",
    )
    assert [await counts_of(pool, id_) for id_ in ("tea", "pen", "ink")] == [None, (0, 0, 0), (0, 0, 0)]


async def test_a_folder_may_have_a_feed_for_its_products(pool: Pool, tmp_path: Path) -> None:
    folder = written(tmp_path, inventory="product_id,quantity\ncup,4\n")
    (folder / "products.jsonl").write_text('{"id": "cup", "title": "Cup", "price": 900}\n')
    with pytest.raises(BadShop, match=r"products.jsonl, line 1: there is a products.csv too"):
        await import_shop(pool, "shop", "EUR", folder)
    (folder / "products.csv").unlink()
    assert (await import_shop(pool, "shop", "EUR", folder)).counts["products"] == 1
    assert await counts_of(pool, "cup") == (4, 0, 0)


async def test_pictures_stand_beside_a_feed(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "tea.svg").write_bytes(b"<svg/>")
    await fed(pool, tmp_path, {"id": "t", "title": "T", "price": 6, "image_link": "pictures/tea.svg"})
    async with read(pool) as db:
        assert await load_picture(db, "shop", "pictures/tea.svg") is not None


async def test_quotes_see_the_old_or_the_new_shop(pool: Pool, tmp_path: Path) -> None:
    """Prices of one import differ from those of the next by as much for every item."""
    ids = [f"item-{n}" for n in range(300)]
    await fed(pool, tmp_path, *({"id": id_, "title": "T", "price": 100} for id_ in ids))
    catalog, is_over = PostgresCatalog(pool), asyncio.Event()
    seen: set[frozenset[int]] = set()

    async def look() -> None:
        while not is_over.is_set():
            found = await catalog.items("shop", ids)
            assert len(found) == len(ids)
            seen.add(frozenset(item.price.minor for item in found.values()))

    looking = asyncio.create_task(look())
    for price in (200, 300):
        await fed(pool, tmp_path, *({"id": id_, "title": "T", "price": price} for id_ in ids))
    is_over.set()
    await looking
    assert seen <= {frozenset({100}), frozenset({200}), frozenset({300})}


# --- pictures ---


async def test_pictures_come_with_the_shop(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "tea.svg").write_bytes(b"<svg/>")
    await imported(pool, tmp_path, products="id,title,price,image_url\ntea,Tea,5,pictures/tea.svg\n")
    async with read(pool) as db:
        picture = await load_picture(db, "shop", "pictures/tea.svg")
        assert picture is not None
        assert (picture.media_type, picture.content) == ("image/svg+xml", b"<svg/>")
        assert await load_picture(db, "other", "pictures/tea.svg") is None


@pytest.mark.parametrize(
    "image_url",
    [
        "pictures/gone.svg",
        "../secret.svg",
        "/etc/passwd.svg",
        "pictures/../../secret.svg",
        "products.csv",
        "javascript:alert(1).svg",
        "data:image/svg+xml,x",
        "pictures/link.svg",
        "pictures/large.svg",
        "pictures//etc/passwd.svg",
        "pictures",
    ],
)
def test_a_picture_is_a_small_file_inside_the_folder(tmp_path: Path, image_url: str) -> None:
    shop = tmp_path / "shop"
    (shop / "pictures").mkdir(parents=True)
    (tmp_path / "secret.svg").write_bytes(b"secret")
    (shop / "pictures" / "link.svg").symlink_to(tmp_path / "secret.svg")
    (shop / "pictures" / "large.svg").write_bytes(b" " * (PICTURE_BYTES_MAX + 1))
    read = reading(written(shop, products=f'id,title,price,image_url\ntea,Tea,5,"{image_url}"\n'))
    assert [(row.file, row.line) for row in read.bad] == [("products.csv", 2)]
    assert read.tables.pictures == ()


# --- bad shops ---

RATE_HEAD = "id,country_code,service_level,price,title\n"
TAX_HEAD = "country,rate_basis_points,included\n"
DISCOUNT_HEAD = "code,type,value,description,ends_at,eligible_item_ids,combinable\n"
CLAIM_HEAD = "code,type,value,description,eligibility\n"
BAD = [
    ("products", "id,title,price\n,Tea,5\n", 2, "id is missing"),
    ("products", "id,title,price\ntea,,5\n", 2, "title is missing"),
    ("products", "id,title\ntea,Tea\n", 2, "price is missing"),
    ("products", "id,title,price\ntea,Tea,4.99\n", 2, "price is not a whole number: 4.99"),
    ("products", "id,title,price\ntea,Tea,-5\n", 2, "price is not between 0 and"),
    ("products", "id,title,price\ntea,Tea,9007199254740992\n", 2, "price is not between"),
    ("products", "id,title,price\ntea,Tea,٣\n", 2, "price is not a whole number"),
    ("products", "id,title,price\ntea,Tea,5\ntea,Tea,6\n", 3, "id tea is there twice, first in line 2"),
    ("products", "id,title,price\ntea,Tea\n", 2, "2 cells where the head has 3"),
    ("products", "id,title,price\ntea,Tea,5,6\n", 2, "4 cells where the head has 3"),
    ("products", "id,id,price\n", 1, "the column id is there twice"),
    ("products", 'id,title,price\n"tea,Tea,5\n', 2, "not CSV"),
    ("products", 'id,title,price\n\n"te\na",Te\x00a,5\n', 3, "title holds a control character"),
    ("products", b"id,title,price\npen,Pen,5\ntea,T\xe9a,5\n", 3, "not UTF-8"),
    ("products", f"id,title,price\n{'x' * 256},Tea,5\n", 2, "id is longer than 255"),
    ("products", "id,title,price,ships\ntea,Tea,5,maybe\n", 2, "ships is neither yes nor no: maybe"),
    ("products", "id,title,price,quantity_max\ntea,Tea,5,0\n", 2, "quantity_max is not between 1"),
    ("variants", "id,product_id\nx,cup\n", 2, "product_id cup is not in products.csv"),
    ("variants", "id,product_id\npen,tea\n", 2, "id pen is a product"),
    ("inventory", "product_id,quantity\ncup,5\n", 2, "product_id cup is not for sale"),
    ("inventory", "product_id,quantity\ntea,5\ntea,6\n", 3, "product_id tea is there twice"),
    ("inventory", "product_id,quantity\ntea,\n", 2, "quantity is missing"),
    ("customers", "id,name,email\na,Ann,ann\n", 2, "email is none: ann"),
    ("customers", "id,name,email\na,A,a@x.de\nb,B,A@X.de\n", 3, "email A@X.de is there twice"),
    ("addresses", "id,customer_id,country\na,ann,DE\n", 2, "customer_id ann is not in customers.csv"),
    ("shipping_rates", RATE_HEAD + "a,Germany,standard,5,A\n", 2, "country_code is not a country"),
    ("shipping_rates", RATE_HEAD + "a,DE,,5,A\n", 2, "service_level is missing"),
    ("taxes", TAX_HEAD + "DE,19%,\n", 2, "rate_basis_points is not a number: 19%"),
    ("taxes", TAX_HEAD + "DE,10001,\n", 2, "rate_basis_points is more than the whole: 10001"),
    ("taxes", TAX_HEAD + "DE,0.001,\n", 2, "rate_basis_points is finer than a millionth"),
    ("taxes", TAX_HEAD + "DE,1900,\nde,700,\n", 3, "line 2 says already what is taxed here"),
    ("taxes", TAX_HEAD + ",1900,\n", 2, "country is missing"),
    ("discounts", DISCOUNT_HEAD + "A,percentage,,A,,,\n", 2, "value is missing"),
    ("discounts", DISCOUNT_HEAD + "A,percentage,101,A,,,\n", 2, "value is more than the whole: 101"),
    ("discounts", DISCOUNT_HEAD + "A,fixed_amount,0,A,,,\n", 2, "value is not between 1"),
    ("discounts", DISCOUNT_HEAD + "A,gift,1,A,,,\n", 2, "type is none of percentage"),
    ("discounts", DISCOUNT_HEAD + "A,percentage,1,A,tomorrow,,\n", 2, "ends_at is not a date: tomorrow"),
    ("discounts", DISCOUNT_HEAD + "A,percentage,1,A,,cup,\n", 2, "eligible_item_ids names cup"),
    ("discounts", DISCOUNT_HEAD + 'A,percentage,1,A,,"[1]",\n', 2, "eligible_item_ids is not a list"),
    ("discounts", DISCOUNT_HEAD + "A,percentage,1,A,,,\na,percentage,2,B,,,\n", 3, "code a is there twice"),
    ("promotions", "id,type,description\nx,free_shipping,\n", 2, "description is missing"),
    (
        "discounts",
        CLAIM_HEAD + "A,percentage,1,A,com.example.club\n",
        2,
        "a code or an eligibility, not both",
    ),
    (
        "discounts",
        CLAIM_HEAD + ",percentage,1,A,club\n",
        2,
        "eligibility is not a reverse-domain name: club",
    ),
    ("eligibility", "claim,holder\n,a@x.de\n", 2, "claim is missing"),
    ("eligibility", "claim,holder\ncom.Example,a@x.de\n", 2, "claim is not a reverse-domain name"),
    ("eligibility", "claim,holder\ncom.example,\n", 2, "holder is missing"),
    ("eligibility", "claim,holder\ncom.example,everybody\n", 2, "holder is no e-mail address, no @domain"),
    ("eligibility", "claim,holder\ncom.example,a@\n", 2, "holder is no e-mail address, no @domain"),
    ("pickup_locations", "id,name,country\nx,Shop,\n", 2, "country is missing"),
    ("categories", "id,title\nx,\n", 2, "title is missing"),
]


@pytest.mark.parametrize(("file", "content", "line", "reason"), BAD)
async def test_a_bad_row_is_named_and_nothing_is_loaded(
    pool: Pool, tmp_path: Path, file: str, content: str | bytes, line: int, reason: str
) -> None:
    await imported(pool, tmp_path / "good")
    before = await dump(pool)
    with pytest.raises(BadShop) as refused:
        await imported(pool, tmp_path / "bad", **{file: content})
    assert [(row.file, row.line) for row in refused.value.bad] == [(f"{file}.csv", line)]
    assert reason in refused.value.bad[0].reason
    assert str(refused.value) == str(refused.value.bad[0])
    assert await dump(pool) == before


async def test_a_category_that_the_table_lacks_is_bad(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(BadShop, match=r"products.csv, line 2: category tea is not in categories.csv"):
        await imported(
            pool,
            tmp_path,
            products="id,title,price,category\ntea,Tea,5,tea\n",
            categories="id,title\npaper,Paper\n",
        )


async def test_many_bad_rows_are_told_twenty_at_a_time(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(BadShop) as refused:
        await imported(pool, tmp_path, products="id,title,price\n" + "x,,\n" * 50)
    told = str(refused.value).splitlines()
    assert len(refused.value.bad) == 50
    assert told[0] == "products.csv, line 2: title is missing"
    assert told[-1] == "and 30 more"
    assert len(told) == importing.BAD_ROWS_TOLD_MAX + 1


async def test_a_folder_without_products_is_no_shop(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(BadShop, match="there is no such file"):
        await import_shop(pool, "shop", "EUR", tmp_path)


async def test_a_file_beyond_the_limit_is_not_read(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucp_server.store.csv_rows.FILE_BYTES_MAX", 40)
    with pytest.raises(BadShop, match="the file is larger than 40 bytes"):
        await imported(pool, tmp_path, products=PRODUCTS + "x" * 40)


async def test_a_failure_half_way_leaves_the_old_shop(pool: Pool, tmp_path: Path) -> None:
    await imported(pool, tmp_path)
    before = await dump(pool)
    await execute(pool, "alter table pictures rename to paintings")
    with pytest.raises(asyncpg.UndefinedTableError):
        await imported(pool, tmp_path / "next", products="id,title,price\ncup,Cup,900\n")
    await execute(pool, "alter table paintings rename to pictures")
    assert await dump(pool) == before


# --- anything ---

# fmt: off
COLUMNS = {
    "products": [
        "id", "title", "price", "category", "ships", "quantity_max", "image_url", "brand", "tags", "sku",
        "rating", "availability", "language", "title:de", "description:fr", "gtin", "list_price", "media",
    ],
    "variants": ["id", "product_id", "title", "price", "option:Size", "sku", "tags", "availability"],
    "categories": ["id", "title", "tax_category", "ships"],
    "inventory": ["product_id", "quantity"],
    "customers": ["id", "name", "email"],
    "addresses": ["id", "customer_id", "street_address", "city", "country"],
    "discounts": ["code", "type", "value", "description", "ends_at", "eligible_item_ids"],
    "eligibility": ["claim", "holder"],
    "promotions": ["id", "type", "value", "description", "min_subtotal"],
    "shipping_rates": ["id", "country_code", "service_level", "price", "title"],
    "pickup_locations": ["id", "name", "country", "opening_hours"],
    "taxes": ["country", "region", "category", "rate_basis_points", "included"],
    "offers": ["id", "item_id", "vertical", "provider", "commission_type", "commission_value", "data_gb"],
    "apps": ["id", "name", "description", "webhook_url"],
    "app_products": ["app_id", "id", "item_id", "fulfillment"],
    "tools": ["id", "url", "timeout_s"],
    "bundles": ["id", "group", "title", "item_id", "quantity", "parent", "interaction_types"],
}
# fmt: on
# What a merchant writes there; all other columns take any text.
USUAL = {
    "product_id": ["tea", "pen"],
    "price": ["0", "500", "9007199254740991", "14.90 EUR"],
    "list_price": ["", "9007199254740991"],
    "rating": ["", "4.75", "5"],
    "availability": ["", "in_stock", "preorder", "discontinued"],
    "language": ["", "de", "pt-BR", "xx"],
    "gtin": ["", "4006381333931"],
    "media": ["", "https://example.com/a.png|https://example.com/b.mp4"],
    "quantity": ["0", "12"],
    "quantity_max": ["", "3"],
    "category": [""],
    "image_url": ["", "https://example.com/x.png"],
    "ships": ["yes", "no", ""],
    "customer_id": ["ann"],
    "country": ["DE", "us"],
    "country_code": ["default", "FR"],
    "type": ["percentage", "free_shipping"],
    "value": ["10", "12.5"],
    "min_subtotal": ["", "6000"],
    "ends_at": ["", "2026-01-01", "2026-01-01T10:00:00+02:00"],
    "eligible_item_ids": ["", "tea", '["tea", "pen"]', "tea|pen"],
    "rate_basis_points": ["0", "1900", "887.5"],
    "included": ["yes", "no", ""],
}
CLAIMS = ["com.example.club", "org.school.student"]
HOLDERS = ["ann@example.com", "@school.example", "customers"]
UUIDS = ["dda5ce6d-85a7-47e8-93ee-e9436715ee5e", "d8f8f187-e469-4232-a609-f899c737a61c"]
USUAL_IN = {
    "offers": {
        "id": ["01KP", "a.b"],
        "item_id": ["tea", "pen"],
        "vertical": ["sim"],
        "commission_type": ["cpa", "percentage", "hybrid"],
        "commission_value": ["10"],
        "data_gb": ["", "5", "2.5", "unlimited", "yes"],
    },
    "eligibility": {"claim": CLAIMS, "holder": HOLDERS},
    "apps": {"id": UUIDS, "webhook_url": ["", "https://example.com/x"]},
    "app_products": {
        "app_id": UUIDS,
        "id": UUIDS,
        "item_id": ["tea"],
        "fulfillment": ["automatic", "manual"],
    },
    "tools": {"id": ["a", "b"], "url": ["http://localhost:1/x"], "timeout_s": ["", "3"]},
    "bundles": {
        "id": ["a", "b"],
        "item_id": ["tea"],
        "quantity": ["", "2"],
        "parent": ["", "a"],
        "interaction_types": ["", "Replace"],
    },
}
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs"]), min_size=1, max_size=6)
odd = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(['"', "\0", "[]", "-1", "\n"])


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def usual(file: str, column: str) -> st.SearchStrategy[str]:
    if column in USUAL_IN.get(file, {}):
        return st.sampled_from(USUAL_IN[file][column])
    if column == "email":
        return texts.map(lambda text: f"{text.replace('@', '')}@example.com")
    return st.sampled_from(USUAL[column]) if column in USUAL else texts


@st.composite
def shops(draw: st.DrawFn, *, is_odd: bool = False) -> dict[str, bytes]:
    """Some files with their own columns, and rows as merchants write them, or odder."""
    shop = {}
    for file in draw(st.sets(st.sampled_from(sorted(COLUMNS)), max_size=4)):
        head = COLUMNS[file]
        row = st.tuples(*(usual(file, column) | odd if is_odd else usual(file, column) for column in head))
        rows = draw(st.lists(row, max_size=3))
        lines = [head, *([quoted(cell) for cell in each] for each in rows)]
        shop[file] = "\n".join(",".join(line) for line in lines).encode("utf-8", "surrogatepass")
    return shop


def emptied(folder: Path) -> Path:
    for old in folder.glob("*.csv"):
        old.unlink()
    return folder


ANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@settings(ANY, max_examples=150)
@given(shops(is_odd=True) | st.dictionaries(st.sampled_from(sorted(COLUMNS)), st.binary()))
def test_no_file_makes_the_reader_fail(tmp_path: Path, shop: dict[str, bytes]) -> None:
    for row in reading(written(emptied(tmp_path), **shop)).bad:
        assert row.line >= 1
        assert row.reason


@settings(ANY, max_examples=60)
@given(shops())
async def test_what_the_reader_takes_postgres_takes(
    pool: Pool, tmp_path: Path, shop: dict[str, bytes]
) -> None:
    folder = written(emptied(tmp_path), **shop)
    if not reading(folder).bad:
        await import_shop(pool, "shop", "EUR", folder)
