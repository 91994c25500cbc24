"""Finding products: by their words in stages, each taken only where the one before finds nothing.

What names a product is that product. Otherwise first what has all the words; then what has them with
the last one only begun; then with the words that nobody uses taken for misspelt ones; then what has
any of them, rare words first.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final

import msgspec

from ucp_server.domain.catalog import Filters, Search
from ucp_server.store.catalog_statements import (
    ANY_RANKED_MAX,
    BROWSE,
    COUNT_WORDS,
    FIND_ALIKE,
    FIND_ALL,
    FIND_ANY,
    FIND_LESS_ALIKE,
    FIND_NAMED,
    FIND_WITHIN,
    LOAD_SHOP_LANGUAGES,
)
from ucp_server.store.database import Read
from ucp_server.store.search_stems import Stems, dictionary_of
from ucp_server.store.search_text import (
    can_be_misspelt,
    halves,
    is_piece,
    left_by_a_typo,
    nearest,
    trigrams,
    typos_in,
    word_of,
    words_of,
)
from ucp_server.store.search_words import (
    QUERY_WORDS_MAX,
    AskedWord,
    all_of,
    any_of,
    array_of,
    asked_words,
    can_be_begun,
    categories_query,
    choices_query,
    rarity,
    tag_of,
    trigram_keys,
)

# What a misspelt word is taken for.
CORRECTIONS_MAX: Final = 3
# Misspelt words of one query that are corrected.
MISSPELT_MAX: Final = 4
# A new language of a shop is searched after at most this long.
LANGUAGES_TTL_S: Final = 5.0
# Shops whose languages are remembered.
SHOPS_REMEMBERED_MAX: Final = 1_000


class Stage(StrEnum):
    """What found something in the end; NOTHING when nothing did."""

    BROWSE = "browse"
    NAMED = "named"
    ALL = "all"
    BEGUN = "begun"
    CORRECTED = "corrected"
    ANY = "any"
    NOTHING = "nothing"
    # Counted beside them: how often words were looked up by their trigrams.
    TRIGRAMS = "trigrams"


class _Asked(msgspec.Struct, frozen=True):
    """One search while it goes through its stages. ``shared`` are the parameters $1 to $6.

    ``within`` is what the filters ask of a product's own lexemes.
    """

    merchant_id: str
    tag: str
    words: Sequence[AskedWord]
    dictionaries: Sequence[str]
    within: str | None
    shared: tuple[object, ...]


class Finder:
    """Searches one after the other, with what it remembers of stems and of shops."""

    def __init__(self, note: Callable[[str], None] | None = None) -> None:
        self.stages: Counter[Stage] = Counter()
        self._note = note
        self._stems = Stems()
        self._languages: dict[str, tuple[float, tuple[str, ...]]] = {}

    async def find(
        self, db: Read, merchant_id: str, search: Search, limit: int, named: Sequence[str]
    ) -> list[str]:
        """Ids of products, best first; those of browsing are in the shop's order.

        ``named`` are those whose number or code the query is: then these are meant, and no others.
        """
        query = (search.query or "").replace("\0", " ").strip()
        words = list(dict.fromkeys(words_of(query)))[:QUERY_WORDS_MAX]
        tag = tag_of(merchant_id)
        shared = (merchant_id, *_conditions(tag, search.filters), limit)
        within = _within(tag, search.filters)
        if not query:
            stage, found = Stage.BROWSE, await self._browse(db, shared, within)
        elif named:
            stage, found = Stage.NAMED, _ids(await db.fetch(FIND_NAMED, *shared, named, within))
        elif not words:
            stage, found = Stage.NOTHING, []
        else:
            dictionaries = await self._dictionaries(db, merchant_id, search.market.language)
            await self._stems.learn(db, dictionaries, words)
            asked = asked_words(words, dictionaries, self._stems)
            stage, found = await self._in_stages(
                db, _Asked(merchant_id, tag, asked, dictionaries, within, shared)
            )
        self._count(stage if found else Stage.NOTHING)
        return found

    def _count(self, stage: Stage) -> None:
        self.stages[stage] += 1
        if self._note is not None:
            self._note(stage)

    async def _browse(self, db: Read, shared: tuple[object, ...], within: str | None) -> list[str]:
        if within is None:
            return _ids(await db.fetch(BROWSE, *shared))
        return _ids(await db.fetch(FIND_WITHIN, *shared, within))

    async def _in_stages(self, db: Read, asked: _Asked) -> tuple[Stage, list[str]]:
        found = await self._all(db, asked)
        if found:
            return Stage.ALL, found
        is_begun = can_be_begun(asked.words)
        if is_begun and (found := await self._all(db, asked, is_begun=True)):
            return Stage.BEGUN, found
        known = await self._known(db, asked)
        corrected = await self._corrected(db, asked, known)
        if corrected is not asked and (found := await self._all(db, corrected)):
            return Stage.CORRECTED, found
        if len(corrected.words) > 1 or corrected is not asked:
            return Stage.ANY, await self._any(db, corrected, known)
        return Stage.NOTHING, []

    async def _all(self, db: Read, asked: _Asked, *, is_begun: bool = False) -> list[str]:
        words, tag = asked.words, asked.tag
        in_title = _and(all_of(tag, words, "^", is_begun=is_begun), asked.within)
        anywhere = _and(all_of(tag, words, is_begun=is_begun), asked.within)
        elsewhere = f"({anywhere}) & !({in_title})"
        # Who has all words in the title has each in its only form.
        is_same = not is_begun and all(len(one.forms) == 1 and not one.parts for one in words)
        titles = None if is_same else any_of(tag, words, "^", is_begun=is_begun)
        others = any_of(tag, words, is_begun=is_begun)
        return _ids(await db.fetch(FIND_ALL, *asked.shared, in_title, elsewhere, titles, others))

    async def _any(self, db: Read, asked: _Asked, known: Mapping[str, int]) -> list[str]:
        """Rare words choose the products, and common ones only how they are ranked."""
        total = max(known.values(), default=1)
        rarest = sorted(asked.words, key=lambda one: known.get(one.word.plain, 0))
        choosing: list[AskedWord] = []
        products = 0
        for one in rarest:
            if choosing and products >= ANY_RANKED_MAX:
                break
            choosing.append(one)
            products += known.get(one.word.plain, 0)
        wanted = _and(any_of(asked.tag, choosing), asked.within)
        each = [all_of(asked.tag, [one]) for one in asked.words]
        weights = [rarity(known.get(one.word.plain, 0), total) for one in asked.words]
        return _ids(await db.fetch(FIND_ANY, *asked.shared, wanted, each, weights))

    # --- words that nobody uses ---

    async def _known(self, db: Read, asked: _Asked) -> dict[str, int]:
        """How many products have a word: of the query, of its halves, of two of its words in one."""
        plain = [one.word.plain for one in asked.words]
        joined = [left + right for left, right in pairwise(plain)]
        parts = {part for word in plain for pair in halves(word) for part in pair}
        rows = await db.fetch(COUNT_WORDS, asked.merchant_id, sorted({*plain, *joined, *parts}))
        return {row["word"]: row["products"] for row in rows}

    async def _corrected(self, db: Read, asked: _Asked, known: Mapping[str, int]) -> _Asked:
        """``asked`` itself where there is nothing to correct."""
        words: list[AskedWord] = []
        left = MISSPELT_MAX
        for one in _joined(asked.words, known):
            plain = one.word.plain
            if plain in known or is_piece(plain) or left == 0:
                words.append(one)
                continue
            left -= 1
            words += await self._meant(db, asked, one, known)
        if words == list(asked.words):
            return asked
        await self._stems.learn(db, asked.dictionaries, [one.word for one in words])
        return msgspec.structs.replace(asked, words=[self._stemmed(one, asked) for one in words])

    def _stemmed(self, asked: AskedWord, search: _Asked) -> AskedWord:
        stems = [self._stems.of(dictionary, asked.word) for dictionary in search.dictionaries]
        return msgspec.structs.replace(asked, stems=tuple(dict.fromkeys(filter(None, stems))))

    async def _meant(
        self, db: Read, asked: _Asked, one: AskedWord, known: Mapping[str, int]
    ) -> list[AskedWord]:
        plain = one.word.plain
        split = tuple(pair for pair in halves(plain) if pair[0] in known and pair[1] in known)
        if split or not can_be_misspelt(plain):
            return [msgspec.structs.replace(one, parts=one.parts + split)]
        self._count(Stage.TRIGRAMS)
        forms = await self._alike(db, asked.merchant_id, plain)
        return [AskedWord(word_of(*forms))] if forms else [one]

    async def _alike(self, db: Read, merchant_id: str, word: str) -> list[str]:
        """The words of the shop that ``word`` may be a misspelt form of, the commonest first."""
        left = [array_of(trigram_keys(merchant_id, each)) for each in left_by_a_typo(word)]
        rows = await db.fetch(FIND_ALIKE, merchant_id, left, len(word) - 1, len(word) + 1)
        found = nearest(word, [row["word"] for row in rows], 1, CORRECTIONS_MAX)
        typos = typos_in(word)
        if found or typos == 1:
            return found
        keys = trigram_keys(merchant_id, trigrams(word))
        rows = await db.fetch(FIND_LESS_ALIKE, merchant_id, keys, len(word) - typos, len(word) + typos)
        return nearest(word, [row["word"] for row in rows], typos, CORRECTIONS_MAX)

    # --- languages ---

    async def _dictionaries(self, db: Read, merchant_id: str, asked: str | None) -> list[str]:
        """Those of the shop's languages, and that of the buyer."""
        kept = self._languages.get(merchant_id)
        if kept is None or time.monotonic() - kept[0] > LANGUAGES_TTL_S:
            rows = await db.fetch(LOAD_SHOP_LANGUAGES, merchant_id)
            if len(self._languages) >= SHOPS_REMEMBERED_MAX:
                self._languages.clear()
            kept = (time.monotonic(), tuple(row["language"] for row in rows))
            self._languages[merchant_id] = kept
        languages = [*kept[1], *([asked] if asked else [])]
        return list(dict.fromkeys(name for one in languages if (name := dictionary_of(one)) is not None))


def _conditions(tag: str, filters: Filters) -> tuple[object, ...]:
    """The parameters $2 to $5."""
    # A product that has what is chosen has it in one item, unless that has to be more than this.
    is_alone = filters.price_min_minor is filters.price_max_minor is filters.available is None
    is_one = is_alone and len({choice.name.strip().casefold() for choice in filters.choices}) < 2
    choices = None if is_one else choices_query(tag, filters.choices)
    return filters.price_min_minor, filters.price_max_minor, filters.available, choices


def _within(tag: str, filters: Filters) -> str | None:
    """What is chosen is asked of the product as well, since that is what the index knows."""
    both = (categories_query(tag, filters.categories), choices_query(tag, filters.choices))
    return " & ".join(f"({each})" for each in both if each is not None) or None


def _and(words: str, within: str | None) -> str:
    return words if within is None else f"({words}) & {within}"


def _ids(rows: Sequence[Mapping[str, str]]) -> list[str]:
    return [row["product_id"] for row in rows]


def _joined(words: Sequence[AskedWord], known: Mapping[str, int]) -> list[AskedWord]:
    """Neighbours that the shop writes as one (``tea pot``), where it does not know both of them."""
    joined: list[AskedWord] = []
    for one in words:
        both = joined[-1].word.plain + one.word.plain if joined else ""
        if both in known:
            left = joined.pop()
            parts = ((left.word.plain, one.word.plain),)
            joined.append(AskedWord(word_of(both), parts=parts))
        else:
            joined.append(one)
    return joined
