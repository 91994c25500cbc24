"""The rules of a shop beside a checkout (M:D/overview#Policies), in the newest form.

All of them hold for everything that is sold, so none names its targets and each type is there once.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

Wire = dict[str, Any]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """``type`` is a reverse-domain name; ``must_show`` where a buyer has to see it before the order."""

    type: str
    text: str
    url: str = ""
    must_show: bool = False


def render_policies(policies: Iterable[Policy]) -> list[Wire]:
    return [
        {"type": each.type, "description": {"plain": each.text}} | ({"url": each.url} if each.url else {})
        for each in policies
    ]


def disclosures(policies: Iterable[Policy]) -> list[Wire]:
    """The warnings by which a platform knows what it must show ("Presenting policies")."""
    return [_disclosure(each) for each in policies if each.must_show]


def _disclosure(policy: Policy) -> Wire:
    message: Wire = {
        "type": "warning",
        "code": policy.type,
        "content": policy.text,
        "path": "$.line_items",
        "presentation": "disclosure",
    }
    return message | ({"url": policy.url} if policy.url else {})
