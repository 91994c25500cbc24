"""Lines as a caller wants them, and which of them a checkout already has."""

from collections import deque
from collections.abc import Mapping, Sequence

import msgspec

from ucp_server.domain.catalog import Item
from ucp_server.domain.checkout import Line
from ucp_server.domain.money import checked
from ucp_server.domain.quote import PricedLine
from ucp_server.domain.tools import SoldAs


class WantedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line as asked for; ``id`` when it names one that the checkout has. Quantities are positive."""

    item_id: str
    quantity: int
    id: str | None = None
    parent_id: str | None = None
    sold_as: SoldAs | None = None


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """The new lines; ``made`` counts all ids ever given, ``names`` leads from the caller's to ours."""

    lines: tuple[Line, ...]
    made: int
    names: Mapping[str, str]


def resolve_lines(wanted: Sequence[WantedLine], before: Sequence[Line], made: int) -> Lines:
    """Give every wanted line its id.

    It keeps the id that it names, else that of the first line with the same item that no other
    wanted line names; a line that is new gets a new one. An id that we did not give counts as none.
    """
    free = {line.id: line for line in before}
    ids = [want.id if want.id and free.pop(want.id, None) else None for want in wanted]
    by_item: dict[str, deque[str]] = {}
    for line in free.values():
        by_item.setdefault(line.item_id, deque()).append(line.id)
    for place, want in enumerate(wanted):
        if ids[place] is None:
            same = by_item.get(want.item_id)
            if same:
                ids[place] = same.popleft()
            else:
                made += 1
                ids[place] = f"li_{made}"
    given = [id_ for id_ in ids if id_ is not None]
    names = {want.id: id_ for want, id_ in zip(wanted, given, strict=True) if want.id}
    names |= {id_: id_ for id_ in given}
    lines = [_line(want, id_, names) for want, id_ in zip(wanted, given, strict=True)]
    return Lines(lines=tuple(lines), made=made, names=names)


def _line(want: WantedLine, line_id: str, names: Mapping[str, str]) -> Line:
    parent_id = names.get(want.parent_id) if want.parent_id else None
    return Line(
        id=line_id,
        item_id=want.item_id,
        quantity=want.quantity,
        parent_id=parent_id,
        sold_as=want.sold_as,
    )


def priced_lines(lines: Sequence[Line], items: Mapping[str, Item]) -> list[PricedLine]:
    """The lines whose item is for sale, at its price. Raises `AmountOutOfRangeError`."""
    return [
        PricedLine(
            line_id=line.id,
            item=items[line.item_id],
            quantity=line.quantity,
            base_minor=checked(items[line.item_id].price.minor * line.quantity),
        )
        for line in lines
        if line.item_id in items
    ]
