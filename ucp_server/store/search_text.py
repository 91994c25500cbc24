"""Texts as the words that they are searched by, the same for what is asked and what is found.

Letters lose their case, accents and width. Scripts that are written without blanks become pairs of
characters. Nothing here knows a language: stems come from Postgres (``search_stems.py``).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

import msgspec

# Longer ones are codes, and their beginning is enough to tell them apart.
WORD_LENGTH_MAX: Final = 40
# Some 10 MB: loading a shop is mostly the same words again.
WORDS_REMEMBERED_MAX: Final = 32_768
# As long as an id may be.
CODE_LENGTH_MAX: Final = 255
# A word of three letters or less with a typo could be any other.
CORRECTED_LENGTH_MIN: Final = 4
# One typo in a short word, two in a longer one: more, and the buyer meant something else.
_TWO_TYPOS_LENGTH_MIN: Final = 7
# A letter is in three trigrams; two that changed places are in four.
_SPOILT_BY_A_TYPO: Final = 4
# A compound is taken apart into what are words themselves.
_PART_LENGTH_MIN: Final = 3

# Marks are parts of words in scripts where they are vowels; the dandas of Devanagari are not.
_WORD: Final = re.compile(
    r"(?:[^\W_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
    r"\u0e31-\u0e4e\u0eb1-\u0ece\u3099\u309a])+"
)
# Marks that a buyer leaves out: accents, Hebrew points, Arabic vowels and the stretching of its lines.
_UNWRITTEN: Final = re.compile(r"[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0640]")
# Thai, Lao, Khmer, Kana, Han, Hangul (whose particles cling to the words).
_UNSPACED: Final = re.compile(
    r"[\u0e00-\u0eff\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    r"\uf900-\ufaff\U00020000-\U000323af]+"
)
_AMOUNT: Final = re.compile(r"(\d+)([^\W\d_]{1,3})")

# It is written as part of its word, and the stems of a word with and without it differ.
_ARABIC_ARTICLE: Final = "\u0627\u0644"
_WITH_ARTICLE_LENGTH_MIN: Final = 5
# Letters that are no accented ones, and yet are written with plain ones in a hurry.
_PLAIN: Final = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_TRANSCRIBED: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


class Word(msgspec.Struct, frozen=True):
    """``surface`` is as it was written but for case and width; ``forms`` are what is compared.

    ``plain`` is the first of them; there are others where a letter is also transcribed (``grün`` is
    ``grun`` and ``gruen``), or an article clings to the word.
    """

    surface: str
    plain: str
    forms: tuple[str, ...]


def words_of(text: str) -> Iterator[Word]:
    """The words of ``text`` in its order, with the pieces of those that have no blanks between them."""
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()):
        yield from _taken_apart(match[0])


@lru_cache(WORDS_REMEMBERED_MAX)
def _taken_apart(run: str) -> tuple[Word, ...]:
    """What lies between two blanks: one word, or pieces and what stands between them."""
    if run.isascii():
        return (word_of(run[:WORD_LENGTH_MAX]),)
    found: list[Word] = []
    end = 0
    for unspaced in _UNSPACED.finditer(run):
        found += _spaced(run[end : unspaced.start()])
        found += (word_of(piece) for piece in pieces_of(unspaced[0]))
        end = unspaced.end()
    return (*found, *_spaced(run[end:]))


def _spaced(surface: str) -> list[Word]:
    surface = surface[:WORD_LENGTH_MAX]
    plain, transcribed = fold(surface), fold(surface.translate(_TRANSCRIBED))
    if not plain:
        return []
    bare = (
        plain[2:] if plain.startswith(_ARABIC_ARTICLE) and len(plain) >= _WITH_ARTICLE_LENGTH_MIN else plain
    )
    return [Word(surface, plain, tuple(dict.fromkeys((plain, transcribed, bare))))]


def word_of(plain: str, *others: str) -> Word:
    """A word that is written as it is compared."""
    return Word(plain, plain, (plain, *others))


def fold(text: str) -> str:
    """Lower case, without accents, cut to what is compared."""
    apart = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN))
    return unicodedata.normalize("NFC", _UNWRITTEN.sub("", apart))[:WORD_LENGTH_MAX]


def pieces_of(unspaced: str) -> list[str]:
    """Pairs of neighbours; a single character is itself."""
    if len(unspaced) == 1:
        return [unspaced]
    return [unspaced[at : at + 2] for at in range(len(unspaced) - 1)]


def is_piece(word: str) -> bool:
    """Whether it is out of a text without blanks, where prefixes and typos mean nothing."""
    return _UNSPACED.match(word) is not None


def amount_of(word: str) -> tuple[str, str] | None:
    """Number and unit of what is written as one: ``250ml``."""
    match = _AMOUNT.fullmatch(word)
    return None if match is None else (match[1], match[2])


def looks_like_a_code(text: str) -> bool:
    """Whether ``text`` could be an article's number or id: no words with blanks, and not one word."""
    return (
        0 < len(text) <= CODE_LENGTH_MAX
        and "\0" not in text
        and not text.isalpha()
        and len(text.split()) == 1
    )


# --- misspelt words ---


def can_be_misspelt(word: str) -> bool:
    """Whether somebody could have meant another: it is a word, long enough, and no code."""
    return len(word) >= CORRECTED_LENGTH_MIN and word.isalpha() and not is_piece(word)


def typos_in(word: str) -> int:
    """How many typos a word of this length may have."""
    return 2 if len(word) >= _TWO_TYPOS_LENGTH_MIN else 1


def trigrams(word: str) -> list[str]:
    """Three neighbours each, with the beginning counting more than the end: ``  t``, `` te``, ``ea ``."""
    padded = f"  {word} "
    return [padded[at : at + 3] for at in range(len(padded) - 2)]


def left_by_a_typo(word: str) -> list[list[str]]:
    """Trigrams that are still there after one typo, for each place where it may have been."""
    whole = trigrams(word)
    places = range(max(1, len(whole) - _SPOILT_BY_A_TYPO + 1))
    left = (whole[:place] + whole[place + _SPOILT_BY_A_TYPO :] for place in places)
    return [each for each in left if each]


def typos_between(one: str, other: str) -> int:
    """How many letters were left out, put in, confused or swapped with a neighbour.

    The optimal string alignment; words have at most WORD_LENGTH_MAX letters.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one):
        two_before, before = before, row
        row = [at + 1]
        for there, its in enumerate(other):
            cost = min(before[there + 1] + 1, row[there] + 1, before[there] + (letter != its))
            swapped = at > 0 and there > 0 and letter == other[there - 1] and one[at - 1] == its
            row.append(min(cost, two_before[there - 1] + 1) if swapped else cost)
    return row[-1]


def nearest(word: str, known: Iterable[str], typos_max: int, at_most: int) -> list[str]:
    """The first ``at_most`` of ``known`` with as few typos as any of them, and not more than allowed."""
    letters = set(word)
    # A typo exchanges one letter for another at most: this leaves few to be compared one by one.
    likely = (other for other in known if len(letters ^ set(other)) <= 2 * typos_max)
    apart = [(typos_between(word, other), other) for other in likely]
    least = min((typos for typos, _ in apart), default=0)
    return [] if least > typos_max else [other for typos, other in apart if typos == least][:at_most]


def halves(word: str) -> list[tuple[str, str]]:
    """All ways to take a word for two that were written as one."""
    return [(word[:at], word[at:]) for at in range(_PART_LENGTH_MIN, len(word) - _PART_LENGTH_MIN + 1)]
