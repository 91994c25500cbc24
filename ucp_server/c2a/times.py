"""Times on the wire."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """An aware time in UTC to the second, rounded down: ``2026-01-11T09:30:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
