import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.store.plain_text import MARKUP_CHARS_MAX, plain_text

TEXTS = [
    ("Loose green tea", "Loose green tea"),
    ("<p>Loose</p><p>green tea</p>", "Loose green tea"),
    ("<ul><li>green</li><li>loose</li></ul>", "green loose"),
    ("dark<b>er</b> ink<br>dries quickly", "darker ink dries quickly"),
    ("  two\n lines\tand \u00a0 blanks ", "two lines and blanks"),
    ("Tea &amp; paper, 5&nbsp;&euro;, B&#252;rgel", "Tea & paper, 5 €, Bürgel"),
    ("a<script>alert('<b>')</script>b<style>p {}</style>c", "a b c"),
    ("tea<script>never closed", "tea"),
    ("<!-- a note -->tea<?php echo 1 ?><!doctype html>", "tea"),
    ("less < more, 3 <4, I <3 tea", "less < more, 3 <4, I <3 tea"),
    ("&lt;p&gt;exported &amp;amp; escaped&lt;/p&gt;", "exported & escaped"),
    ("&lt;script&gt;alert(1)&lt;/script&gt;tea", "tea"),
    ('<a href="https://example.com" title="x > y">here</a>', "here"),
    ("<svg><title>x</title></svg>tea", "tea"),
    ("<iframe/>tea", "tea"),
    ("AT&T", "AT&T"),
    ("bell\x07 and &#x81;", "bell and"),
    ("", ""),
]


@pytest.mark.parametrize(("written", "text"), TEXTS)
def test_people_read_the_words_only(written: str, text: str) -> None:
    assert plain_text(written, 2_000) == (text, False)


def test_a_long_text_ends_after_a_word_and_that_is_told() -> None:
    assert plain_text("one two three four", 12) == ("one two…", True)
    assert plain_text("one two three four", 14) == ("one two three…", True)
    assert plain_text("one, two, three", 11) == ("one, two…", True)
    assert plain_text("one two", 7) == ("one two", False)


def test_a_text_without_blanks_is_cut_where_the_room_ends() -> None:
    assert plain_text("緑茶" * 20, 10) == ("緑茶緑茶緑茶緑茶緑…", True)


def test_of_an_endless_text_the_beginning_is_read() -> None:
    text = "<p></p>" * MARKUP_CHARS_MAX + "the end"
    assert plain_text("tea " + text, 100) == ("tea", True)


pieces = st.lists(
    st.sampled_from(["<", ">", "&lt;", "&gt;", "&amp;", "script", "/", "b", "!--", "--", " ", "'", "="])
    | st.text(max_size=4),
    max_size=30,
).map("".join)


@given(pieces, st.integers(2, 50))
def test_what_is_left_is_short_and_opens_no_tag(written: str, chars_max: int) -> None:
    text, is_cut = plain_text(written, chars_max)
    assert len(text) <= chars_max
    assert text == " ".join(text.split())
    assert not any(f"<{sign}" in text for sign in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/!?")
    assert is_cut == text.endswith("…") or "…" in written or "hellip" in written
