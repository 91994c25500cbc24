"""The table of operations: nothing else says what can be asked, so it has to be right by itself."""

from typing import Any

import pytest

from ucp_server.ucp.operation_table import OPERATIONS, Family, operations_of
from ucp_server.ucp.releases import RELEASES, Release
from ucp_server.ucp.rest import operation_routes
from ucp_server.ucp.schema import BODIES


def test_each_path_and_method_is_one_operation():
    asked = [(row.method, row.path) for row in OPERATIONS.values()]
    assert len(set(asked)) == len(asked)
    # Those of one path become one route, and only neighbours do.
    paths = [row.path for row in OPERATIONS.values()]
    assert len({*paths}) == sum(one != other for one, other in zip(paths, ["", *paths], strict=False))


def test_what_writes_is_known_by_its_method_but_for_questions_that_have_a_body():
    for row in OPERATIONS.values():
        assert row.writes is (row.method != "GET" and row.family is not Family.CATALOG), row.name
    assert [row.name for row in OPERATIONS.values() if row.makes] == ["create_checkout", "create_cart"]


def test_what_is_sent_and_answered_has_a_form():
    for row in OPERATIONS.values():
        if not row.of_releases:
            continue
        assert ("response", row.name) in BODIES
        has_body = row.method != "GET" and not row.name.startswith("cancel_")
        assert (("request", row.name) in BODIES) is has_body


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_a_release_routes_what_it_publishes(release: Release):
    nothing: Any = None
    routed = {route.path for route in operation_routes(release, lambda *_: nothing)}
    assert routed == {f"/ucp/{release.version}{row.path}" for row in operations_of(release)}
    published = {capability.name for capability in release.capabilities}
    assert {row.root for row in operations_of(release)} <= published
