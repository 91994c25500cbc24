"""Rules of the shop beside a checkout: told by 2026-08-25, disclosed since 2026-04-08."""

from typing import Any

import msgspec
import pytest

from tests.ucp.conftest import JANUARY, Open
from ucp_server.config import Merchant, Policy
from ucp_server.ucp.releases import SERVED

Wire = dict[str, Any]

RETURNS = Policy(
    type="dev.ucp.shopping.policy.return",
    text="Within 30 days, unopened.",
    url="https://shop.example/returns",
)
FINAL = Policy(type="com.example.policy.final_sale", text="Cut flowers are final sale.", must_show=True)


async def test_what_rules_is_told_and_what_must_be_seen_is_disclosed(town: Open):
    async with town(policies=(RETURNS, FINAL)) as here:
        for release in SERVED:
            checkout = await here.agent_of(release).ready()
            assert checkout["status"] == "ready_for_complete"
            (warning,) = checkout["messages"]
            assert (warning["type"], warning["code"]) == ("warning", FINAL.type)
            assert warning["content"] == FINAL.text
            assert (warning.get("presentation") == "disclosure") is (release not in JANUARY)
            if release != "2026-08-25":
                assert "policies" not in checkout
                continue
            assert checkout["policies"] == [
                {"type": RETURNS.type, "description": {"plain": RETURNS.text}, "url": RETURNS.url},
                {"type": FINAL.type, "description": {"plain": FINAL.text}},
            ]


def test_one_type_rules_once():
    table = {"policies": [msgspec.to_builtins(RETURNS)] * 2}
    with pytest.raises(msgspec.ValidationError, match="each type can stand there once"):
        msgspec.convert(table, Merchant)
    assert msgspec.convert({"policies": [msgspec.to_builtins(RETURNS)]}, Merchant).policies == (RETURNS,)


@pytest.mark.parametrize("broken", [{"type": "returns"}, {"text": ""}, {"url": "http://shop.example"}])
def test_a_policy_that_nobody_could_read(broken: Wire):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(RETURNS) | broken, Policy)
