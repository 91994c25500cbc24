from pathlib import Path

import pytest

from tests.store.shops import items_of, reading, written
from tests.style.sources import ROOT
from ucp_server.domain.catalog import Barcode, Category, Measure, ProductOption, Rating, UnitPrice
from ucp_server.store import product_tables
from ucp_server.store.catalog import ProductRow, Translation

DEMO = ROOT / "examples" / "demo_shop"


def products(folder: Path) -> dict[str, ProductRow]:
    read = reading(folder)
    assert read.bad == ()
    assert read.ignored == ()
    return {product.id: product for product in read.tables.products}


def test_the_demo_shop_shows_all_that_a_catalog_can() -> None:
    shop = products(DEMO)
    tea = shop["tea-darjeeling"]
    assert tea.detail.categories == (
        Category("Tea"),
        Category("Food, Beverages & Tobacco > Beverages > Tea & Infusions", "google_product_category"),
    )
    assert tea.detail.options == (ProductOption("Weight", ("50 g", "100 g")),)
    assert tea.detail.rating == Rating(value_centi=480, count=97)
    assert tea.items[0].detail.unit_price == UnitPrice(
        measure=Measure(50, "GRM", 0, "g"), reference=Measure(100, "GRM", 0, "g")
    )
    for product in shop.values():
        assert set(product.detail.translations) == {"de"}
        assert product.detail.media
        assert product.detail.brand
        assert all(item.detail.sku for item in product.items)
        assert {item.detail.product_id or item.id for item in product.items} == {product.id}
    skus = [item.detail.sku for product in shop.values() for item in product.items]
    assert len(skus) == len(set(skus))


def test_products_and_variants_stay_in_the_shops_order(tmp_path: Path) -> None:
    shop = products(
        written(
            tmp_path,
            products="id,title,price\npen,Pen,5\nbook,Book,5\nink,Ink,5\n",
            variants=(
                "id,product_id,option:Size,option:Colour\n"
                "b2,book,B,red\np1,pen,,blue\nb1,book,A,red\n"
            ),
        )
    )  # fmt: skip
    assert {id_: [item.id for item in shop[id_].items] for id_ in shop} == {
        "pen": ["p1"], "book": ["b2", "b1"], "ink": ["ink"],
    }  # fmt: skip
    assert shop["book"].detail.options == (
        ProductOption("Size", ("B", "A")),
        ProductOption("Colour", ("red",)),
    )


def test_a_variant_says_itself_what_only_one_thing_can_have(tmp_path: Path) -> None:
    items = items_of(
        written(
            tmp_path,
            products=(
                "id,title,price,list_price,sku,ean,handle,tags,availability,unit_pricing_measure\n"
                "tea,Tea,500,600,T,4006381333931,tea,loose,preorder,50 g\n"
            ),
            variants=(
                "id,product_id,option:Weight,price,list_price,sku,gtin,handle,tags,availability,title:de\n"
                "t50,tea,50 g,,,,,,,,\n"
                "t100,tea,100 g,900,,T-100,036000291452,tea-100,large,in stock,Tee 100 g\n"
                "t250,tea,250 g,900,1000,,,,,,\n"
            ),
        )
    )
    small, large, bulk = (items[id_] for id_ in ("t50", "t100", "t250"))
    assert (small.price_minor, small.detail.list_price_minor) == (500, 600)
    assert (large.price_minor, large.detail.list_price_minor) == (900, None)
    assert (bulk.price_minor, bulk.detail.list_price_minor) == (900, 1000)
    assert (small.detail.sku, small.detail.barcodes, small.detail.handle) == (None, (), None)
    assert (large.detail.sku, large.detail.handle, large.detail.tags) == ("T-100", "tea-100", ("large",))
    assert large.detail.barcodes == (Barcode("UPC", "036000291452"),)
    assert large.detail.translations == {"de": Translation(title="Tee 100 g")}
    assert [item.detail.status for item in (small, large, bulk)] == ["preorder", None, "preorder"]
    assert small.detail.unit_price is not None


def test_texts_come_in_several_languages(tmp_path: Path) -> None:
    head = "id,title,price,language,title:de,description:de,title:pt-br\n"
    shop = products(
        written(tmp_path, products=head + "tea,Tea,5,EN,Tee,<b>Loser</b> Tee,Chá\npen,Pen,5,,,,\n")
    )
    assert shop["tea"].detail.language == "en"
    assert shop["tea"].detail.translations == {
        "de": Translation(title="Tee", description="Loser Tee"),
        "pt-BR": Translation(title="Chá"),
    }
    assert shop["pen"].detail.translations == {}


def test_pieces_may_stand_in_the_row_and_the_inventory_knows_better(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        products="id,title,price,quantity\ntea,Tea,5,4\npen,Pen,5,7\nink,Ink,5,\n",
        inventory="product_id,quantity\npen,1\n",
    )
    assert reading(folder).tables.stock == {"tea": 4, "pen": 1}


def test_more_variants_than_anybody_shows_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_tables, "VARIANTS_MAX", 2)
    rows = "".join(f"t{n},tea\n" for n in range(3))
    read = reading(written(tmp_path, variants="id,product_id\n" + rows))
    assert [str(row) for row in read.bad] == ["variants.csv, line 4: product tea has more than 2 variants"]


def test_a_long_text_is_cut_and_the_row_is_loaded(tmp_path: Path) -> None:
    rows = f"tea,{'Tea ' * 100},5,{'leaf ' * 900}\n"
    read = reading(written(tmp_path, products="id,title,price,description\n" + rows))
    assert read.bad == ()
    assert [(cut.line, cut.column) for cut in read.cut] == [(2, "title"), (2, "description")]
    (tea,) = read.tables.products
    assert len(tea.title) <= 300
    assert len(tea.detail.description) <= 2_000
    assert tea.detail.description.endswith("…")
