"""Paths that name a language."""

import pytest

from ucp_server.pages.links import in_language, language_in


@pytest.mark.parametrize(
    ("path", "code", "named"),
    [
        ("/cart/x/y", "de", "/cart/x/y?lang=de"),
        ("/cart/x/y?said=other", "ar", "/cart/x/y?said=other&lang=ar"),
        ("/cart/x/y", "", "/cart/x/y"),
    ],
)
def test_a_path_names_its_language(path: str, code: str, named: str):
    assert in_language(path, code) == named
    assert language_in(named) == code
