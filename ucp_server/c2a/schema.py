"""The form of what is asked and answered: one document per body, compiled at the start."""

from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

from ucp_server.asgi.checker import Checker

Document = Literal[
    "checkout_request",
    "checkout_result",
    "method_add_request",
    "method_list_reply",
    "method_list_request",
    "method_reply",
    "method_request",
    "offer_reply",
    "offer_request",
    "status_reply",
]
DOCUMENTS: Final[tuple[Document, ...]] = get_args(Document)


class Schemas:
    """The documents in ``folder``. Raises where one is missing or does not compile."""

    def __init__(self, folder: Path) -> None:
        self._checkers = {name: Checker(_read(folder / f"{name}.json"), formats=True) for name in DOCUMENTS}

    def __getitem__(self, name: Document) -> Checker:
        return self._checkers[name]


def _read(path: Path) -> dict[str, Any]:
    return msgspec.json.decode(path.read_bytes(), type=dict)
