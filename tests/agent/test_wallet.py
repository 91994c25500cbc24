"""What the agent's own page offers, held against what a shop of each release reads of it."""

from typing import Any

import pytest

from ucp_server.agent.purchase import ADDRESS
from ucp_server.agent.speech import RELEASES, Offer
from ucp_server.agent.wallet import stage
from ucp_server.ucp.embedding import CONFIRMED
from ucp_server.ucp.releases import ROWS

Wire = dict[str, Any]


def offer(release: str, *, is_embeddable: bool = True) -> Offer:
    return Offer(
        release=release,
        endpoint="https://shop.example/ucp",
        capabilities=(),
        handlers=(),
        keys=(),
        is_embeddable=is_embeddable,
    )


def checkout(release: str, **more: Any) -> Wire:
    return {"continue_url": "https://shop.example/c?lang=de", "ucp": dict(CONFIRMED[release]), **more}


@pytest.mark.parametrize("release", RELEASES)
def test_a_page_is_framed_as_its_release_wants(release: str) -> None:
    shown = stage(offer(release), checkout(release), "tok", ADDRESS)
    assert shown is not None
    row = ROWS[release].embedding
    assert shown.url.startswith(f"https://shop.example/c?lang=de&ec_version={release}&ec_delegate=payment.")
    assert (shown.origin, shown.schemes) == ("https://shop.example", row.schemes)
    assert shown.tells_status == row.answers_hold_status
    first = shown.cards[0]
    (chosen,), (paying,) = first.chosen["payment"]["instruments"], first.paying["payment"]["instruments"]
    assert "credential" not in chosen
    assert paying["credential"] == {"type": "token", "token": "tok"}
    assert ("selected" in chosen) != ("selected_instrument_id" in first.chosen["payment"])
    assert shown.places[0].destination["id"] == ADDRESS["id"]


@pytest.mark.parametrize("release", RELEASES)
def test_nothing_is_framed_that_is_not_offered(release: str) -> None:
    assert (
        stage(offer(release, is_embeddable=False), {"continue_url": "https://x", "ucp": {}}, "", ADDRESS)
        is None
    )
    closed = checkout(release)
    del closed["continue_url"]
    assert stage(offer(release), closed, "", ADDRESS) is None
