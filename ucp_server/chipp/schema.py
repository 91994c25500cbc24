"""The forms of bodies: what a caller may send, and what we send back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from ucp_server.asgi.checker import DIALECT, Checker

Wire = dict[str, Any]

REQUESTS: Final = ("create_session", "update_session")
REPLIES: Final = (
    "agent",
    "products",
    "session",
    "completed",
    "canceled",
    "order",
    "event",
    "error",
    "unauthorized",
)


class Schemas:
    """The two documents of ``folder``, compiled once; each form is one of their definitions."""

    def __init__(self, folder: Path) -> None:
        self.requests = _compiled(folder / "requests.json", REQUESTS)
        self.replies = _compiled(folder / "replies.json", REPLIES)


def _compiled(path: Path, names: tuple[str, ...]) -> Mapping[str, Checker]:
    definitions = msgspec.json.decode(path.read_bytes(), type=Wire)["$defs"]
    return {
        name: Checker(
            {"$schema": DIALECT, "$ref": f"#/$defs/{name}", "$defs": definitions},
            # An e-mail address has to be well formed, says the page.
            formats=True,
        )
        for name in names
    }
