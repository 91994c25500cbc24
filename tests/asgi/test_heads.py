from urllib.parse import quote, unquote

from hypothesis import given
from hypothesis import strategies as st

from tests.asgi.calling import scope_of
from ucp_server.asgi.heads import examine, is_canonical
from ucp_server.asgi.limits import Limits

SAFE = "/!$&'()*+,;=:@~"
SEGMENTS = st.text(st.characters(codec="utf-8", exclude_characters="/\\%", exclude_categories=["Cc"]))
PATHS = st.lists(SEGMENTS.filter(lambda text: text not in {"", ".", ".."}), min_size=1)
TRICKY = st.lists(
    st.sampled_from(["/", ".", "..", "%2F", "%2f", "%2e", "%5C", "%00", "%25", "%C3%A9", "%c3", "a", "é"])
)


@given(PATHS)
def test_the_usual_spelling_of_a_path_is_canonical(segments: list[str]) -> None:
    assert is_canonical(quote("/" + "/".join(segments), safe=SAFE).encode("ascii"))


@given(TRICKY)
def test_a_canonical_path_has_one_spelling_and_no_way_up(pieces: list[str]) -> None:
    raw = ("/" + "".join(pieces)).encode("utf-8")
    if not is_canonical(raw):
        return
    path = unquote(raw.decode("ascii"))
    assert quote(path, safe=SAFE).encode("ascii") == raw
    assert unquote(path) == path
    assert not {".", "..", ""} & set(path.removesuffix("/").split("/")[1:])


def test_an_absolute_target_reaches_the_application_as_its_path() -> None:
    scope = scope_of("/")
    scope["raw_path"] = b"http://shop.example/caf%C3%A9"
    assert examine(scope, Limits()) is None
    assert (scope["raw_path"], scope["path"]) == (b"/caf%C3%A9", "/café")


def test_names_with_an_underscore_do_not_reach_the_application() -> None:
    scope = scope_of("/", (b"x_forwarded_for", b"10.0.0.1"), (b"x-kept", b"1"))
    assert examine(scope, Limits()) is None
    assert scope["headers"] == [(b"host", b"shop.example"), (b"x-kept", b"1")]


def test_a_text_repeats_nothing_of_the_request() -> None:
    secret = b"tok_4111111111111111"
    scope = scope_of("/", (b"authorization", secret), (b"authorization", secret))
    objection = examine(scope, Limits())
    assert objection is not None
    assert "4111" not in objection.text
