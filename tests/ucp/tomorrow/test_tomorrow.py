"""The next release, rehearsed: its forms moved forward, one module of steps, one row, one folder.

`render` and `decode` stand for the lines that would change in ucp/checkout.py; whatever else is used
here is the code that serves today's releases, and it is not touched.
"""

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.ucp.samples import ALL, AROUND
from tests.ucp.test_checkout import KINDS, LINES
from tests.ucp.tomorrow import to_2026_08_25
from ucp_server.engine.commands import CreateCheckout
from ucp_server.resources import folder
from ucp_server.ucp import checkout as checkouts
from ucp_server.ucp.envelope import put_handlers, relevant, render_envelope
from ucp_server.ucp.profile import render_profile
from ucp_server.ucp.releases import (
    CHECKOUT,
    RELEASES,
    Release,
    downgrade_checkout,
    upgrade_request,
)
from ucp_server.ucp.schema import Schemas

Wire = dict[str, Any]

TODAY = RELEASES[-1]
# The row: what is new is told by its steps and its folder.
TOMORROW = msgspec.structs.replace(TODAY, version="2027-02-01")
CHAIN = (
    *RELEASES[:-1],
    msgspec.structs.replace(TODAY, requests=to_2026_08_25.REQUESTS, checkouts=to_2026_08_25.CHECKOUTS),
    TOMORROW,
)


def render(checkout: Any) -> Wire:
    """The newest form, moved forward."""
    wire = checkouts.render(checkout, ALL, AROUND)
    wire["lifetime"] = {"ends_at": wire.pop("expires_at")}
    if "discounts" in wire:
        discounts = wire["discounts"]
        discounts["promotions"] = discounts.pop("codes")
        for applied in discounts["applied"]:
            applied["amount"] = -applied["amount"]
    return wire


def decode(document: Wire) -> CreateCheckout:
    """The newest form of a create, moved forward."""
    moved = copy.deepcopy(document)
    if "discounts" in moved:
        moved["discounts"]["codes"] = moved["discounts"].pop("promotions")
    return checkouts.decode_create(moved, ALL)


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Schemas:
    """Today's folders as they are, and one more with the documents that differ."""
    place = tmp_path_factory.mktemp("schemas")
    ours = folder("schemas") / "ucp"
    for release in RELEASES:
        (place / release.version).symlink_to(ours / release.version)
    new = place / TOMORROW.version
    new.mkdir()
    _write(new, "checkout", ours, _checkout)
    _write(new, "discount", ours, _discount)
    return Schemas(place, [row.version for row in CHAIN])


def _write(new: Path, name: str, ours: Path, change: Any) -> None:
    document = msgspec.json.decode((ours / TODAY.version / f"{name}.json").read_bytes())
    document["$id"] = document["$id"].replace(TODAY.version, TOMORROW.version)
    change(document)
    (new / f"{name}.json").write_bytes(msgspec.json.encode(document))


def _checkout(document: Wire) -> None:
    ends_at = document["properties"].pop("expires_at")
    lifetime = {"type": "object", "properties": {"ends_at": {**ends_at, "presence": "required"}}}
    document["properties"]["lifetime"] = {**lifetime, "presence": {"response": "required"}}


def _discount(document: Wire) -> None:
    discounts = document["$defs"]["discounts"]["properties"]
    discounts["promotions"] = {**discounts.pop("codes"), "presence": {"response": "required"}}
    discounts["promotions"]["presence"]["request"] = "optional"
    document["$defs"]["applied"]["properties"]["amount"] = {
        "type": "integer",
        "exclusiveMaximum": 0,
        "presence": "required",
    }


def answered(checkout: Any, release: Release, *, chain: tuple[Release, ...]) -> Wire:
    body = render(checkout) if chain is CHAIN else checkouts.render(checkout, ALL, AROUND)
    document = {"ucp": render_envelope(release, relevant(release, ALL, CHECKOUT)), **body}
    put_handlers(release, document, ())
    downgrade_checkout(release, document, chain)
    return document


@pytest.mark.parametrize("kind", KINDS)
def test_tomorrow_is_answered_in_its_own_form(schemas: Schemas, kind: str):
    document = answered(KINDS[kind], TOMORROW, chain=CHAIN)
    checker = schemas.checker(TOMORROW.version, "response", "get_checkout", ALL)
    assert checker.check(document) == ()
    assert document["lifetime"]["ends_at"]
    assert all(applied["amount"] < 0 for applied in document["discounts"]["applied"])
    old = schemas.checker(TODAY.version, "response", "get_checkout", ALL)
    assert old.check(document) != ()


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
@pytest.mark.parametrize("kind", KINDS)
def test_every_older_release_hears_what_it_hears_today(schemas: Schemas, kind: str, release: Release):
    document = answered(KINDS[kind], release, chain=CHAIN)
    assert document == answered(KINDS[kind], release, chain=RELEASES)
    assert schemas.checker(release.version, "response", "get_checkout", ALL).check(document) == ()


@pytest.mark.parametrize("release", CHAIN, ids=lambda release: release.version)
def test_every_release_is_understood_as_today(schemas: Schemas, release: Release):
    member = "promotions" if release is TOMORROW else "codes"
    body = {"line_items": LINES, "discounts": {member: ["10OFF"]}}
    checker = schemas.checker(release.version, "request", "create_checkout", ALL)
    assert checker.check({"currency": "USD", "payment": {}, **body}) == ()
    upgrade_request(release, body, CHAIN)
    assert decode(body).wanted.discount_codes == ("10OFF",)


def test_its_profile_is_that_of_its_row(schemas: Schemas):
    document = render_profile(TOMORROW, site="https://shop.example", listings=(), keys=(), is_root=False)
    assert document["ucp"]["version"] == TOMORROW.version
    assert schemas.checker(TOMORROW.version, "response", "profile").check(document) == ()
