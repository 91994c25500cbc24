import pytest

from ucp_server.ucp.keys import KEY_LENGTH_MAX, body_to_compare, read_key
from ucp_server.ucp.refusals import KeyInvalid


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("a", "a"),
        ("7f3e1d2c-1111-4222-8333-444455556666", "7f3e1d2c-1111-4222-8333-444455556666"),
        ('"quoted"', "quoted"),
        (r'"with \" and \\"', None),
        (r'"a\"b"', 'a"b'),
        (" padded ", "padded"),
        ("!" * KEY_LENGTH_MAX, "!" * KEY_LENGTH_MAX),
        ('"half', '"half'),
    ],
)
def test_a_key_may_be_bare_or_quoted(sent: str, key: str | None):
    if key is None:
        with pytest.raises(KeyInvalid):
            read_key(sent, required=False)
    else:
        assert read_key(sent, required=True) == key


@pytest.mark.parametrize("sent", ["", " ", '""', "a b", "ä", "a\x7f", "!" * (KEY_LENGTH_MAX + 1), "a\tb"])
def test_what_is_no_key_is_refused(sent: str):
    with pytest.raises(KeyInvalid):
        read_key(sent, required=False)


def test_a_merchant_may_ask_for_one():
    assert read_key(None, required=False) is None
    with pytest.raises(KeyInvalid):
        read_key(None, required=True)


def test_a_cancel_with_an_empty_object_is_one_without_a_body():
    assert body_to_compare("cancel_checkout", b" {} \n") == b""
    assert body_to_compare("cancel_checkout", b"") == b""
    assert body_to_compare("cancel_checkout", b'{"a":1}') == b'{"a":1}'
    assert body_to_compare("update_checkout", b"{}") == b"{}"
