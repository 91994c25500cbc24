"""Who reads a checkout learns that its pages can be framed, where its release has words for it."""

from typing import Any

import msgspec
import pytest

from tests.ucp import samples
from tests.ucp.conftest import ALL
from tests.ucp.test_operations import replies, terms
from ucp_server.domain.checkout import Checkout
from ucp_server.ucp.embedding import config
from ucp_server.ucp.profile import render_profile
from ucp_server.ucp.releases import RELEASES, SHOPPING, Release
from ucp_server.ucp.replies import Replies

EMBEDDABLE = replies(embeddable=frozenset({"demo"}))


def said(writer: Replies, release: Release, checkout: Checkout) -> Any:
    asked = msgspec.structs.replace(terms("get_checkout"), release=release.version, active=frozenset(ALL))
    document = msgspec.json.decode(writer.checkout(asked, checkout).body)
    return document["ucp"].get("services")


@pytest.mark.parametrize("release", RELEASES, ids=lambda row: row.version)
def test_an_open_checkout_names_what_can_be_delegated(release: Release):
    services = said(EMBEDDABLE, release, samples.checkout(merchant_id="demo"))
    if not release.embedding.told_in_checkouts:
        assert services is None
        return
    (entry,) = services[SHOPPING]
    assert entry == {"version": release.version, "transport": "embedded", **config(release)}
    assert set(entry["config"]["delegate"]) == set(release.embedding.delegations)


@pytest.mark.parametrize("release", RELEASES, ids=lambda row: row.version)
def test_nobody_else_s_does(release: Release):
    assert said(EMBEDDABLE, release, samples.completed()) is None
    assert said(replies(), release, samples.checkout(merchant_id="demo")) is None


@pytest.mark.parametrize("release", RELEASES, ids=lambda row: row.version)
def test_a_merchant_may_keep_its_pages_to_itself(release: Release):
    document = render_profile(
        release, site="https://shop.example", listings=(), keys=(), is_root=True, is_embeddable=False
    )
    assert b"embedded" not in msgspec.json.encode(document)
