"""The form of what is asked and answered: one document per body, compiled at the start."""

from pathlib import Path
from typing import Any

import msgspec

from ucp_server.asgi.checker import Checker

Wire = dict[str, Any]


class Schemas:
    """The documents in ``folder`` by name; ``$ref`` names another one of them. Raises where one is lost."""

    def __init__(self, folder: Path) -> None:
        read = {
            path.stem: msgspec.json.decode(path.read_bytes(), type=dict) for path in folder.glob("*.json")
        }
        self._documents: dict[str, Wire] = {name: _whole(document, read) for name, document in read.items()}
        self._checkers = {name: Checker(whole, formats=True) for name, whole in self._documents.items()}

    def __getitem__(self, name: str) -> Checker:
        return self._checkers[name]

    def document(self, name: str) -> Wire:
        """The form with everything that it refers to, for callers to read."""
        return self._documents[name]


def _whole(part: Any, documents: dict[str, Wire]) -> Any:
    """``part`` with every document that it names in the place of the name."""
    if isinstance(part, list):
        return [_whole(entry, documents) for entry in part]
    if not isinstance(part, dict):
        return part
    if isinstance(part.get("$ref"), str):
        named = _whole(documents[part["$ref"]], documents)
        return {word: value for word, value in named.items() if word not in {"$schema", "$id"}}
    return {word: _whole(value, documents) for word, value in part.items()}
