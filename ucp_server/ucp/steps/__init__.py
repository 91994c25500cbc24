"""What each older release had different, one module for each, named after the release it leads to.

A step is a function from a document to itself, changed in place. Request steps lead from the older
release to the next newer one, reply steps from the newer one to the older; a chain of them spans
any distance. The newest form that replies come from is rendered by `checkout` and `order`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Wire = dict[str, Any]
Step = Callable[[Wire], None]


def objects_in(value: Any, member: str) -> Iterator[Wire]:
    """The objects of ``value[member]``, where that is a list; what is not an object is passed over."""
    entries = value.get(member) if isinstance(value, dict) else None
    listed = entries if isinstance(entries, list) else ()
    yield from (entry for entry in listed if isinstance(entry, dict))


def totals_in(document: Wire) -> Iterator[Wire]:
    """Every row of every bill in a checkout or an order: the whole, its lines, its options."""
    yield from objects_in(document, "totals")
    for line in objects_in(document, "line_items"):
        yield from objects_in(line, "totals")
    for option in options_in(document):
        yield from objects_in(option, "totals")


def methods_in(document: Wire) -> Iterator[Wire]:
    return objects_in(document.get("fulfillment"), "methods")


def options_in(document: Wire) -> Iterator[Wire]:
    for method in methods_in(document):
        for group in objects_in(method, "groups"):
            yield from objects_in(group, "options")


def variants_in(document: Wire) -> Iterator[Wire]:
    """Every variant in what a catalog found: of several products, or of the one that is shown."""
    products = [*objects_in(document, "products"), document.get("product")]
    for product in products:
        yield from objects_in(product, "variants")


def apply(steps: Iterable[Step], document: Wire) -> None:
    for step in steps:
        step(document)
