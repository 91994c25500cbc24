"""What layers and routes refuse is told in words for people, in their language."""

import pytest

from tests.pages.browser import Buyer
from ucp_server.languages import LANGUAGES, Language
from ucp_server.pages import errors
from ucp_server.pages.contexts import Shop

SHOP = Shop(merchant_id="shop", title="Shop", origin="https://shop.example")
SCOPE = {"type": "http", "state": {"request_id": "req_0123456789"}}
EVERY = [value for value in vars(errors).values() if isinstance(value, errors.Said)]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 408, 413, 414, 415, 421, 429, 431, 500, 502, 503])
def test_every_status_is_told_as_itself(status: int):
    reply = errors.tell_status(SHOP, status, SCOPE)
    assert reply.status == status
    assert reply.header(b"cache-control") == b"no-store"
    assert b"%(" not in reply.body


def test_what_failed_on_our_side_can_be_asked_about():
    assert b"req_0123456789" in errors.tell_status(SHOP, 500, SCOPE).body


@pytest.mark.parametrize("said", EVERY, ids=lambda said: said.title)
def test_nobody_is_left_with_a_title_alone(said: errors.Said):
    """And nobody is told in words for engineers."""
    assert said.text.endswith((".", "%(number)s"))
    assert not {"request", "body", "HTTP", "byte"} & set(said.text.lower().split())


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
async def test_layers_speak_the_buyers_language(buyer: Buyer, language: Language):
    code = language.code
    reply = await buyer.client.put("/checkout/x/y", headers={"Accept-Language": code})
    assert (reply.status_code, reply.headers["content-language"]) == (405, code)
