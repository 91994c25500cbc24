"""Reading a merchant's CSV files so that every bad row can be told: file, line, reason."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from ucp_server.domain.money import AMOUNT_MAX, MILLION

# A hundred thousand products with long descriptions; one file is held in memory whole.
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
CELL_CHARS_MAX: Final = 5_000
LIST_ITEMS_MAX: Final = 1_000

# A per cent has ten thousand millionths.
PPM_PER_PERCENT: Final = 10_000

_INTEGER: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_DECIMAL: Final = re.compile(r"(\d{1,9})(?:\.(\d{1,4}))?", re.ASCII)
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
# C0 and C1 controls, and halves of surrogate pairs: none belongs into a text, some break Postgres.
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# As the newest release writes it; 2026-04-08 knows no hyphens in one.
_REVERSE_DOMAIN: Final = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9_])?)+")
_YES_NO: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}

T = TypeVar("T")

# What is being read or written, how far it is, and how far it goes (in lines, rows or bytes).
Progress = Callable[[str, int, int], None]


def unwatched(what: str, done: int, whole: int) -> None:
    """The progress that nobody looks at."""
    del what, done, whole


class BadRow(msgspec.Struct, frozen=True):
    """A row that cannot be loaded. ``line`` counts from 1 at the head of the file."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


class CutText(msgspec.Struct, frozen=True):
    """A text that was longer than is kept; the row is loaded. ``line`` as in `BadRow`."""

    file: str
    line: int
    column: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.column} was too long and is cut"


class CellError(ValueError):
    """Why a row is bad; the message is for the merchant."""


class Cells:
    """One row by column. A missing column reads as an empty cell.

    ``cut`` takes the columns of which whoever reads the row leaves something out.
    """

    __slots__ = ("_cells", "columns", "cut", "line")

    def __init__(self, cells: dict[str, str], line: int) -> None:
        self._cells = cells
        self.columns = tuple(cells)
        self.cut: list[str] = []
        self.line = line

    def text(self, column: str, *, most: int = CELL_CHARS_MAX) -> str | None:
        """The trimmed text, None when it is empty."""
        cell = self._cells.get(column)
        if not cell:
            return None  # as most cells are: a row has dozens of columns that few goods need
        text = cell.strip()
        if len(text) > most:
            raise CellError(f"{column} is longer than {most} characters")
        if _UNPRINTABLE.search(text):
            raise CellError(f"{column} holds a control character")
        return text or None

    def required(self, column: str, *, most: int = 255) -> str:
        text = self.text(column, most=most)
        if text is None:
            raise CellError(f"{column} is missing")
        return text

    def integer(self, column: str, *, least: int = 0, most: int = AMOUNT_MAX) -> int | None:
        text = self.text(column)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text):
            raise CellError(f"{column} is not a whole number: {text[:40]}")
        if not least <= int(text) <= most:
            raise CellError(f"{column} is not between {least} and {most}: {text}")
        return int(text)

    def required_integer(self, column: str, *, least: int = 0) -> int:
        number = self.integer(column, least=least)
        if number is None:
            raise CellError(f"{column} is missing")
        return number

    def parts_per_million(self, column: str, unit: int) -> int:
        """A decimal number of ``unit`` parts per million each, at most the whole."""
        match = _DECIMAL.fullmatch(self.required(column))
        if match is None:
            raise CellError(f"{column} is not a number: {self.text(column)}")
        whole, fraction = match[1], (match[2] or "").ljust(4, "0")
        scaled = int(whole + fraction) * unit
        if scaled % 10_000:
            raise CellError(f"{column} is finer than a millionth: {match[0]}")
        if scaled > MILLION * 10_000:
            raise CellError(f"{column} is more than the whole: {match[0]}")
        return scaled // 10_000

    def flag(self, column: str) -> bool | None:
        text = self.text(column)
        if text is None:
            return None
        if text.lower() not in _YES_NO:
            raise CellError(f"{column} is neither yes nor no: {text[:40]}")
        return _YES_NO[text.lower()]

    def choice(self, column: str, among: tuple[str, ...]) -> str:
        text = self.required(column)
        if text not in among:
            raise CellError(f"{column} is none of {', '.join(among)}: {text[:40]}")
        return text

    def country(self, column: str) -> str | None:
        text = self.text(column)
        if text is not None and not _COUNTRY.fullmatch(text.upper()):
            raise CellError(f"{column} is not a country of two letters: {text[:40]}")
        return text.upper() if text else None

    def claim(self, column: str) -> str | None:
        """What a buyer may claim: a reverse-domain name, like com.example.member."""
        text = self.text(column, most=255)
        if text is not None and not _REVERSE_DOMAIN.fullmatch(text):
            raise CellError(f"{column} is not a reverse-domain name: {text[:40]}")
        return text

    def names(self, column: str) -> tuple[str, ...]:
        """A JSON list of texts, or texts with | between them."""
        text = self.text(column)
        if text is None:
            return ()
        if text.startswith("["):
            try:
                found = msgspec.json.decode(text, type=list[str])
            except msgspec.DecodeError as error:
                raise CellError(f"{column} is not a list of texts") from error
        else:
            found = text.split("|")
        if len(found) > LIST_ITEMS_MAX:
            raise CellError(f"{column} names more than {LIST_ITEMS_MAX}")
        return tuple(name.strip() for name in found if name.strip())

    def moment(self, column: str) -> datetime | None:
        """An ISO date or date and time; UTC where it names no zone."""
        text = self.text(column)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise CellError(f"{column} is not a date: {text[:40]}") from error
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class CsvFolder:
    """A folder of CSV files. Bad rows are collected, not raised, so that all can be told at once."""

    def __init__(self, folder: Path, progress: Progress = unwatched) -> None:
        self.folder = folder
        self.progress = progress
        self.bad: list[BadRow] = []
        self.ignored: list[str] = []
        self.cut: list[CutText] = []

    def rows(
        self,
        file: str,
        columns: tuple[str, ...],
        read: Callable[[Cells], T],
        *,
        prefix: str | tuple[str, ...] = (),
    ) -> list[T]:
        """What ``read`` makes of each row; none where there is no such file.

        ``read`` raises `CellError` for a bad row. Columns other than ``columns`` (and those that
        start with a ``prefix``) are noted as ignored.
        """
        values = []
        for cells in self._cells(file, columns, prefix):
            try:
                values.append(read(cells))
            except CellError as error:
                self.bad.append(BadRow(file, cells.line, str(error)))
            self.cut += [CutText(file, cells.line, column) for column in cells.cut]
        return values

    def _cells(self, file: str, columns: tuple[str, ...], prefix: str | tuple[str, ...]) -> Iterator[Cells]:
        text = self._text(file)
        if text is None:
            return
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        line, lines = 1, text.count("\n") + 1
        try:
            head = [name.strip() for name in next(reader, [])]
            self._check_head(file, head, columns, prefix)
            line = reader.line_num + 1
            for record in reader:
                if any(cell.strip() for cell in record):
                    if len(record) == len(head):
                        yield Cells(dict(zip(head, record, strict=True)), line)
                    else:
                        reason = f"{len(record)} cells where the head has {len(head)}"
                        self.bad.append(BadRow(file, line, reason))
                line = reader.line_num + 1
                self.progress(f"reading {file}", line - 1, lines)
        except csv.Error as error:
            self.bad.append(BadRow(file, line, f"not CSV: {error}"))

    def _text(self, file: str) -> str | None:
        path = self.folder / file
        if not path.is_file():
            return None
        if path.stat().st_size > FILE_BYTES_MAX:
            self.bad.append(BadRow(file, 1, f"the file is larger than {FILE_BYTES_MAX} bytes"))
            return None
        raw = path.read_bytes()
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            self.bad.append(BadRow(file, line, "not UTF-8"))
            return None

    def _check_head(
        self, file: str, head: list[str], columns: tuple[str, ...], prefix: str | tuple[str, ...]
    ) -> None:
        twice = sorted({name for name in head if head.count(name) > 1})
        if twice:
            self.bad.append(BadRow(file, 1, f"the column {twice[0]} is there twice"))
        self.ignored += [
            f"{file}: {name}" for name in head if name not in columns and not name.startswith(prefix)
        ]


# --- rows that are known by an id ---


def by_id(
    files: CsvFolder,
    file: str,
    columns: tuple[str, ...],
    read: Callable[[Cells], T],
    *,
    key: str = "id",
    prefix: str | tuple[str, ...] = (),
) -> dict[str, T]:
    """The rows by their ``key`` column, which no two may share."""
    keyed = once(key, lambda cells: (cells.required(key), read(cells)))
    return dict(files.rows(file, columns, keyed, prefix=prefix))


def once(column: str, read: Callable[[Cells], T], *, any_case: bool = False) -> Callable[[Cells], T]:
    """Refuse a row whose ``column`` says what an earlier row's did."""
    seen: dict[str, int] = {}

    def read_once(cells: Cells) -> T:
        text = cells.required(column)
        first = seen.setdefault(text.casefold() if any_case else text, cells.line)
        if first != cells.line:
            raise CellError(f"{column} {text} is there twice, first in line {first}")
        return read(cells)

    return read_once
