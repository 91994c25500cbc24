import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.store.search_text import (
    WORD_LENGTH_MAX,
    amount_of,
    can_be_misspelt,
    fold,
    left_by_a_typo,
    looks_like_a_code,
    nearest,
    trigrams,
    typos_between,
    words_of,
)

LETTERS = st.text("abcdef", min_size=5, max_size=12)


def plain(text: str) -> list[str]:
    return [word.plain for word in words_of(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Cast-iron teapot, 0.8 l", ["cast", "iron", "teapot", "0", "8", "l"]),
        ("Café CRÈME", ["cafe", "creme"]),
        ("L'encre d'été", ["l", "encre", "d", "ete"]),
        ("\uff34\uff25\uff21 \u2460", ["tea", "1"]),
        ("Łódź smørrebrød", ["lodz", "smorrebrod"]),
        ("緑茶", ["緑茶"]),
        ("日本の緑茶", ["日本", "本の", "の緑", "緑茶"]),
        ("A5ノート", ["a5", "ノー", "ート"]),
        ("커피를", ["커피", "피를"]),
        ("شَايٌ أخضر", ["شاي", "اخضر"]),
        ("हिन्दी चाय।", ["हिन्दी", "चाय"]),
        ("чай Ёлка", ["чаи", "елка"]),
        ("--- !!", []),
    ],
)
def test_texts_are_taken_apart_as_they_are_searched(text: str, words: list[str]) -> None:
    assert plain(text) == words


def test_an_umlaut_is_also_found_as_it_is_transcribed() -> None:
    [word] = words_of("Grün")
    assert word.forms == ("grun", "gruen")
    assert [word.forms for word in words_of("Straße Ærø")] == [("strasse",), ("aero", "aeroe")]


@given(st.text(max_size=200))
def test_words_are_short_safe_and_the_same_when_taken_apart_again(text: str) -> None:
    for word in words_of(text):
        for form in word.forms:
            assert 0 < len(form) <= WORD_LENGTH_MAX
            assert not set(form) & set(" '\\\0:&|!()<>*")
        assert fold(word.plain) == word.plain


def test_an_amount_is_a_number_and_its_unit() -> None:
    assert amount_of("250ml") == ("250", "ml")
    assert amount_of("a5") is None
    assert amount_of("2026edition") is None


@pytest.mark.parametrize(
    ("one", "other", "typos"),
    [
        ("tea", "tea", 0),
        ("lapsng", "lapsang", 1),
        ("fountian", "fountain", 1),
        ("pen", "ink", 3),
        ("", "tea", 3),
    ],
)
def test_typos_are_letters_left_out_put_in_confused_or_swapped(one: str, other: str, typos: int) -> None:
    assert typos_between(one, other) == typos_between(other, one) == typos


@given(LETTERS, st.integers(0, 100), st.sampled_from(["drop", "double", "confuse", "swap"]))
def test_every_typo_leaves_one_of_the_sets_of_trigrams_whole(word: str, at: int, how: str) -> None:
    at %= len(word) - 1
    meant = {
        "drop": word[:at] + word[at + 1 :],
        "double": word[:at] + "x" + word[at:],
        "confuse": word[:at] + "x" + word[at + 1 :],
        "swap": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    }[how]
    assert typos_between(word, meant) <= 1
    known = set(trigrams(meant))
    assert any(known.issuperset(left) for left in left_by_a_typo(word))


def test_the_nearest_words_are_meant_and_none_that_are_too_far() -> None:
    known = ["notebook", "notebooks", "fountain"]
    assert nearest("notebok", known, 2, 3) == ["notebook"]
    assert nearest("notbok", known, 2, 3) == ["notebook"]
    assert nearest("rocket", known, 2, 3) == []
    assert nearest("tea", [], 1, 3) == []


def test_codes_and_short_words_are_not_misspelt() -> None:
    assert can_be_misspelt("notebok")
    assert not any(map(can_be_misspelt, ("pne", "sim60", "緑茶飲料")))


def test_a_code_is_one_run_that_is_no_word() -> None:
    assert all(map(looks_like_a_code, ("AB-12", "4006381333931", "tea-lapsang")))
    assert not any(map(looks_like_a_code, ("tea", "tea 12", "", " ", "a\0b1", "x1" * 200)))
