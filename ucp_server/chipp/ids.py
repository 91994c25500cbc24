"""Ids on the wire: UUIDs as text, in whatever case a caller writes them."""

from uuid import UUID


def decode_id(text: str) -> str | None:
    """The UUID as we write it; None for what is none."""
    try:
        return str(UUID(text)) if len(text) == 36 else None
    except ValueError:
        return None
