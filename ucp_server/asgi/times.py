"""Times on the wire."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """An aware time in UTC to the second, rounded down: ``2026-01-11T09:30:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso8601(moment: datetime) -> str:
    """An aware time in UTC with three digits of milliseconds, as JavaScript writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
