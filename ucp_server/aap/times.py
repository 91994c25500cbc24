"""Times on the wire."""

from datetime import UTC, datetime


def render_time(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as JavaScript writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
