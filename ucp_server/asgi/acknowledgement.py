"""What the answer to a message of ours means: taken, not now, or no more (reliability.md, events)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from ucp_server.domain.events import Delivered, DeliveryOutcome, Parked, Paused, Retry
from ucp_server.ports import Fetched, FetchRefused

# Receivers have to answer quickly; one that takes longer is asked again.
ANSWER_WITHIN_S: Final = 10.0
# An acknowledgement has no content that we read.
ANSWER_BYTES_MAX: Final = 64 * 1024
# What a receiver may make us wait by Retry-After; the schedule has its own, longer pauses.
RETRY_AFTER_MAX_S: Final = 3600.0

_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


def outcome_of(answer: Fetched) -> DeliveryOutcome:
    """What the receiver's status says."""
    if 200 <= answer.status < 300:
        return Delivered()
    if answer.status == 410:
        return Paused("The platform wants no more events here (410).")
    return Retry(f"The platform answered with status {answer.status}.", _retry_after_s(answer))


def outcome_without_answer(refused: FetchRefused) -> DeliveryOutcome:
    if refused.code == "forbidden_url":
        return Parked(refused.text)
    return Retry(refused.text)


def _retry_after_s(answer: Fetched) -> float | None:
    """``Retry-After`` in seconds or as a date (RFC 9110 10.2.3), bounded; None where it says nothing."""
    said = next((value for name, value in answer.headers if name.lower() == "retry-after"), "").strip()
    try:
        seconds = float(said) if _SECONDS.fullmatch(said) else _seconds_until(said)
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_S)


def _seconds_until(date: str) -> float:
    return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
