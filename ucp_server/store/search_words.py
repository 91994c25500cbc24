"""Products and queries as Postgres' text search takes them: lexemes of a ``tsvector``, a ``tsquery``.

Each lexeme begins with a tag of its merchant, since an index cannot lead with the merchant and hold
words as well. Then comes a word (``tea``), a word of a title (``^tea``), a category with all that are
above it (``>``), or an option with its label (``=``); the last two as digests.
"""

import hashlib
import zlib
from base64 import b32encode
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, Literal

import msgspec

from ucp_server.domain.catalog import Choice
from ucp_server.store.search_stems import Stems
from ucp_server.store.search_text import Word, amount_of, is_piece

# Of a title; of brand, categories, options, tags and codes; of a description.
Weight = Literal["A", "B", "D"]
# In the order of D, C, B, A: where a word stands decides before how many there are.
WEIGHTS: Final = "{0.1,0.2,0.4,1.0}"

# What is searched of one product: the title and facts of any, and the first pages of a description.
LEXEMES_MAX: Final = 400
# Who asks with more words is telling a story, and its beginning says what it is about.
QUERY_WORDS_MAX: Final = 16
# A shorter beginning is that of too many words.
PREFIX_LENGTH_MIN: Final = 3


class Text(msgspec.Struct, frozen=True):
    """``dictionary`` is that of its language, None where there is none."""

    words: tuple[Word, ...]
    weight: Weight
    dictionary: str | None = None


def tag_of(merchant_id: str) -> str:
    """20 bits: tags that happen to be equal cost time, since every row names its merchant itself."""
    return b32encode(hashlib.blake2b(merchant_id.encode(), digest_size=3).digest()).decode()[:4]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _same(text: str) -> str:
    return text.strip().casefold()


# --- what is found ---


class Vectors(msgspec.Struct, frozen=True):
    """``head`` has the words of titles, categories and options; ``words`` the same and all the words."""

    head: str
    words: str


def vectors_of(
    tag: str, texts: Iterable[Text], categories: Iterable[str], choices: Iterable[Choice], stems: Stems
) -> Vectors:
    """A product's ``tsvector``: first come, first served, up to LEXEMES_MAX words."""
    found: dict[str, Weight] = {}
    titled: dict[str, None] = {}
    for text in texts:
        is_title = text.weight == "A"
        for word in text.words:
            # Only a title may be nothing but words that say nothing ("The Who").
            forms = stems.forms_of(text.dictionary or "", word) or (word.forms if is_title else ())
            for form in forms:
                found.setdefault(form, text.weight)
                if is_title:
                    titled[f"^{form}"] = None
        if len(found) >= LEXEMES_MAX:
            break
    lexemes = [f"'{tag}{form}':1{weight}" for form, weight in islice(found.items(), LEXEMES_MAX)]
    others = [*titled, *category_keys(categories), *(_choice_key(choice) for choice in choices)]
    head = " ".join(f"'{tag}{key}'" for key in dict.fromkeys(others))
    return Vectors(head=head, words=" ".join([*lexemes, head]))


def category_keys(categories: Iterable[str]) -> list[str]:
    """``a > b`` is found by ``a`` and by ``a > b``, in any letter case."""
    keys = []
    for category in categories:
        parts = [part.strip() for part in category.split(">")]
        keys += [_category_key(" > ".join(parts[:depth])) for depth in range(1, len(parts) + 1)]
    return keys


def _category_key(path: str) -> str:
    return f">{_digest(_same(path))}"


def _choice_key(choice: Choice) -> str:
    return f"={_digest(_same(choice.name))}{_digest(_same(choice.label))}"


def choices_vector(tag: str, choices: Iterable[Choice]) -> str:
    """An item's ``tsvector``, for `choices_query`."""
    return " ".join(f"'{tag}{_choice_key(choice)}'" for choice in choices)


# --- what is asked ---


class AskedWord(msgspec.Struct, frozen=True):
    """A word of a query and what it may stand for: written forms, and stems of the shop's languages.

    A ``parts`` of two words finds those as well: what was written as one.
    """

    word: Word
    stems: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def forms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.word.forms, *self.stems)))


def asked_words(words: Sequence[Word], dictionaries: Sequence[str], stems: Stems) -> list[AskedWord]:
    """The words of a query without those that say nothing, unless there are no others."""
    asked: list[AskedWord] = []
    fillers: list[AskedWord] = []
    for word in words:
        found = [stems.of(dictionary, word) for dictionary in dictionaries]
        kept = tuple(dict.fromkeys(stem for stem in found if stem is not None))
        amount = amount_of(word.plain)
        one = AskedWord(word, kept, (amount,) if amount else ())
        (fillers if None in found else asked).append(one)
    return asked or fillers


def all_of(tag: str, asked: Sequence[AskedWord], kind: str = "", *, is_begun: bool = False) -> str:
    """A ``tsquery`` for what has all the words; ``is_begun``: the last one need only begin so."""
    last = len(asked) - 1
    return " & ".join(
        f"({_one_of(tag, one, kind, is_begun=is_begun and place == last)})"
        for place, one in enumerate(asked)
    )


def _one_of(tag: str, asked: AskedWord, kind: str, *, is_begun: bool) -> str:
    forms = [f"'{tag}{kind}{form}'" for form in asked.forms]
    parts = [f"('{tag}{kind}{left}' & '{tag}{kind}{right}')" for left, right in asked.parts]
    begun = [f"'{tag}{kind}{form}':*" for form in asked.word.forms] if is_begun else []
    return " | ".join([*forms, *parts, *begun])


def any_of(tag: str, asked: Iterable[AskedWord], kind: str = "", *, is_begun: bool = False) -> str:
    return " | ".join(all_of(tag, [one], kind, is_begun=is_begun) for one in asked)


def can_be_begun(asked: Sequence[AskedWord]) -> bool:
    """Whether the last word may be the beginning of one."""
    plain = asked[-1].word.plain
    return len(plain) >= PREFIX_LENGTH_MIN and not is_piece(plain)


def categories_query(tag: str, categories: Iterable[str]) -> str | None:
    paths = (" > ".join(part.strip() for part in category.split(">")) for category in categories)
    return " | ".join(f"'{tag}{_category_key(path)}'" for path in paths) or None


def choices_query(tag: str, choices: Iterable[Choice]) -> str | None:
    """Several labels of one option are alternatives; different options hold together."""
    by_name: dict[str, list[str]] = {}
    for choice in choices:
        by_name.setdefault(_same(choice.name), []).append(f"'{tag}{_choice_key(choice)}'")
    return " & ".join(f"({' | '.join(keys)})" for keys in by_name.values()) or None


# --- misspelt words ---


def trigram_keys(merchant_id: str, trigrams: Iterable[str]) -> list[int]:
    """Trigrams as numbers of 31 bits that differ between merchants: one index for each of them."""
    return sorted({zlib.crc32(f"{merchant_id}\0{one}".encode()) >> 1 for one in trigrams})


def array_of(numbers: Iterable[int]) -> str:
    """An array as text: Postgres has no arrays of arrays of different lengths."""
    return f"{{{','.join(map(str, numbers))}}}"


def rarity(products: int, total: int) -> float:
    """How much a word tells, from 1 for one that all products have."""
    return 1.0 + max(0, (max(total, 1) // max(products, 1)).bit_length() - 1)
