from collections.abc import Sequence

from ucp_server.domain.catalog import Choice
from ucp_server.store.database import Pool, read, recorded_statements
from ucp_server.store.search_stems import Stems, dictionary_of
from ucp_server.store.search_text import word_of, words_of
from ucp_server.store.search_words import (
    LEXEMES_MAX,
    Text,
    all_of,
    array_of,
    asked_words,
    categories_query,
    category_keys,
    choices_query,
    choices_vector,
    rarity,
    tag_of,
    trigram_keys,
    vectors_of,
)


async def matches(pool: Pool, vector: str, query: str | None) -> bool:
    async with read(pool) as db:
        return await db.fetchval("select $1::text::tsvector @@ $2::text::tsquery", vector, query) is True


def texts(*told: str) -> list[Text]:
    return [Text(tuple(words_of(each)), "A", "english_stem") for each in told]


async def learned(pool: Pool, words: Sequence[str], *dictionaries: str) -> Stems:
    stems = Stems()
    async with read(pool) as db:
        await stems.learn(db, dictionaries, [word for each in words for word in words_of(each)])
    return stems


async def test_stems_are_asked_for_once_and_fillers_have_none(pool: Pool) -> None:
    stems = await learned(pool, ["The teas für"], "english_stem", "german_stem")
    the, teas, for_ = words_of("The teas für")
    assert [stems.of("english_stem", word) for word in (the, teas, for_)] == [None, "tea", "fur"]
    assert stems.of("german_stem", for_) is None
    async with read(pool) as db:
        with recorded_statements() as sent:
            await stems.learn(db, ["english_stem"], [teas])
    assert sent == []


async def test_a_dictionary_that_postgres_lacks_leaves_words_as_they_are(pool: Pool) -> None:
    stems = await learned(pool, ["teas"], "klingon_stem")
    assert stems.of("klingon_stem", word_of("teas")) == "teas"


def test_a_language_has_a_dictionary_by_its_first_subtag() -> None:
    assert dictionary_of("de-AT") == dictionary_of("DE") == "german_stem"
    assert dictionary_of("ja") is None


async def test_fillers_are_asked_for_only_where_there_is_nothing_else(pool: Pool) -> None:
    stems = await learned(pool, ["the who tea"], "english_stem")

    def plain(query: str) -> list[str]:
        asked = asked_words(list(words_of(query)), ["english_stem"], stems)
        return [one.word.plain for one in asked]

    assert plain("the tea") == ["tea"]
    assert plain("the who") == ["the", "who"]


async def test_a_merchant_s_lexemes_are_its_own(pool: Pool) -> None:
    stems = await learned(pool, ["tea"], "english_stem")
    one, other = tag_of("one"), tag_of("other")
    vector = vectors_of(one, texts("tea"), [], [], stems).words
    asked = asked_words(list(words_of("tea")), ["english_stem"], stems)
    assert await matches(pool, vector, all_of(one, asked))
    assert await matches(pool, vector, all_of(one, asked, "^"))
    assert not await matches(pool, vector, all_of(other, asked))
    assert trigram_keys("one", ["tea"]) != trigram_keys("other", ["tea"])


async def test_categories_and_choices_are_compared_without_letter_case_and_quotes(pool: Pool) -> None:
    tag, stems = tag_of("shop"), Stems()
    path = "Men's > 'Shirts\\ & more'"
    vector = vectors_of(tag, [], [path], [Choice("Größe", "L | XL")], stems).words
    assert await matches(pool, vector, categories_query(tag, ["MEN'S"]))
    assert await matches(pool, vector, categories_query(tag, ["gone", path.upper()]))
    assert not await matches(pool, vector, categories_query(tag, ["Shirts"]))
    assert await matches(pool, vector, choices_query(tag, [Choice("grösse", "l | xl")]))
    assert choices_vector(tag, [Choice("A", "b")]) == choices_vector(tag, [Choice(" a", "B ")])
    assert categories_query(tag, []) is choices_query(tag, []) is None
    assert len(category_keys(["a > b > c"])) == 3


async def test_a_long_text_is_searched_up_to_a_bound(pool: Pool) -> None:
    told = texts(*(f"word{n}" for n in range(2 * LEXEMES_MAX)))
    vector = vectors_of("tag", told, [], [], Stems()).words
    assert "word0'" in vector
    assert f"word{LEXEMES_MAX}'" not in vector


def test_a_rare_word_tells_more() -> None:
    assert rarity(1, 1_000) > rarity(100, 1_000) > rarity(1_000, 1_000) == 1.0
    assert rarity(0, 0) == 1.0
    assert array_of([1, 2]) == "{1,2}"
