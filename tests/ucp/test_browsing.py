"""Whatever is asked of a catalog, the answer is a document of the release or a refusal."""

import asyncio
import copy
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.test_catalog import MERCHANT, Parcels, Shelf, product, variant
from tests.ucp.conftest import ALL, SCHEMAS
from tests.ucp.test_negotiation import SHOP, incoming
from tests.ucp.test_operations import junk, places, replies
from ucp_server.domain.errors import Refusal
from ucp_server.engine.catalog import Browsing
from ucp_server.ucp.accepting import accepted
from ucp_server.ucp.admitted import Admitted, admitted
from ucp_server.ucp.browsing import browse
from ucp_server.ucp.negotiation import Negotiated
from ucp_server.ucp.platforms import Platform
from ucp_server.ucp.releases import CATALOG_LOOKUP, CATALOG_SEARCH, R_2026_04_08, R_2026_08_25, Release

Wire = dict[str, Any]

RELEASES = (R_2026_04_08, R_2026_08_25)
ROOTS = frozenset({CATALOG_SEARCH, CATALOG_LOOKUP})
CHOSEN = {"name": "Size", "label": "M"}
AROUND: Wire = {
    "context": {"address_country": "DE", "language": "de", "currency": "EUR", "postal_code": "04109"},
    "filters": {
        "categories": ["Tableware"],
        "price": {"min": 1, "max": 99999},
        "available": True,
        "options": [CHOSEN],
        "fulfills_to": {"address_country": "DE", "address_region": "SN", "postal_code": "04109"},
        "methods": ["shipping"],
    },
    "attribution": {"utm_source": "x"},
    "signals": {"dev.ucp.buyer_ip": "::1"},
}
FULL: dict[str, Wire] = {
    "search_catalog": AROUND | {"query": "mug", "pagination": {"limit": 3}},
    "lookup_catalog": AROUND | {"ids": ["mug", "mug-m"]},
    "get_product": AROUND | {"id": "mug", "selected": [CHOSEN], "preferences": ["Size"]},
}
SHELF = Shelf(product("mug", variant("mug-m", Size="M"), variant("mug-l", Size="L")))
# Without a database: nothing is kept of lists that end on their first page.
NOTHING: Any = None
BROWSING = Browsing(pool=NOTHING, catalog=SHELF, rates=Parcels(), merchants={SHOP.merchant_id: MERCHANT})


def asked(operation: str, body: Any, release: Release, active: frozenset[str]) -> Admitted:
    request = incoming(None, operation, raw=msgspec.json.encode(body), headers={"accept-language": "de"})
    return admitted(request, Negotiated(platform=Platform(id="p"), release=release, active=active))


def answer(operation: str, body: Any, release: Release, active: frozenset[str]) -> Wire:
    """The reply's document; raises what refuses it. A reply of another form is a fault."""
    question = asked(operation, body, release, active)
    faults: list[Any] = []
    found = asyncio.run(browse(BROWSING, question, accepted(question, SCHEMAS)))
    reply = replies(faults=faults).catalog(question.terms, found)
    assert faults == []
    document: Wire = msgspec.json.decode(reply.body)
    return document


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
@pytest.mark.parametrize("active", [frozenset(ALL), ROOTS], ids=["all", "plain"])
@pytest.mark.parametrize("operation", FULL)
def test_a_full_question_is_answered(operation: str, active: frozenset[str], release: Release):
    document = answer(operation, FULL[operation], release, active)
    products = document["products"] if "products" in document else [document["product"]]
    assert [(one["id"], [each["id"] for each in one["variants"]]) for one in products] == [
        ("mug", ["mug-m"])
    ]
    assert "messages" not in document


@given(st.sampled_from(sorted(FULL)), st.sampled_from(RELEASES), st.data(), junk)
@settings(max_examples=150, deadline=None)
def test_a_question_with_anything_anywhere_is_answered_or_refused(
    operation: str, release: Release, data: Any, value: Any
):
    body = copy.deepcopy(FULL[operation])
    *way, last = data.draw(st.sampled_from(places(body)))
    target: Any = body
    for step in way:
        target = target[step]
    target[last] = value
    for active in (frozenset(ALL), ROOTS):
        with suppress(Refusal):
            answer(operation, body, release, active)


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
@pytest.mark.parametrize("operation", FULL)
@given(more=st.dictionaries(st.sampled_from(["line_items", "buyer", "cart_id", "payment", "x"]), junk))
@settings(max_examples=15, deadline=None)
def test_what_belongs_to_another_operation_changes_nothing(operation: str, release: Release, more: Wire):
    plain = answer(operation, FULL[operation], release, frozenset(ALL))
    assert answer(operation, FULL[operation] | more, release, frozenset(ALL)) == plain
