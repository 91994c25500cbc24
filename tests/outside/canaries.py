"""Values that must be nowhere, and the search for them: as they are, as hex, and as base64."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg

Wire = dict[str, Any]


def luhn_valid(prefix: str) -> str:
    """A card number of 16 digits that a scanner would take for a true one."""
    digits = prefix.ljust(15, "7")
    total = sum(_doubled(int(d)) if n % 2 == 0 else int(d) for n, d in enumerate(digits))
    return f"{digits}{-total % 10}"


def _doubled(digit: int) -> int:
    return digit * 2 - 9 if digit > 4 else digit * 2


PAN = luhn_valid("492942057359")
SECRETS: Mapping[str, str] = {
    "card number": PAN,
    "card number in groups": " ".join(PAN[n : n + 4] for n in range(0, 16, 4)),
    "card number in other groups": "-".join(PAN[n : n + 4] for n in range(0, 16, 4)),
    # Three digits stand everywhere; what shows that they are dropped is a text in their place.
    "card verification code": "cvc~canary~k4n",
    "token": "tok_canary_Zx91qLp4",
    "cryptogram": "Y2FuYXJ5IGNyeXB0b2dyYW0=",
    "holder": "Karla Kanarienvogel",
    "track": f"%B{PAN}^KANARIENVOGEL/KARLA^2912",
    "unknown API key": "ucpk_canaryJ3kf9aQ",
    "bearer": "canary.bearer.T0k3n",
}


def credential(token: str = "") -> Wire:
    """All of them where a platform would put them."""
    return {
        "type": "token",
        "token": token or SECRETS["token"],
        "number": PAN,
        "cvc": SECRETS["card verification code"],
        "cryptogram": SECRETS["cryptogram"],
        "name": SECRETS["holder"],
        "track2": SECRETS["track"],
    }


# --- the search ---


def spellings(value: str) -> Iterator[bytes]:
    """The bytes that give ``value`` away, whatever stands before and behind it."""
    raw = value.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield value.encode("utf-16-le")
    for lead in range(3):
        # Only whole groups are the same in every surrounding.
        encoded = base64.b64encode(b"\0" * lead + raw)[4 if lead else 0 : -4]
        yield encoded
        yield encoded.replace(b"+", b"-").replace(b"/", b"_")


class Search:
    """Looks for ``secrets``, by their names, in whatever it is given."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._wanted = [(name, raw) for name, value in secrets.items() for raw in set(spellings(value))]
        self.found: list[tuple[str, str]] = []

    def look(self, where: str, content: bytes) -> None:
        names = {name for name, raw in self._wanted if raw in content}
        self.found += [(where, name) for name in sorted(names)]

    def look_into_files(self, folder: Path, but: Iterable[Path] = ()) -> None:
        passed_over = set(but)
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file not in passed_over:
                self.look(str(file.relative_to(folder)), file.read_bytes())

    async def look_into_tables(self, url: str) -> None:
        """Every column of every row, as text and, where it is binary, as its bytes."""
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("checkpoint")
            tables = await connection.fetch(
                "select schemaname, tablename from pg_tables "
                "where schemaname not in ('pg_catalog', 'information_schema')"
            )
            for schema, table in tables:
                for row in await connection.fetch(f'select * from "{schema}"."{table}"'):
                    for column, value in row.items():
                        raw = value if isinstance(value, bytes) else str(value).encode()
                        self.look(f"{table}.{column}", raw)
        finally:
            await connection.close()
