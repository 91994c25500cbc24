"""What a search finds, over real text search: words, languages, typos, filters."""

from collections import Counter

import pytest

from tests.store.products import product, sold, with_variants
from tests.store.shops import execute
from ucp_server.domain.catalog import Choice, Filters, Market, Search
from ucp_server.store.catalog import PostgresCatalog, Translation
from ucp_server.store.catalog_search import Stage
from ucp_server.store.catalog_statements import FEW_WITHIN_MAX, RANKED_MAX
from ucp_server.store.database import Pool, recorded_statements

EVERYTHING = Filters()
CHEAP = Filters(price_max_minor=500)


async def found(
    pool: Pool,
    query: str | None,
    filters: Filters = EVERYTHING,
    *,
    language: str | None = None,
    limit: int = 100,
) -> list[str]:
    search = Search(query=query, filters=filters, market=Market(language=language))
    return list(await PostgresCatalog(pool).search("shop", search, limit))


# --- words ---


async def test_words_are_found_in_any_case_and_form(pool: Pool) -> None:
    await sold(pool, product("Green tea", description="From the first harvest"), product("Fountain pen"))
    for query in ("tea", "TEAS", "green teas", "harvested tea", "the green tea of the first harvest"):
        assert await found(pool, query) == ["green-tea"], query
    assert await found(pool, "kettle") == []
    assert await found(pool, "?!") == []


async def test_a_title_counts_more_than_facts_and_these_more_than_a_description(pool: Pool) -> None:
    await sold(
        pool,
        product("Strainer", description="Fine enough for any tea"),
        product("Tin", category="Tea"),
        product("A small school of tea"),
        product("Tea"),
    )
    assert await found(pool, "tea") == ["tea", "a-small-school-of-tea", "tin", "strainer"]


async def test_a_last_word_may_be_begun_where_no_product_has_it(pool: Pool) -> None:
    await sold(pool, product("Notebook"), product("Fine note paper"))
    assert await found(pool, "note") == ["fine-note-paper"]
    assert await found(pool, "noteb") == ["notebook"]
    assert await found(pool, "fine pap") == ["fine-note-paper"]


async def test_any_of_the_words_will_do_where_no_product_has_all(pool: Pool) -> None:
    await sold(
        pool, *(product(f"Tea {n}", description="Gift") for n in range(5)), product("Golden strainer")
    )
    assert await found(pool, "golden tea gift for mother") == [
        "golden-strainer",
        *(f"tea-{n}" for n in range(5)),
    ]


async def test_words_written_as_one_or_as_two_are_the_same(pool: Pool) -> None:
    await sold(pool, product("Teapot"), product("Post cards"), product("Ink 30 ml"))
    assert await found(pool, "tea pot") == ["teapot"]
    assert await found(pool, "postcards") == ["post-cards"]
    assert await found(pool, "30ml") == ["ink-30-ml"]


async def test_a_code_is_what_it_names(pool: Pool) -> None:
    await sold(
        pool, product("Chair AB 12"), product("Lamp", sku="AB-12"), product("Desk", handle="ab-desk")
    )
    assert await found(pool, "ab-12") == ["lamp"]
    assert await found(pool, "AB-DESK") == ["desk"]
    assert await found(pool, "AB-DESK", CHEAP) == []
    assert await found(pool, "AB-13") == ["chair-ab-12"]


async def test_a_word_that_all_have_is_ranked_within_bounds(pool: Pool) -> None:
    many = [product(f"Sheet {n}", description="Paper") for n in range(RANKED_MAX + 50)]
    await sold(pool, *many, product("Paper"))
    everything = await found(pool, "paper", limit=1_000)
    assert everything[0] == "paper"
    assert len(everything) == len(set(everything)) == 1_000


# --- languages ---


@pytest.mark.parametrize(
    ("language", "title", "queries"),
    [
        ("de", "Grüne Bücher über Straßen", ("grünes Buch", "gruenes buch", "bucher", "STRASSE")),
        ("fr", "Théières émaillées", ("theiere", "théière emaillée")),
        ("es", "Tetera de hierro fundido", ("teteras", "tetera hierro")),
        ("ar", "أكواب الشاي", ("اكواب شاي", "شاي", "الشَّاي")),
        ("ru", "Зелёный чай", ("зеленого чая", "чай")),
        ("ja", "日本の緑茶", ("緑茶", "日本", "茶")),
        ("zh", "铸铁茶壶", ("茶壶", "铸铁茶壶")),
        ("ko", "녹차를 위한 찻잔", ("녹차", "찻잔")),
        ("pl", "Żółta filiżanka", ("zolta filizanka",)),
    ],
)
async def test_every_language_is_searched(
    pool: Pool, language: str, title: str, queries: tuple[str, ...]
) -> None:
    await sold(pool, product("Something else"), product(title, id_="meant", language=language))
    for query in queries:
        assert await found(pool, query) == ["meant"], query


async def test_a_buyer_is_understood_in_a_language_that_only_few_products_have(pool: Pool) -> None:
    await sold(pool, product("Teapot", translations={"de": Translation(title="Teekannen")}))
    assert await found(pool, "teekanne", language="de") == ["teapot"]


# --- typos ---


@pytest.mark.parametrize("query", ["fontain pen", "fountian", "fuontian pens", "fountainn"])
async def test_misspelt_words_are_taken_for_known_ones(pool: Pool, query: str) -> None:
    await sold(pool, product("Fountain pen"), product("Mountain tea"), product("Pencil"))
    assert (await found(pool, query))[0] == "fountain-pen"


async def test_trigrams_are_looked_at_only_where_words_find_nothing(pool: Pool) -> None:
    await sold(pool, product("Green tea"), product("Fountain pen"))
    noted: Counter[str] = Counter()
    catalog = PostgresCatalog(pool, lambda stage: noted.update([stage]))
    with recorded_statements() as sent:
        for query in ("tea", "green teas", "foun", "fountain tea", None):
            assert await catalog.search("shop", Search(query=query), 10)
    assert not [sql for sql in sent if "trigrams" in sql]
    assert catalog.stages == {Stage.ALL: 2, Stage.BEGUN: 1, Stage.ANY: 1, Stage.BROWSE: 1}
    with recorded_statements() as sent:
        assert await catalog.search("shop", Search(query="fontain"), 10) == ["fountain-pen"]
    assert len([sql for sql in sent if "trigrams" in sql]) == 1
    assert (catalog.stages[Stage.CORRECTED], catalog.stages[Stage.TRIGRAMS]) == (1, 1)
    assert await catalog.search("shop", Search(query="zzzzzz"), 10) == []
    assert catalog.stages[Stage.NOTHING] == 1
    assert noted == catalog.stages


# --- filters ---


async def test_a_price_is_that_of_this_moment_and_of_any_variant(pool: Pool) -> None:
    await sold(
        pool,
        with_variants("Notebook", ({"Size": "A5"}, 1_400), ({"Size": "A6"}, 500)),
        product("Calendar", 900),
    )
    for query in (None, "notebook"):
        assert await found(pool, query, CHEAP) == ["notebook"]
    await execute(pool, "update items set price_minor = 501 where id = 'notebook-a6'")
    await execute(pool, "update items set price_minor = 100 where id = 'calendar'")
    for query in (None, "calendar"):
        assert await found(pool, query, CHEAP) == ["calendar"]
    assert await found(pool, None, Filters(price_min_minor=501, price_max_minor=501)) == ["notebook"]
    assert await found(pool, "notebook calendar", Filters(price_min_minor=2_000)) == []


async def test_many_products_are_browsed_in_the_order_of_the_shop_too(pool: Pool) -> None:
    many = FEW_WITHIN_MAX + 100
    await sold(pool, *(product(f"Sheet {n}", 1_000 + n % 2, category="Paper") for n in range(many)))
    in_order = [f"sheet-{n}" for n in range(many)]
    assert await found(pool, None, Filters(price_min_minor=1_000), limit=1_000) == in_order[:1_000]
    assert await found(pool, None, Filters(categories=("paper",)), limit=1_000) == in_order[:1_000]
    dear = Filters(categories=("paper",), price_min_minor=1_001)
    assert await found(pool, None, dear, limit=1_000) == in_order[1:2_000:2]
    assert await found(pool, None, Filters(price_min_minor=2_000)) == []


async def test_a_category_is_a_name_or_the_beginning_of_a_path(pool: Pool) -> None:
    await sold(
        pool,
        product("Shirt", category="Apparel > Shirts"),
        product("Apparel brush", category="Tools"),
        product("Sock", category="apparel"),
    )
    assert await found(pool, None, Filters(categories=("APPAREL",))) == ["shirt", "sock"]
    assert await found(pool, None, Filters(categories=("apparel>shirts", "tools"))) == [
        "shirt",
        "apparel-brush",
    ]
    assert await found(pool, "apparel", Filters(categories=("Tools",))) == ["apparel-brush"]
    assert await found(pool, None, Filters(categories=("Shirts", "Appar"))) == []


async def test_one_variant_has_all_that_is_chosen(pool: Pool) -> None:
    await sold(
        pool,
        with_variants(
            "Notebook",
            ({"Size": "A5", "Ruling": "dotted"}, 1_400),
            ({"Size": "A6", "Ruling": "plain"}, 500),
        ),
    )

    async def with_(
        *choices: tuple[str, str], query: str | None = None, price: int | None = None
    ) -> list[str]:
        chosen = tuple(Choice(name, label) for name, label in choices)
        return await found(pool, query, Filters(choices=chosen, price_max_minor=price))

    assert await with_(("size", "a5")) == ["notebook"]
    assert await with_(("Size", "A5"), ("ruling", " Dotted")) == ["notebook"]
    assert await with_(("Size", "A5"), ("Ruling", "plain")) == []
    assert await with_(("Size", "A5"), ("Size", "A6"), ("Ruling", "plain"), query="notebook") == [
        "notebook"
    ]
    assert await with_(("Size", "A5"), price=600) == []
    assert await with_(("Size", "A6"), price=600) == ["notebook"]


async def test_what_is_available_is_what_a_checkout_would_take(pool: Pool) -> None:
    await sold(
        pool,
        *(product(title) for title in ("Counted", "Gone", "Held")),
        product("Never again", status="discontinued"),
        product("Soon", status="preorder"),
    )
    await execute(
        pool,
        "insert into inventory (merchant_id, item_id, on_hand, reserved) "
        "values ('shop', 'counted', 2, 1), ('shop', 'gone', 0, 0), ('shop', 'held', 2, 2)",
    )
    assert await found(pool, None, Filters(available=True)) == ["counted", "soon"]
    assert await found(pool, None, Filters(available=False)) == ["gone", "held", "never-again"]


async def test_a_merchant_finds_its_own_products_alone(pool: Pool) -> None:
    await sold(pool, product("Green tea"), product("Notebook"))
    await sold(pool, product("Black tea"), merchant_id="other")
    assert await found(pool, "tea") == ["green-tea"]
    assert await found(pool, None) == ["green-tea", "notebook"]
    assert await PostgresCatalog(pool).search("nobody", Search(query="tea"), 10) == []


async def test_quotes_and_operators_are_no_language(pool: Pool) -> None:
    await sold(pool, product("Green tea"))
    for query in (
        "tea' | 'x",
        "tea & !green",
        "(tea",
        "tea:*",
        "tea\\",
        "'; drop table items; --",
        "te\0a",
        "*",
    ):
        await found(pool, query)
        await found(pool, query, Filters(categories=(query,), choices=(Choice(query, query),)))
