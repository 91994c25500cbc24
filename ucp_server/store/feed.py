"""A product feed: one JSON object a line.

That is a product, with its variants inside, or, as exports for shopping sites have it, one variant of
the product that its ``item_group_id`` names.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from ucp_server.store.csv_rows import BadRow, CellError, Cells, CsvFolder, CutText
from ucp_server.store.feed_members import GROUP_TITLE, cells_of
from ucp_server.store.product_cells import VARIANTS_MAX, ProductReader, Shown, Sold
from ucp_server.store.product_tables import Goods, goods

# In a shop's folder it takes the place of products.csv and variants.csv.
FEED_FILE: Final = "products.jsonl"
# A hundred thousand products at eight kilobytes, as the wordiest shops write them.
FEED_BYTES_MAX: Final = 1024 * 1024 * 1024
# As many lines as that has when each variant is one; all are held in memory until they are written.
LINES_MAX: Final = 500_000
# A product with two thousand variants of half a kilobyte.
LINE_BYTES_MAX: Final = 1024 * 1024

# What the line of one variant says of itself alone, where that of another says nothing.
_OF_ONE_VARIANT: Final = frozenset(
    {"quantity", "availability", "unit_pricing_measure", "unit_pricing_base_measure"}
)

_decode = msgspec.json.Decoder(dict[str, object]).decode


def read_feed(files: CsvFolder, path: Path, reader: ProductReader) -> Goods:
    """What the lines of ``path`` say; bad ones, cut texts and unknown members are noted in ``files``."""
    if path.stat().st_size > FEED_BYTES_MAX:
        files.bad.append(BadRow(path.name, 1, f"the file is larger than {FEED_BYTES_MAX} bytes"))
        return Goods()
    feed = _Feed(files, path.name, reader)
    for line, raw in _lines(files, path):
        feed.take(line, raw)
    return feed.goods()


def _lines(files: CsvFolder, path: Path) -> Iterator[tuple[int, bytes]]:
    size, done = path.stat().st_size, 0
    with path.open("rb") as file:
        for line in range(1, LINES_MAX + 2):
            raw = file.readline(LINE_BYTES_MAX + 1)
            if not raw:
                return
            if line > LINES_MAX or len(raw) > LINE_BYTES_MAX:
                lines = f"the file has more than {LINES_MAX} lines"
                reason = lines if line > LINES_MAX else f"the line is longer than {LINE_BYTES_MAX} bytes"
                files.bad.append(BadRow(path.name, line, reason))
                return
            done += len(raw)
            files.progress(f"reading {path.name}", done, size)
            yield line, raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw


class _Feed:
    """Products by their id, in the order in which the feed first names them."""

    def __init__(self, files: CsvFolder, name: str, reader: ProductReader) -> None:
        self._files = files
        self._name = name
        self._reader = reader
        self._shown: dict[str, tuple[Shown, list[Sold]]] = {}
        # Where each id of a product, and of what can be put on a line, stands.
        self._product_lines: dict[str, int] = {}
        self._item_lines: dict[str, int] = {}
        self._groups: set[str] = set()
        self._unknown: set[str] = set()

    def take(self, line: int, raw: bytes) -> None:
        if not raw.strip():
            return
        try:
            self._read(_decoded(raw), line)
        except CellError as error:
            self._bad(line, str(error))

    def goods(self) -> Goods:
        for id_, line in self._item_lines.items():
            if id_ in self._shown and self._shown[id_][1] and not _has(self._shown[id_][1], id_):
                self._bad(line, f"id {id_} is a product, in line {self._product_lines[id_]}")
        self._files.ignored += [f"{self._name}: {name}" for name in sorted(self._unknown)]
        return goods(tuple(self._shown.values()))

    def _read(self, members: dict[str, object], line: int) -> None:
        variants = members.pop("variants", None)
        cells = cells_of(members, line, self._unknown)
        if variants:
            product = self._product(cells)
            for place, each in enumerate(_at_most(variants)):
                self._nested(product, each, place, line)
        elif cells.text("product_id"):
            self._of_group(cells, members)
        else:
            _claim(self._item_lines, self._product(cells).id, line)

    def _product(self, cells: Cells) -> Shown:
        product = self._reader.product(cells)
        _claim(self._product_lines, product.id, cells.line)
        self._shown[product.id] = (product, [])
        self._note_cut(cells)
        return product

    def _nested(self, product: Shown, members: object, place: int, line: int) -> None:
        try:
            if not isinstance(members, dict):
                raise CellError("not a JSON object")
            self._variant(product, cells_of(members, line, self._unknown))
        except CellError as error:
            raise CellError(f"variants[{place}]: {error}") from error

    def _of_group(self, cells: Cells, members: dict[str, object]) -> None:
        """The first line of a group speaks for the product, too, but not for what others cost."""
        group = cells.required("product_id")
        cells.required("price")
        if group not in self._groups:
            title = cells.text(GROUP_TITLE) or cells.text("title")
            # First of its name, so that it holds whatever else the line calls an id.
            told = {"id": group, "title": title} | {
                name: value for name, value in members.items() if name not in {"id", "title"}
            }
            self._product(cells_of(told, cells.line, self._unknown, without=_OF_ONE_VARIANT))
            self._groups.add(group)
        product, variants = self._shown[group]
        if len(variants) == VARIANTS_MAX:
            raise CellError(f"product {group} has more than {VARIANTS_MAX} variants")
        self._variant(product, cells)

    def _variant(self, product: Shown, cells: Cells) -> None:
        sold = self._reader.variant(cells, product)
        _claim(self._item_lines, sold.item.id, cells.line)
        self._shown[product.id][1].append(sold)
        self._note_cut(cells)

    def _note_cut(self, cells: Cells) -> None:
        self._files.cut += [CutText(self._name, cells.line, column) for column in cells.cut]

    def _bad(self, line: int, reason: str) -> None:
        self._files.bad.append(BadRow(self._name, line, reason))


def _decoded(raw: bytes) -> dict[str, object]:
    try:
        return _decode(raw)
    except UnicodeDecodeError as error:
        raise CellError("not UTF-8") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise CellError("not a JSON object") from error


def _at_most(variants: object) -> list[object]:
    if not isinstance(variants, list) or len(variants) > VARIANTS_MAX:
        raise CellError(f"variants is no list of at most {VARIANTS_MAX}")
    return variants


def _claim(lines: dict[str, int], id_: str, line: int) -> None:
    if id_ in lines:
        raise CellError(f"id {id_} is there twice, first in line {lines[id_]}")
    lines[id_] = line


def _has(variants: list[Sold], item_id: str) -> bool:
    return any(one.item.id == item_id for one in variants)
