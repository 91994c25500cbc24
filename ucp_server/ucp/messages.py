"""Problems as UCP messages, and our own words for a place as a JSONPath (RFC 9535)."""

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, Final

from ucp_server.domain.problems import Kind, Problem

Wire = dict[str, Any]

# Where a reply shows what a problem's ``where`` begins with (see domain/problems.py).
_ROOTS: Final = MappingProxyType(
    {
        "id": "id",
        "adjustments": "adjustments",
        "lines": "line_items",
        "buyer": "buyer",
        "discount_codes": "discounts.codes",
        "claims": "context.eligibility",
        "methods": "fulfillment.methods",
        "instruments": "payment.instruments",
        "payment": "payment",
        "currency": "currency",
    }
)
# Members that UCP names in another way below those roots; an address lies flat in its destination.
_MEMBERS: Final = MappingProxyType(
    {
        "address": "",
        "country": "address_country",
        "region": "address_region",
        "locality": "address_locality",
        "line_ids": "line_item_ids",
        "item_id": "item.id",
    }
)
_SIGNAL: Final = re.compile(r"signals\[([a-z0-9._-]+)\]", re.ASCII)
_SEGMENT: Final = re.compile(r"([a-z_]+)((?:\[\d+\])*)", re.ASCII)


def json_path(where: str) -> str | None:
    """Where a reply shows what we call ``where``; None for a place that no reply shows.

    Our ``methods[0].destinations[1].country`` is
    ``$.fulfillment.methods[0].destinations[1].address_country``.
    """
    signal = _SIGNAL.fullmatch(where)
    if signal is not None:
        # Its name has dots, so it goes into brackets.
        return f"$.signals['{signal[1]}']"
    segments = [_SEGMENT.fullmatch(segment) for segment in where.split(".")]
    first = segments[0]
    if first is None or first[1] not in _ROOTS:
        return None
    path = f"$.{_ROOTS[first[1]]}{first[2]}"
    for segment in segments[1:]:
        if segment is None:
            return None
        member = _MEMBERS.get(segment[1], segment[1])
        path += f".{member}{segment[2]}" if member else ""
    return path


def render_message(problem: Problem) -> Wire:
    """One entry of ``messages`` (S/common/types/message_*.json)."""
    message: Wire = {"type": problem.kind.value, "code": problem.code, "content": problem.text}
    if problem.kind is Kind.ERROR and problem.severity is not None:
        message["severity"] = problem.severity.value
    path = json_path(problem.where) if problem.where else None
    if path is not None:
        message["path"] = path
    return message


def render_messages(problems: Iterable[Problem]) -> list[Wire]:
    return [render_message(problem) for problem in problems]
