"""Which variants of a product are meant: by filters, by a choice of options, by nobody's choice.

Pure rules of ``T3:D/catalog/lookup`` (Option Selection, Filters). Names and labels of options are
compared without regard to letter case and to blanks around them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ucp_server.domain.catalog import Choice, Filters, Product, ProductOption, Variant


class OptionValue(msgspec.Struct, frozen=True):
    """``exists``: a variant has it together with what is chosen; ``available``: one can be bought."""

    label: str
    available: bool
    exists: bool


class OptionShown(msgspec.Struct, frozen=True):
    name: str
    values: tuple[OptionValue, ...]


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """A product as far as something was chosen.

    ``choices`` are those that hold in the end, ``variants`` fit all of them, the featured one first.
    ``options`` tell what another choice would lead to.
    """

    choices: tuple[Choice, ...]
    variants: tuple[Variant, ...]
    options: tuple[OptionShown, ...]


def passing(filters: Filters) -> Callable[[Variant], bool]:
    """Whether a variant fulfils what can be seen of it: price, availability, options.

    Categories are the whole product's, delivery depends on more than the variant. Several labels of one
    option are alternatives; different options hold together.
    """
    wanted: dict[str, set[str]] = {}
    for choice in filters.choices:
        wanted.setdefault(_same(choice.name), set()).add(_same(choice.label))

    def passes(variant: Variant) -> bool:
        price = variant.price.minor
        if filters.price_min_minor is not None and price < filters.price_min_minor:
            return False
        if filters.price_max_minor is not None and price > filters.price_max_minor:
            return False
        if filters.available is not None and variant.availability.available is not filters.available:
            return False
        if not wanted:
            return True
        own = _labels(variant.choices)
        return all(own.get(name) in labels for name, labels in wanted.items())

    return passes


def in_categories(product: Product, categories: Iterable[str]) -> bool:
    """Whether the product, or one of its variants, is in one of ``categories`` or below it."""
    wanted = {_same(category) for category in categories}
    if not wanted:
        return True
    known = [*product.categories, *(one for variant in product.variants for one in variant.categories)]
    return any(not wanted.isdisjoint(_path(category.value)) for category in known)


def _path(category: str) -> Iterable[str]:
    """``a > b > c`` is in ``a``, in ``a > b`` and in itself."""
    parts = [part.strip() for part in category.split(">")]
    return (_same(" > ".join(parts[:depth])) for depth in range(1, len(parts) + 1))


def featured(variants: Sequence[Variant]) -> Variant | None:
    """The one that stands for all: the first that can be bought, else the first."""
    return next((one for one in variants if one.availability.available), next(iter(variants), None))


def featured_first(variants: Sequence[Variant]) -> tuple[Variant, ...]:
    first = featured(variants)
    return () if first is None else (first, *(one for one in variants if one is not first))


def select(
    product: Product,
    wanted: Sequence[Choice] | None,
    preferences: Sequence[str] = (),
    variant_id: str | None = None,
) -> Selection:
    """Follow a buyer's choice as far as there are variants for it.

    ``variant_id`` alone decides where it is given. Otherwise what no variant fulfils together is
    dropped: first what ``preferences`` do not name, the latest first, then the last of those.
    Without any choice the featured variant is chosen.
    """
    known = [_Known(one, _labels(one.choices)) for one in product.variants]
    named = next((one for one in product.variants if one.id == variant_id), None)
    if named is not None:
        choices = named.choices
    elif wanted:
        choices = _fulfillable(known, wanted, preferences)
    else:
        first = featured(product.variants)
        choices = first.choices if first else ()
    chosen = _labels(choices)
    variants = featured_first([one.variant for one in known if _has_all(one, chosen)])
    if named is not None:
        variants = (named, *(one for one in variants if one is not named))
    return Selection(choices=choices, variants=variants, options=_signals(product.options, known, chosen))


class _Known(NamedTuple):
    """``labels`` by the names of their options, both folded: a product may have thousands of variants."""

    variant: Variant
    labels: Mapping[str, str]


def _fulfillable(
    known: Sequence[_Known], wanted: Sequence[Choice], preferences: Sequence[str]
) -> tuple[Choice, ...]:
    """As many of ``wanted`` as one variant has together, spelt as the variant does."""
    ranks = {_same(name): rank for rank, name in reversed(list(enumerate(preferences)))}
    had = {label for one in known for label in one.labels.items()}
    # Taken up one by one, what counts most first: then nothing is given up for what counts less.
    kept: set[str] = set()
    fitting = known
    for choice in sorted(wanted, key=lambda choice: ranks.get(_same(choice.name), len(preferences))):
        name, label = _same(choice.name), _same(choice.label)
        if (name, label) in had and (fewer := [one for one in fitting if one.labels.get(name) == label]):
            kept.add(name)
            fitting = fewer
    spelt = {_same(choice.name): choice for choice in fitting[0].variant.choices} if fitting else {}
    return tuple(spelt[name] for name in dict.fromkeys(_same(one.name) for one in wanted) if name in kept)


def _signals(
    options: Iterable[ProductOption], known: Sequence[_Known], chosen: Mapping[str, str]
) -> tuple[OptionShown, ...]:
    shown = []
    for option in options:
        name = _same(option.name)
        others = {other: label for other, label in chosen.items() if other != name}
        # By label, whether one that has it can be bought.
        reached: dict[str, bool] = {}
        for one in known:
            if (label := one.labels.get(name)) is not None and _has_all(one, others):
                reached[label] = reached.get(label, False) or one.variant.availability.available
        values = tuple(
            OptionValue(label, available=reached.get(_same(label), False), exists=_same(label) in reached)
            for label in option.labels
        )
        shown.append(OptionShown(option.name, values))
    return tuple(shown)


def _has_all(one: _Known, chosen: Mapping[str, str]) -> bool:
    return all(one.labels.get(name) == label for name, label in chosen.items())


def _labels(choices: Iterable[Choice]) -> Mapping[str, str]:
    return {_same(choice.name): _same(choice.label) for choice in choices}


def _same(text: str) -> str:
    return text.strip().casefold()
