"""What a checkout knows by itself."""

import pytest

from ucp_server.domain.checkout import Basket


@pytest.mark.parametrize(
    ("told", "language"),
    [
        ("pt-BR", "pt-BR"),
        ("de", "de"),
        ("", ""),
        (7, ""),
        (None, ""),
        ("de\n", ""),
        ("x" * 9, ""),
        (["de"], ""),
    ],
)
def test_a_basket_tells_a_language_only_if_it_is_a_tag(told: object, language: str) -> None:
    assert Basket(lines=(), context={"language": told}).language == language
    assert Basket(lines=()).language == ""
