"""Where a plug-in for payments or mail has pages of its own: card fields, a challenge, the mail it sent.

They are served at a port of their own, so that no script there reads our pages.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import msgspec

# ASGI 3, as every web framework has it.
Message = MutableMapping[str, Any]
HostedApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where a plug-in's own pages are, and whose.

    ``url`` has no slash at its end and no origin in common with the shop. ``shop`` is the merchant's
    name for people; ``shop_origins`` are the origins of its pages as sources of a Content-Security-Policy
    (``https://shop.example``, ``http://localhost:*``).
    """

    url: str
    shop: str
    shop_origins: tuple[str, ...]


class Hosted(Protocol):
    """What a plug-in may offer beside its own port."""

    def hosted(self, site: Site) -> HostedApp:
        """The application for paths below ``site.url``. Called once in every process, before all else."""
        ...
