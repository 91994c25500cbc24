"""Whether a body follows the schema of its release, operation and active extensions."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from ucp_server.asgi.checker import DIALECT, Checker
from ucp_server.ucp.schema_documents import (
    SchemaError,
    Wire,
    extensions_of,
    not_yet,
    read_release,
    write_out,
)

Direction = Literal["request", "response"]  # written by the platform; written by us


class Body(msgspec.Struct, frozen=True):
    """One kind of body: the document it follows, and the use of it that `presence` names."""

    document: str
    use: str


# An operation without a row (get, or cancel as a request) has no body to check.
BODIES: Final[Mapping[tuple[Direction, str], Body]] = {
    ("request", "create_checkout"): Body("checkout", "create"),
    ("request", "update_checkout"): Body("checkout", "update"),
    ("request", "complete_checkout"): Body("checkout", "complete"),
    ("response", "create_checkout"): Body("checkout", "response"),
    ("response", "get_checkout"): Body("checkout", "response"),
    ("response", "update_checkout"): Body("checkout", "response"),
    ("response", "complete_checkout"): Body("checkout", "response"),
    ("response", "cancel_checkout"): Body("checkout", "response"),
    ("response", "get_order"): Body("order", "response"),
    ("response", "order_event"): Body("order", "event"),
    ("request", "create_cart"): Body("cart", "create"),
    ("request", "update_cart"): Body("cart", "update"),
    ("response", "create_cart"): Body("cart", "response"),
    ("response", "get_cart"): Body("cart", "response"),
    ("response", "update_cart"): Body("cart", "response"),
    ("response", "cancel_cart"): Body("cart", "response"),
    ("request", "search_catalog"): Body("catalog_search#/$defs/request", "request"),
    ("response", "search_catalog"): Body("catalog_search#/$defs/response", "response"),
    ("request", "lookup_catalog"): Body("catalog_lookup#/$defs/request", "request"),
    ("response", "lookup_catalog"): Body("catalog_lookup#/$defs/response", "response"),
    ("request", "get_product"): Body("catalog_lookup#/$defs/product_request", "request"),
    ("response", "get_product"): Body("catalog_lookup#/$defs/product_response", "response"),
    ("response", "error"): Body("error_response", "response"),
    ("response", "profile"): Body("profile#/$defs/business", "response"),
    ("request", "profile"): Body("profile#/$defs/platform", "request"),
}


class Schemas:
    """The documents of one folder; `order` names the releases that it may hold, oldest first.

    A document is looked up in its release, then in the newer ones from near to far, then in the
    older ones likewise. So an older release holds only what differs from the next, and so may one
    that is newer than the release with the full set. What was first had by a newer release is in no
    older one. Raises SchemaError if a document is broken.
    """

    def __init__(self, folder: Path, order: Sequence[str]) -> None:
        self.releases = tuple(release for release in order if (folder / release).is_dir())
        stored = [read_release(folder / release, release) for release in self.releases]
        self._documents: dict[str, dict[str, Wire]] = {}
        self._not_yet: dict[str, frozenset[str]] = {}
        for place, release in enumerate(self.releases):
            visible: dict[str, Wire] = {}
            for documents in (*stored[:place], *reversed(stored[place:])):  # the nearest last
                visible.update(documents)
            later = self._not_yet[release] = not_yet(visible, release, order)
            self._documents[release] = {name: visible[name] for name in visible if name not in later}
        self._extensions = {name: extensions_of(seen) for name, seen in self._documents.items()}
        self._checkers: dict[tuple[str, str, str, frozenset[str]], Checker] = {}

    def checker(
        self,
        release: str,
        direction: Direction,
        operation: str,
        extensions: frozenset[str] = frozenset(),
    ) -> Checker:
        """The checker of one body, compiled at its first use.

        `extensions` are the active capabilities; those that add nothing to a document are passed
        over. Formats are asserted in what we write, not in what we read: no sale is lost for the
        address of a picture. KeyError if the operation has no such body in the release.
        """
        active = extensions & self._extensions[release]
        key = (release, direction, operation, active)
        if key not in self._checkers:
            schema = self.inline(release, direction, operation, active)
            self._checkers[key] = Checker(schema, formats=direction == "response")
        return self._checkers[key]

    def inline(
        self,
        release: str,
        direction: Direction,
        operation: str,
        extensions: frozenset[str] = frozenset(),
    ) -> Wire:
        """The schema of one body as plain JSON Schema that needs no other document."""
        body = BODIES[direction, operation]
        if (direction, operation) not in self.bodies(release):
            raise KeyError(f"{release} has no {direction} of {operation}")
        return self.resolve(release, body.document, body.use, extensions)

    def resolve(
        self, release: str, reference: str, use: str, extensions: frozenset[str] = frozenset()
    ) -> Wire:
        """Any document or part of one: `order_config`, `fulfillment_config#/$defs/platform`."""
        documents = self._documents[release]
        return {"$schema": DIALECT, **write_out(documents, reference, use, extensions)}

    def bodies(self, release: str) -> list[tuple[Direction, str]]:
        """The rows of `BODIES` that the release has: those of January have no carts, say."""
        later = self._not_yet[release]
        return [row for row, body in BODIES.items() if body.document.partition("#")[0] not in later]

    def extensions(self, release: str) -> frozenset[str]:
        """The capabilities that add something to a document of the release."""
        return self._extensions[release]

    def compile_all(self, served: Iterable[str]) -> int:
        """Compiles every body of the releases served, bare and with all extensions; says how many.

        Any other set merges fewer of the same parts, so a contradiction shows here. Raises
        SchemaError naming the body, or the release that has no documents.
        """
        for release in served:
            if release not in self._documents:
                raise SchemaError(f"no schema documents of release {release}")
            for direction, operation in self.bodies(release):
                for active in (frozenset[str](), self._extensions[release]):
                    try:
                        self.checker(release, direction, operation, active)
                    except (SchemaError, ValueError) as error:
                        raise SchemaError(f"{release} {direction} {operation}: {error}") from error
        return len(self._checkers)
