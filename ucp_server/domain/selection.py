"""Which variants of a product are meant: by filters, by a choice of options, by nobody's choice.

Pure rules of ``T3:D/catalog/lookup`` (Option Selection, Filters). Names and labels of options are
compared without regard to letter case and to blanks around them.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ucp_server.domain.catalog import Choice, Filters, Product, Variant


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


def passes(variant: Variant, filters: Filters) -> bool:
    """Whether a variant fulfils what can be seen of it: price, availability, options.

    Categories are the whole product's, delivery depends on more than the variant.
    """
    price = variant.price.minor
    if filters.price_min_minor is not None and price < filters.price_min_minor:
        return False
    if filters.price_max_minor is not None and price > filters.price_max_minor:
        return False
    if filters.available is not None and variant.availability.available is not filters.available:
        return False
    return _has_one_of_each(variant, filters.choices)


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
    named = next((one for one in product.variants if one.id == variant_id), None)
    if named is not None:
        choices = named.choices
    elif wanted:
        choices = _fulfillable(product.variants, wanted, preferences)
    else:
        first = featured(product.variants)
        choices = first.choices if first else ()
    fitting = [one for one in product.variants if _has_all(one, choices)]
    variants = featured_first(fitting)
    if named is not None:
        variants = (named, *(one for one in variants if one is not named))
    return Selection(choices=choices, variants=variants, options=_signals(product, choices))


def _fulfillable(
    variants: Sequence[Variant], wanted: Sequence[Choice], preferences: Sequence[str]
) -> tuple[Choice, ...]:
    """As many of ``wanted`` as one variant has together, spelt as the variant does."""
    ranks = {_same(name): rank for rank, name in reversed(list(enumerate(preferences)))}
    # Taken up one by one, what counts most first: then nothing is given up for what counts less.
    kept: list[Choice] = []
    for choice in sorted(wanted, key=lambda choice: ranks.get(_same(choice.name), len(preferences))):
        if any(_has_all(variant, [*kept, choice]) for variant in variants):
            kept.append(choice)
    example = next((one for one in variants if _has_all(one, kept)), None)
    spelt = _by_name(example.choices) if example else {}
    return tuple(spelt[_same(choice.name)] for choice in wanted if choice in kept)


def _signals(product: Product, choices: Sequence[Choice]) -> tuple[OptionShown, ...]:
    shown = []
    for option in product.options:
        others = [choice for choice in choices if _same(choice.name) != _same(option.name)]
        reachable = [one for one in product.variants if _has_all(one, others)]
        values = []
        for label in option.labels:
            having = [one for one in reachable if _has_all(one, [Choice(option.name, label)])]
            available = any(one.availability.available for one in having)
            values.append(OptionValue(label, available=available, exists=bool(having)))
        shown.append(OptionShown(option.name, tuple(values)))
    return tuple(shown)


def _has_all(variant: Variant, choices: Iterable[Choice]) -> bool:
    own = _by_name(variant.choices)
    return all(
        (mine := own.get(_same(choice.name))) is not None and _same(mine.label) == _same(choice.label)
        for choice in choices
    )


def _has_one_of_each(variant: Variant, choices: Sequence[Choice]) -> bool:
    """Several labels of one option are alternatives; different options hold together."""
    wanted: dict[str, set[str]] = {}
    for choice in choices:
        wanted.setdefault(_same(choice.name), set()).add(_same(choice.label))
    own = _by_name(variant.choices)
    return all(name in own and _same(own[name].label) in labels for name, labels in wanted.items())


def _by_name(choices: Iterable[Choice]) -> Mapping[str, Choice]:
    return {_same(choice.name): choice for choice in choices}


def _same(text: str) -> str:
    return text.strip().casefold()
