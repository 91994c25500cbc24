"""Fulfillment methods: what a caller wants of them, what the checkout had, what the buyer is shown.

In two steps, since options come from a plug-in: `resolve_methods` settles methods, lines and
destinations; `offer` puts the options of a destination in and keeps or drops the selected one.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ucp_server.domain import problems
from ucp_server.domain.addresses import find_same, id_of
from ucp_server.domain.fulfillment import (
    Address,
    Destination,
    Group,
    Method,
    Option,
    WantedDestination,
    WantedGroup,
    WantedMethod,
)
from ucp_server.domain.problems import Problem

SHIPPING: Final = "shipping"
PICKUP: Final = "pickup"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to choose from: lines that have to be fulfilled, stored addresses, our places."""

    line_ids: tuple[str, ...]
    # from the caller's names of lines to ours
    names: Mapping[str, str]
    stored: tuple[Destination, ...] = ()
    locations: tuple[tuple[Destination, Option], ...] = ()


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A method without its options. ``sent`` are the destinations that came from the caller.

    ``is_new_choice`` when the selected option was named by this request, not kept from before;
    ``takes_cheapest`` where nobody can name one.
    """

    method: Method
    sent: tuple[Destination, ...] | None
    is_new_choice: bool
    takes_cheapest: bool = False

    @property
    def as_asked(self) -> Method:
        """The method as the basket keeps it: free of what others may change under it."""
        groups = tuple(msgspec.structs.replace(group, options=()) for group in self.method.groups)
        return msgspec.structs.replace(self.method, destinations=self.sent, groups=groups)


Drafts = tuple[list[Draft], list[Problem]]


def resolve_methods(wanted: Sequence[WantedMethod], before: Sequence[Method], known: Known) -> Drafts:
    """The methods as wanted now; those of ``before`` lend ids and addresses to their successors."""
    drafts: list[Draft] = []
    found: list[Problem] = []
    free_lines = list(known.line_ids)
    free_methods = list(before)
    ids = {method.id for method in before}
    for index, want in enumerate(wanted):
        old = _predecessor(want, free_methods, before, index)
        if old is not None:
            free_methods.remove(old)
        type_ = want.type or (old.type if old else SHIPPING)
        if type_ != SHIPPING and not (type_ == PICKUP and known.locations):
            found.append(problems.method_unavailable(type_, f"methods[{index}].type"))
            continue
        line_ids = _lines_of(want.line_ids, free_lines, known.names)
        if not line_ids:
            continue
        free_lines = [line_id for line_id in free_lines if line_id not in line_ids]
        method_id = old.id if old is not None and old.type == type_ else _new_id(type_, ids)
        ids.add(method_id)
        drafts.append(_draft(want, old, known, Method(id=method_id, type=type_, line_ids=line_ids)))
    return drafts, found


def keep_methods(before: Sequence[Method], known: Known) -> Drafts:
    """The methods as they were, over the lines as they are now; new lines join the first method."""
    held = {line_id for method in before for line_id in method.line_ids}
    new = tuple(line_id for line_id in known.line_ids if line_id not in held)
    wanted = [
        WantedMethod(
            id=method.id,
            type=method.type,
            line_ids=tuple(i for i in method.line_ids if i in known.line_ids) + (new if place == 0 else ()),
            selected_destination_id=method.selected_destination_id,
            groups=tuple(
                WantedGroup(id=group.id, selected_option_id=group.selected_option_id)
                for group in method.groups
            ),
        )
        for place, method in enumerate(before)
    ]
    drafts, found = resolve_methods([want for want in wanted if want.line_ids], before, known)
    return [msgspec.structs.replace(draft, is_new_choice=False) for draft in drafts], found


def suggested_method(known: Known, ship_to: Address | None = None) -> Draft:
    """What a buyer is shown who has not said how the goods shall come: they can be shipped.

    With ``ship_to`` they go there, by the first option that there is.
    """
    method = Method(id=_new_id(SHIPPING, set()), type=SHIPPING, line_ids=known.line_ids)
    if ship_to is None:
        return _draft(WantedMethod(type=SHIPPING), None, known, method)
    want = WantedMethod(
        type=SHIPPING,
        destinations=(WantedDestination(id=id_of(ship_to), address=ship_to),),
        selected_destination_id=id_of(ship_to),
    )
    return msgspec.structs.replace(_draft(want, None, known, method), takes_cheapest=True)


def offer(draft: Draft, options: Sequence[Option], index: int) -> tuple[Draft, Problem | None]:
    """Put ``options``, cheapest first, into the method's group; an option not among them is deselected."""
    group = draft.method.groups[0]
    chosen = options[0].id if draft.takes_cheapest and options else group.selected_option_id
    problem = None
    if chosen is not None and all(option.id != chosen for option in options):
        where = f"methods[{index}].groups[0].selected_option_id"
        problem = (problems.option_unknown if draft.is_new_choice else problems.fulfillment_changed)(where)
        chosen = None
    offered = msgspec.structs.replace(group, options=tuple(options), selected_option_id=chosen)
    method = msgspec.structs.replace(draft.method, groups=(offered,))
    return msgspec.structs.replace(draft, method=method), problem


def select_destination(draft: Draft, index: int) -> tuple[Draft, Problem | None]:
    """Drop a selection that names none of the destinations."""
    method = draft.method
    if method.selected_destination_id is None or method.destination is not None:
        return draft, None
    problem = problems.destination_unknown(f"methods[{index}].selected_destination_id")
    method = msgspec.structs.replace(method, selected_destination_id=None)
    return msgspec.structs.replace(draft, method=method), problem


def _predecessor(
    want: WantedMethod, free: Sequence[Method], before: Sequence[Method], index: int
) -> Method | None:
    """By id, else by type, else by place: older callers name no ids."""
    by_id = next((method for method in free if method.id == want.id), None)
    if by_id is not None:
        return by_id
    if want.type is not None:
        return next((method for method in free if method.type == want.type), None)
    same_place = before[index] if index < len(before) else None
    return same_place if same_place in free else None


def _lines_of(
    wanted: Sequence[str] | None, free: Sequence[str], names: Mapping[str, str]
) -> tuple[str, ...]:
    """The lines that a method takes: those it names, else all that no other method has taken."""
    if wanted is None:
        return tuple(free)
    asked = {names.get(name, name) for name in wanted}
    # A caller that names none of our lines does not know our ids yet.
    return tuple(line_id for line_id in free if line_id in asked) or tuple(free)


def _new_id(type_: str, taken: set[str]) -> str:
    return next(id_ for n in range(1, len(taken) + 2) if (id_ := f"{type_}_{n}") not in taken)


def _draft(want: WantedMethod, old: Method | None, known: Known, method: Method) -> Draft:
    sent = _sent(want, old, known) if method.type == SHIPPING else None
    option_id = want.groups[0].selected_option_id if want.groups else None
    group = Group(id=f"{method.id}_group_1", line_ids=method.line_ids, selected_option_id=option_id)
    return Draft(
        method=msgspec.structs.replace(
            method,
            destinations=_destinations(method, sent, want.selected_destination_id, known),
            selected_destination_id=want.selected_destination_id,
            groups=(group,),
        ),
        sent=sent,
        is_new_choice=option_id is not None,
    )


def _sent(want: WantedMethod, old: Method | None, known: Known) -> tuple[Destination, ...] | None:
    """The destinations that the caller gave, now or before, each once."""
    before = old.destinations or () if old is not None and old.type == SHIPPING else ()
    if want.destinations is None:
        return before or None
    earlier = {destination.id: destination for destination in (*known.stored, *before)}
    found: dict[str, Destination] = {}
    for sent in want.destinations:
        destination = _destination(sent, earlier, known.stored)
        if destination is not None:
            found.setdefault(destination.id, destination)
    return tuple(found.values()) or None


def _destination(
    sent: WantedDestination, earlier: Mapping[str, Destination], stored: tuple[Destination, ...]
) -> Destination | None:
    """An address under the id that the caller gave it, else under that of the same stored one.

    An id without an address names one that is known; None when it is not.
    """
    if sent.address is None:
        return earlier.get(sent.id) if sent.id else None
    same = find_same(stored, sent.address) if sent.id is None else None
    id_ = sent.id or (same.id if same else id_of(sent.address))
    return Destination(id=id_, kind="shipping_address", address=sent.address)


def _destinations(
    method: Method, sent: tuple[Destination, ...] | None, selected: str | None, known: Known
) -> tuple[Destination, ...] | None:
    """What is listed: our places; or what the caller sent, else what is stored for the buyer."""
    if method.type == PICKUP:
        return tuple(place for place, _ in known.locations)
    if sent is None:
        return known.stored or None
    if all(destination.id != selected for destination in sent):
        return sent + tuple(stored for stored in known.stored if stored.id == selected)
    return sent
