"""How the agent calls tools, in the form of each release."""

import pytest

from ucp_server.agent.speech import RELEASES, call, told

PROFILE = "https://agent.example/profile"


def test_at_first_the_operation_was_the_method() -> None:
    assert call(RELEASES[0], "update_checkout", PROFILE, "k", "chk_1", {"currency": "EUR"}) == {
        "method": "update_checkout",
        "params": {
            "_meta": {"ucp": {"profile": PROFILE}},
            "idempotency_key": "k",
            "currency": "EUR",
            "id": "chk_1",
        },
    }


@pytest.mark.parametrize("release", RELEASES[1:])
def test_later_it_is_a_tool(release: str) -> None:
    asked = call(release, "update_checkout", PROFILE, "k", "chk_1", {"id": "chk_1", "line_items": []})
    assert asked == {
        "method": "tools/call",
        "params": {
            "name": "update_checkout",
            "arguments": {
                "meta": {"ucp-agent": {"profile": PROFILE}, "idempotency-key": "k"},
                "id": "chk_1",
                "checkout": {"line_items": []},
            },
        },
    }


def test_a_product_is_named_in_what_the_catalog_is_asked() -> None:
    asked = call(RELEASES[-1], "get_product", PROFILE, None, "", {"id": "p"})
    assert asked["params"]["arguments"]["catalog"] == {"id": "p"}


def test_the_document_is_the_result_or_its_structure() -> None:
    assert told(RELEASES[1], {"id": "chk_1", "content": []}) == {"id": "chk_1"}
    assert told(RELEASES[-1], {"structuredContent": {"id": "chk_1"}, "content": []}) == {"id": "chk_1"}
