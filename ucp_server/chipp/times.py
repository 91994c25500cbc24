"""Times on the wire."""

from datetime import UTC, datetime


def iso8601(moment: datetime) -> str:
    """An aware time in UTC with three digits of milliseconds: ``2026-11-21T10:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
