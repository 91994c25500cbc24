"""What parent and child agree on; apart, so that the parent need not import the application."""

from enum import StrEnum

READY = b"ready\n"


class Role(StrEnum):
    PUBLIC = "public"
    JOBS = "jobs"
    # Runs once, before the others: whatever the application needs to find in the database.
    PREPARE = "prepare"
