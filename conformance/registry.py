"""What a check is, how one is registered, and how it tells its verdict."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec

if TYPE_CHECKING:
    from conformance.wire import Exchange

Wire = dict[str, Any]
# What a check is shown depends on its protocol: a `Shop`, or what a dialect speaks to.
Body = Callable[..., Awaitable[None]]
B = TypeVar("B", bound=Body)

# Releases whose checkout travels in the form of January 2026: capabilities as a list, handlers
# beside `ucp`, positive discounts. A release that keeps an obligation is added to its set.
LISTED_CAPABILITIES = frozenset({"2026-01-11"})
JANUARY = frozenset({"2026-01-11", "2026-01-23"})
EVERY = frozenset({"2026-01-11", "2026-01-23", "2026-04-08", "2026-08-25"})
MAPPED_CAPABILITIES = EVERY - LISTED_CAPABILITIES
# Outcomes with status 200, signed totals and events signed as HTTP messages came in April, typed
# destinations, purposes of consent and `keys` in August.
SINCE_APRIL = EVERY - JANUARY
UNTIL_AUGUST = EVERY - {"2026-08-25"}
SINCE_AUGUST = frozenset({"2026-08-25"})


class Broken(Exception):
    """The obligation is broken; the exchange that shows it, when it is not the last one."""

    def __init__(self, reason: str, shown_by: "Exchange | None" = None) -> None:
        super().__init__(reason)
        self.shown_by = shown_by


class Lacking(Exception):
    """The check cannot say anything: an input, a capability or its scene is missing."""


class Check(msgspec.Struct, frozen=True):
    """One obligation.

    `advice` marks a SHOULD, or a MUST that only later releases spell out: a server that ignores
    it gets a warning, not a failure, unless the run is strict.
    """

    id: str
    section: str
    sentence: str
    releases: frozenset[str]
    advice: bool
    body: Body

    @property
    def group(self) -> str:
        return self.id.partition(".")[0]


_REGISTERED: dict[str, Check] = {}


def check(
    section: str, *, releases: frozenset[str] = LISTED_CAPABILITIES, advice: bool = False
) -> Callable[[B], B]:
    """Register the function as the check `<its module>.<its name>`, its docstring the sentence.

    A dialect's checks name the dialect in place of releases, and in their ids: `c2a.offers.<name>`.
    """

    def register(body: B) -> B:
        group = body.__module__.removeprefix("conformance.").replace("checks.", "")
        name = getattr(body, "__name__", "")
        sentence = " ".join((body.__doc__ or "").split())
        if not sentence:
            raise ValueError(f"{group}.{name} does not say what it checks")
        identity = f"{group}.{name}"
        if identity in _REGISTERED:
            raise ValueError(f"{identity} is registered twice")
        _REGISTERED[identity] = Check(identity, section, sentence, releases, advice, body)
        return body

    return register


def checks_for(release: str, only: frozenset[str] = frozenset()) -> list[Check]:
    """The checks of a release, in the order of their modules; `only` names groups or single ids."""
    chosen = [each for each in _REGISTERED.values() if release in each.releases]
    if not only:
        return chosen
    return [each for each in chosen if each.group in only or each.id in only]


def checks_of(dialect: str, only: frozenset[str] = frozenset()) -> list[Check]:
    """The checks of a dialect, or those of the groups and names in `only` (with or without the dialect)."""
    return [
        each
        for each in checks_for(dialect)
        if not only or only & {each.id, each.id.partition(".")[2], each.id.split(".")[1]}
    ]


def expect(fact: object, reason: str, shown_by: "Exchange | None" = None) -> None:
    """Break the check unless the fact is truthy; `reason` says what was seen instead."""
    if not fact:
        raise Broken(reason, shown_by)


def lacking(what: str) -> NoReturn:
    raise Lacking(what)
