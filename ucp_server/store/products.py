"""A merchant's products into our tables, in place of those that were there before.

What stays as it was is not written again: an import of the same shop changes nothing, and indexes of
words do not swell.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from ucp_server.domain.catalog import Choice
from ucp_server.store.bulk import insert_rows, read_rows
from ucp_server.store.catalog import ItemRow, ProductRow, Translation
from ucp_server.store.csv_rows import Progress, unwatched
from ucp_server.store.database import Tx
from ucp_server.store.documents import encode
from ucp_server.store.search_stems import Stems, dictionary_of
from ucp_server.store.search_text import Word, is_piece, trigrams, words_of
from ucp_server.store.search_words import (
    Text,
    Vectors,
    Weight,
    array_of,
    choices_vector,
    tag_of,
    trigram_keys,
    vectors_of,
)

# A statement, sorting into the index included, stays far below its limit of 5 s.
PRODUCTS_AT_ONCE: Final = 250

UPSERT_ITEMS: Final = """
insert into items (merchant_id, id, title, price_minor, listed_minor, currency, detail, position, choices)
select $1, new.id, new.title, new.price_minor, new.price_minor, $2, new.detail, new.position,
       new.choices::tsvector
from unnest($3::text[], $4::text[], $5::bigint[], $6::jsonb[], $7::integer[], $8::text[])
    as new (id, title, price_minor, detail, position, choices)
on conflict (merchant_id, id) do update set
    title = excluded.title, price_minor = excluded.price_minor, listed_minor = excluded.listed_minor,
    currency = excluded.currency, detail = excluded.detail, position = excluded.position,
    choices = excluded.choices
where (items.title, items.price_minor, items.listed_minor, items.currency, items.detail, items.position,
       items.choices)
    is distinct from (excluded.title, excluded.price_minor, excluded.listed_minor, excluded.currency,
                      excluded.detail, excluded.position, excluded.choices)
"""
UPSERT_PRODUCTS: Final = """
insert into products (merchant_id, id, title, detail)
select $1, new.id, new.title, new.detail
from unnest($2::text[], $3::text[], $4::jsonb[]) as new (id, title, detail)
on conflict (merchant_id, id) do update set title = excluded.title, detail = excluded.detail
where (products.title, products.detail) is distinct from (excluded.title, excluded.detail)
"""
UPSERT_HEADS: Final = """
insert into product_heads (merchant_id, product_id, position, title_length, price_from, price_to, head)
select $1, new.product_id, new.position, new.title_length, new.price_from, new.price_to, new.head::tsvector
from unnest($2::text[], $3::integer[], $4::smallint[], $5::bigint[], $6::bigint[], $7::text[])
    as new (product_id, position, title_length, price_from, price_to, head)
on conflict (merchant_id, product_id) do update set
    position = excluded.position, title_length = excluded.title_length,
    price_from = excluded.price_from, price_to = excluded.price_to, head = excluded.head
where (product_heads.position, product_heads.title_length, product_heads.price_from,
       product_heads.price_to, product_heads.head)
    is distinct from (excluded.position, excluded.title_length, excluded.price_from,
                      excluded.price_to, excluded.head)
"""
UPSERT_WORDS: Final = """
insert into product_words (merchant_id, product_id, position, title_length, words)
select $1, new.product_id, new.position, new.title_length, new.words::tsvector
from unnest($2::text[], $3::integer[], $4::smallint[], $5::text[])
    as new (product_id, position, title_length, words)
on conflict (merchant_id, product_id) do update set
    position = excluded.position, title_length = excluded.title_length, words = excluded.words
where (product_words.position, product_words.title_length, product_words.words)
    is distinct from (excluded.position, excluded.title_length, excluded.words)
"""
INSERT_NAMES: Final = """
insert into product_names (merchant_id, name, product_id, item_id)
select $1, new.name, new.product_id, new.item_id
from unnest($2::text[], $3::text[], $4::text[]) as new (name, product_id, item_id)
on conflict do nothing
"""
UPSERT_VOCABULARY: Final = """
insert into vocabulary (merchant_id, word, products, trigrams)
select $1, new.word, new.products, new.trigrams::integer[]
from unnest($2::text[], $3::integer[], $4::text[]) as new (word, products, trigrams)
on conflict (merchant_id, word) do update set products = excluded.products
"""
INSERT_LANGUAGES: Final = """
insert into product_languages (merchant_id, language)
select $1, new.language from unnest($2::text[]) as new (language)
on conflict do nothing
"""

LOAD_ITEM_IDS: Final = "select id from items where merchant_id = $1 and id > $2 order by id limit $3"
LOAD_PRODUCT_IDS: Final = "select id from products where merchant_id = $1 and id > $2 order by id limit $3"
LOAD_NAMES: Final = """
select name, product_id, item_id from product_names
where merchant_id = $1 and (name, product_id, item_id) > ($2, $3, $4)
order by name, product_id, item_id limit $5
"""
LOAD_VOCABULARY: Final = """
select word, products from vocabulary where merchant_id = $1 and word > $2 order by word limit $3
"""
LOAD_LANGUAGES: Final = """
select language from product_languages where merchant_id = $1 and language > $2 order by language limit $3
"""

DELETE_ITEMS: Final = "delete from items where merchant_id = $1 and id = any($2::text[])"
DELETE_PRODUCTS: Final = "delete from products where merchant_id = $1 and id = any($2::text[])"
DELETE_HEADS: Final = "delete from product_heads where merchant_id = $1 and product_id = any($2::text[])"
DELETE_WORDS: Final = "delete from product_words where merchant_id = $1 and product_id = any($2::text[])"
DELETES: Final = (DELETE_HEADS, DELETE_WORDS, DELETE_PRODUCTS)
DELETE_NAMES: Final = """
delete from product_names n
using unnest($2::text[], $3::text[], $4::text[]) as old (name, product_id, item_id)
where n.merchant_id = $1 and n.name = old.name and n.product_id = old.product_id and n.item_id = old.item_id
"""
DELETE_VOCABULARY: Final = "delete from vocabulary where merchant_id = $1 and word = any($2::text[])"
DELETE_LANGUAGES: Final = (
    "delete from product_languages where merchant_id = $1 and language = any($2::text[])"
)

# A large shop's values are many: when Python looks for garbage among them, it may take seconds.
LONGER_SILENCE: Final = "set local idle_in_transaction_session_timeout = '60s'"

# What waits to be sorted into an index of words is read by every search until then.
CLEAN_INDEX: Final = "select gin_clean_pending_list($1::text::regclass)"


async def replace_products(
    tx: Tx,
    merchant_id: str,
    currency: str,
    rows: Sequence[ProductRow],
    progress: Progress = unwatched,
) -> None:
    """Make ``rows``, in their order, all that the merchant sells; prices are in ``currency``.

    Writes items, products and what they are found by. Ids of products, and of items, differ.
    """
    await tx.execute(LONGER_SILENCE)
    writer = _Writer(tx, merchant_id, currency)
    for start in range(0, len(rows), PRODUCTS_AT_ONCE):
        progress("writing products", start, len(rows))
        await writer.write(rows[start : start + PRODUCTS_AT_ONCE], start)
    progress("writing products", len(rows), len(rows))
    await writer.finish(rows)


class _Writer:
    """One import: what it has seen so far of the words and languages of the shop."""

    def __init__(self, tx: Tx, merchant_id: str, currency: str) -> None:
        self._tx = tx
        self._merchant_id = merchant_id
        self._currency = currency
        self._tag = tag_of(merchant_id)
        self._stems = Stems()
        self._counts: Counter[str] = Counter()
        self._languages: set[str] = set()
        self._names: set[tuple[str, str, str]] = set()

    async def write(self, rows: Sequence[ProductRow], first_position: int) -> None:
        tx, merchant_id = self._tx, self._merchant_id
        items = (self._item(item, at) for row in rows for at, item in enumerate(row.items))
        await insert_rows(tx, UPSERT_ITEMS, merchant_id, self._currency, rows=items)
        products = ((row.id, row.title, encode(row.detail)) for row in rows)
        await insert_rows(tx, UPSERT_PRODUCTS, merchant_id, rows=products)
        texts = [list(texts_of(row)) for row in rows]
        await self._learn(texts)
        await self._write_vectors(rows, texts, first_position)
        self._names.update(name for row in rows for name in names_of(row))
        self._languages.update(language for row in rows for language in _languages_of(row))

    async def _write_vectors(
        self, rows: Sequence[ProductRow], texts: Sequence[Sequence[Text]], first_position: int
    ) -> None:
        heads, words = [], []
        for position, (row, theirs) in enumerate(zip(rows, texts, strict=True), first_position):
            vectors = self._vectors(row, theirs)
            prices = [item.price_minor for item in row.items]
            known = row.id, position, _title_length(row)
            heads.append((*known, min(prices), max(prices), vectors.head))
            words.append((*known, vectors.words))
        await insert_rows(self._tx, UPSERT_HEADS, self._merchant_id, rows=iter(heads))
        await insert_rows(self._tx, UPSERT_WORDS, self._merchant_id, rows=iter(words))

    async def finish(self, rows: Sequence[ProductRow]) -> None:
        """Remove what is no longer there, and write what holds for the shop as a whole."""
        tx, merchant_id = self._tx, self._merchant_id
        item_ids = {(item.id,) for row in rows for item in row.items}
        await _remove(tx, merchant_id, LOAD_ITEM_IDS, item_ids, DELETE_ITEMS)
        product_ids = {(row.id,) for row in rows}
        await _remove(tx, merchant_id, LOAD_PRODUCT_IDS, product_ids, *DELETES)
        known = await _remove(tx, merchant_id, LOAD_NAMES, self._names, DELETE_NAMES, key_columns=3)
        await insert_rows(tx, INSERT_NAMES, merchant_id, rows=sorted(self._names - known))
        languages = {(language,) for language in self._languages}
        known = await _remove(tx, merchant_id, LOAD_LANGUAGES, languages, DELETE_LANGUAGES)
        await insert_rows(tx, INSERT_LANGUAGES, merchant_id, rows=sorted(languages - known))
        await self._write_vocabulary()
        for index in ("product_heads_head", "product_words_words"):
            await tx.fetchval(CLEAN_INDEX, index)

    def _item(self, item: ItemRow, position: int) -> tuple[object, ...]:
        choices = choices_vector(self._tag, _choices(item))
        return item.id, item.title, item.price_minor, encode(item.detail), position, choices

    async def _learn(self, texts: Sequence[Sequence[Text]]) -> None:
        by_dictionary: dict[str, dict[str, Word]] = {}
        for theirs in texts:
            self._counts.update({word.plain for text in theirs for word in text.words})
            for text in theirs:
                if text.dictionary is not None:
                    known = by_dictionary.setdefault(text.dictionary, {})
                    known.update((word.surface, word) for word in text.words)
        for dictionary, asked in by_dictionary.items():
            await self._stems.learn(self._tx, [dictionary], asked.values())

    def _vectors(self, row: ProductRow, texts: Sequence[Text]) -> Vectors:
        choices = [choice for item in row.items for choice in _choices(item)]
        return vectors_of(self._tag, texts, _categories_of(row), choices, self._stems)

    async def _write_vocabulary(self) -> None:
        tx, merchant_id = self._tx, self._merchant_id
        counts = {word: count for word, count in self._counts.items() if not is_piece(word)}
        rows = await read_rows(tx, LOAD_VOCABULARY, merchant_id)
        known = {row["word"]: row["products"] for row in rows}
        gone = ((word,) for word in known.keys() - counts.keys())
        await insert_rows(tx, DELETE_VOCABULARY, merchant_id, rows=gone)
        changed = (
            (word, count, array_of(trigram_keys(merchant_id, trigrams(word))))
            for word, count in sorted(counts.items())
            if known.get(word) != count
        )
        await insert_rows(tx, UPSERT_VOCABULARY, merchant_id, rows=changed)


async def _remove(
    tx: Tx,
    merchant_id: str,
    load: str,
    kept: AbstractSet[tuple[str, ...]],
    *deletes: str,
    key_columns: int = 1,
) -> set[tuple[str, ...]]:
    """Delete what ``load`` finds and is not ``kept``; returns what it found.

    The difference is taken here: Postgres, not knowing how long a list it is handed will be, might
    compare each row with all of it.
    """
    rows = await read_rows(tx, load, merchant_id, key_columns=key_columns)
    found = {tuple(row) for row in rows}
    for delete in deletes:
        await insert_rows(tx, delete, merchant_id, rows=iter(found - kept))
    return found


# --- what a product is found by ---


def texts_of(row: ProductRow) -> Iterator[Text]:
    """What is searched of a product, what matters most first; no text twice."""
    said: set[str] = set()
    for text, weight, language in _told(row):
        if text and text not in said:
            said.add(text)
            yield Text(tuple(dict.fromkeys(words_of(text))), weight, dictionary_of(language))


def _told(row: ProductRow) -> Iterator[tuple[str | None, Weight, str]]:
    detail, own = row.detail, row.detail.language
    yield row.title, "A", own
    for language, each in detail.translations.items():
        yield each.title, "A", language
    for fact in (detail.brand, *_categories_of(row), *detail.tags, *_option_texts(row)):
        yield fact, "B", own
    for item in row.items:
        for fact in (item.title, *item.detail.tags):
            yield fact, "B", own
        for language, each in item.detail.translations.items():
            yield each.title, "B", language
    for text in (detail.description, *(item.detail.description for item in row.items)):
        yield text, "D", own
    for language, each in _translations_of(row):
        yield each.description, "D", language
    # Ids that a person made up say what it is.
    yield row.id, "D", own
    yield detail.handle, "D", own


def names_of(row: ProductRow) -> Iterator[tuple[str, str, str]]:
    """(name, product, item) for all that is an identifier beside the ids."""
    if row.detail.handle:
        yield row.detail.handle.casefold(), row.id, ""
    for item in row.items:
        detail = item.detail
        names = (detail.sku, detail.handle, *(barcode.value for barcode in detail.barcodes))
        yield from ((name.casefold(), row.id, item.id) for name in names if name)


def _option_texts(row: ProductRow) -> Iterator[str]:
    for item in row.items:
        for name, label in item.detail.options.items():
            yield from (label, name)


def _categories_of(row: ProductRow) -> list[str]:
    of_items = [one.value for item in row.items for one in item.detail.categories]
    return list(dict.fromkeys([*(one.value for one in row.detail.categories), *of_items]))


def _choices(item: ItemRow) -> list[Choice]:
    return [Choice(name, label) for name, label in item.detail.options.items()]


def _translations_of(row: ProductRow) -> Iterator[tuple[str, Translation]]:
    yield from row.detail.translations.items()
    for item in row.items:
        yield from item.detail.translations.items()


def _languages_of(row: ProductRow) -> list[str]:
    return list(dict.fromkeys([row.detail.language, *(language for language, _ in _translations_of(row))]))


def _title_length(row: ProductRow) -> int:
    return sum(1 for _ in words_of(row.title))
