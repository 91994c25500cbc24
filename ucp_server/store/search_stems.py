"""Stems of words, by the dictionaries that every Postgres has; remembered, since they never change."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ucp_server.store.database import Read
from ucp_server.store.search_text import Word, amount_of, fold, is_piece

# By the first subtag of BCP 47. A server that lacks one of them (an older Postgres) finds the words as
# they are written.
DICTIONARIES: Final[Mapping[str, str]] = {
    language: f"{name}_stem"
    for language, name in {
        "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english",
        "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish",
        "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian",
        "lt": "lithuanian", "nb": "norwegian", "ne": "nepali", "nl": "dutch", "nn": "norwegian",
        "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
        "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
    }.items()
}  # fmt: skip
# Some 20 MB: the words of a large shop, and all that is asked of it.
REMEMBERED_MAX: Final = 100_000
# A statement stays far below its time limit.
_ASKED_AT_ONCE: Final = 5_000

# The surface tells whether it says nothing by itself ("für"), the plain form is what is compared.
STEMS: Final = """
select asked.place, ts_lexize(d.oid::regdictionary, asked.surface) = '{}' as is_filler,
       ts_lexize(d.oid::regdictionary, asked.plain) as stems
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as asked (dictionary, surface, plain, place)
join pg_ts_dict d on d.dictname = asked.dictionary
"""


def dictionary_of(language: str) -> str | None:
    return DICTIONARIES.get(language.partition("-")[0].lower())


class Stems:
    """Stems that somebody asked for. Beyond REMEMBERED_MAX it begins anew."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str | None] = {}
        self._forms: dict[tuple[str, str], tuple[str, ...]] = {}

    async def learn(self, db: Read, dictionaries: Iterable[str], words: Iterable[Word]) -> None:
        """Ask for those that are not known yet; `of` then tells them, until others are learned."""
        if len(self._known) > REMEMBERED_MAX:
            self._known = {}
            self._forms = {}
        wanted = [word for word in {word.surface: word for word in words}.values() if _has_stem(word)]
        missing = [
            (dictionary, word.surface, word.plain)
            for dictionary in dictionaries
            for word in wanted
            if (dictionary, word.surface) not in self._known
        ]
        for start in range(0, len(missing), _ASKED_AT_ONCE):
            asked = missing[start : start + _ASKED_AT_ONCE]
            found: dict[tuple[str, str], str | None] = {(one[0], one[1]): one[2] for one in asked}
            rows = await db.fetch(STEMS, *[list(column) for column in zip(*asked, strict=True)])
            for row in rows:
                dictionary, surface, plain = asked[row["place"] - 1]
                stem = fold(row["stems"][0]) if row["stems"] else plain
                found[dictionary, surface] = None if row["is_filler"] else stem
            self._known |= found

    def of(self, dictionary: str, word: Word) -> str | None:
        """None for a word that says nothing by itself, such as an article."""
        return self._known.get((dictionary, word.surface), word.plain)

    def forms_of(self, dictionary: str, word: Word) -> tuple[str, ...]:
        """All that a word of a text is found by; nothing for one that says nothing by itself."""
        key = dictionary, word.surface
        forms = self._forms.get(key)
        if forms is None:
            forms = self._forms[key] = tuple(dict.fromkeys(self._found_by(dictionary, word)))
        return forms

    def _found_by(self, dictionary: str, word: Word) -> Sequence[str]:
        if is_piece(word.plain):
            return (word.plain, *word.plain)
        stem = self.of(dictionary, word)
        return () if stem is None else (*word.forms, stem, *(amount_of(word.plain) or ()))


def _has_stem(word: Word) -> bool:
    return not is_piece(word.plain) and not word.plain.isdigit()
