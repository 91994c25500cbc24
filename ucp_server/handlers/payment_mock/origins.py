"""Which of the shop's origins a page around ours may have."""

from collections.abc import Sequence
from urllib.parse import urlsplit


def named_by(origin: str, sources: Sequence[str]) -> str:
    """``origin`` where one of ``sources`` (of a Content-Security-Policy) names it, else ""."""
    return origin if any(_names(source, origin) for source in sources) else ""


def _names(source: str, origin: str) -> bool:
    """``http://localhost:*`` names every port of that host; any other source exactly itself."""
    if not source.endswith(":*"):
        return source == origin
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    host = f"{parts.scheme}://{parts.hostname}"
    return host == source.removesuffix(":*") and origin == (host if port is None else f"{host}:{port}")
