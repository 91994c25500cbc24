"""How a checkout goes, on the wire (`CheckoutResult` of the submit-checkout page, status page)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ucp_server.asgi.reply import Header
from ucp_server.domain.submission import ENDED, Submission, SubmissionState
from ucp_server.store.ids import ulid_of

Wire = dict[str, Any]

# The page's default for the least wait between two looks.
RETRY_AFTER_S: Final = 2
# A minute of looks at that pace: most payments are decided in the first three.
LOOKS_SUGGESTED: Final = 30

_STATES: Final[Mapping[SubmissionState, str]] = {
    SubmissionState.PROCESSING: "CHECK_OUT_PROCESSING",
    SubmissionState.ACTION_NEEDED: "CHECK_OUT_3DS_REQUIRED",
    SubmissionState.DONE: "CHECK_OUT_DONE",
    SubmissionState.FAILED: "CHECK_OUT_FAILED",
}
# Failures that the status page gives a code and a status of their own.
_FAILURES: Final = {
    "item_unavailable": (404, "ORDERED_ITEM_NOT_FOUND"),
    "expired": (409, "OFFER_EXPIRED"),
    "totals_changed": (409, "OFFER_EXPIRED"),
}
_FAILED: Final = (200, "CHECK_OUT_FAILED")
# What the caller may tell its customer, by why it failed.
_SENTENCES: Final = {
    "payment_failed": "The payment was declined.",
    "challenge_failed": "The payment was not confirmed by its owner.",
    "out_of_stock": "An item of this order is sold out.",
    "expired": "The order was not paid in time.",
    "totals_changed": "The price changed; please ask for a new offer.",
    "canceled": "The order was canceled.",
}


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Where the caller looks after it, and where its buyer acts while the payment asks for that."""

    status_url: str
    buyer_url: str | None


def lead_to_status(links: Links) -> tuple[Header, ...]:
    link = f'<{links.status_url}>; rel="status"'
    return (b"location", links.status_url.encode()), (b"link", link.encode())


def pace(submission: Submission) -> tuple[Header, ...]:
    """When to look again, as long as there is something to look for."""
    return () if submission.state in ENDED else ((b"retry-after", b"%d" % RETRY_AFTER_S),)


def status_of(submission: Submission) -> int:
    """200; a failure that has a status of its own comes with that one."""
    return _outcome(submission)[0]


def render_result(submission: Submission, links: Links) -> Wire:
    """A `checkout_result`."""
    document: Wire = {
        "trackingNumber": submission.tracking,
        "status": {"messageCode": _outcome(submission)[1]},
        "followUpInstructions": _render_follow_up(submission, links.status_url),
    }
    if submission.state is SubmissionState.ACTION_NEEDED:
        document["redirectInstructions"] = _render_redirect(submission, links.buyer_url)
    if submission.state is SubmissionState.FAILED:
        sentence = _SENTENCES.get(submission.failure or "", "The order could not be completed.")
        document["message"] = sentence
    return document


def _outcome(submission: Submission) -> tuple[int, str]:
    if submission.state is SubmissionState.FAILED:
        return _FAILURES.get(submission.failure or "", _FAILED)
    return 200, _STATES[submission.state]


def _render_follow_up(submission: Submission, status_url: str) -> Wire:
    """``currentRetryAttempt`` counts the looks so far; at the end there is nothing to follow."""
    if submission.state in ENDED:
        return {"canFollowUp": False}
    return {
        "retryAfterSeconds": RETRY_AFTER_S,
        "remainingRetryCount": max(0, LOOKS_SUGGESTED - submission.polls),
        "currentRetryAttempt": submission.polls,
        "followUpUrl": status_url,
        "canFollowUp": True,
    }


def _render_redirect(submission: Submission, buyer_url: str | None) -> Wire:
    """A page to go to, never one to be shown inside the caller's own: that is how buyers are phished."""
    return {
        "redirectUrl": buyer_url,
        "htmlContent": None,
        "threeDIdentifier": ulid_of(submission.id),
        "isRedirectRequired": buyer_url is not None,
        "hasNextSteps": True,
        "showHtmlContent": False,
    }
