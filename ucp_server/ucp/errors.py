"""One table: every refusal, and how each release tells it.

2026-01-11 and 2026-01-23 have one body for all errors, with messages (T1:D/checkout-rest, "Error
Responses"); later releases tell a request that could not be processed by ``code`` and ``content``,
and an outcome without a resource by an envelope with status 200 (T3:D/overview#Error Handling).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from ucp_server.asgi.reply import NO_STORE, Header, Reply, json_reply
from ucp_server.domain import errors as domain
from ucp_server.domain.errors import Refusal
from ucp_server.domain.problems import Problem, Severity, error
from ucp_server.ucp import refusals
from ucp_server.ucp.messages import json_path, render_messages
from ucp_server.ucp.releases import Release

Wire = dict[str, Any]


class Row(msgspec.Struct, frozen=True):
    """``january`` is the status under 01-xx, ``later`` from 2026-04-08 on, where 200 is an outcome.

    ``severity`` says who can mend it: the platform, or the buyer on our pages. ``leads_on`` where the
    platform cannot deal with the shop as it is, but its buyer can (T3:D/overview, "The continue_url
    Field").
    """

    january: int
    later: int
    severity: Severity = Severity.RECOVERABLE
    leads_on: bool = False


_BUYER: Final = Severity.BUYER_INPUT

TABLE: Final[Mapping[type[Refusal], Row]] = MappingProxyType(
    {
        Refusal: Row(400, 400),
        domain.CheckoutNotFound: Row(404, 200),
        domain.CartNotFound: Row(404, 200),
        domain.OrderNotFound: Row(404, 200),
        domain.ProductNotFound: Row(404, 200),
        domain.CursorUnknown: Row(400, 400),
        domain.RequestTooLarge: Row(400, 400),
        domain.WrongState: Row(409, 409),
        domain.NotReady: Row(400, 409),
        domain.ProblemRefused: Row(400, 200),
        domain.InvalidRequest: Row(400, 400),
        domain.KeyReused: Row(409, 409),
        domain.KeyInFlight: Row(409, 409),
        domain.ReplyExpired: Row(409, 409),
        domain.AttemptInFlight: Row(409, 409),
        domain.RevisionConflict: Row(503, 503),
        domain.AdjustmentRefused: Row(422, 422),
        domain.HandlerUnavailable: Row(503, 503),
        domain.StoreUnavailable: Row(503, 503),
        domain.OfferNotFound: Row(404, 200),
        domain.OfferExpired: Row(409, 409),
        domain.OfferNotPurchasable: Row(409, 409),
        domain.ItemNotOffered: Row(404, 200),
        domain.NothingOffered: Row(404, 200),
        domain.PromotionUnknown: Row(400, 400),
        domain.StorefrontNotFound: Row(404, 200),
        domain.SubmissionNotFound: Row(404, 200),
        domain.MethodNotFound: Row(404, 200),
        domain.CardDeclined: Row(402, 402),
        domain.VaultUnavailable: Row(503, 503),
        refusals.InvalidProfileUrl: Row(400, 400, _BUYER, leads_on=True),
        refusals.ProfileUnreachable: Row(400, 424, _BUYER, leads_on=True),
        refusals.ProfileMalformed: Row(400, 422, _BUYER, leads_on=True),
        refusals.ProfileNotTrusted: Row(403, 403, _BUYER, leads_on=True),
        refusals.ProfilesBusy: Row(503, 503),
        refusals.RateLimited: Row(429, 429),
        refusals.VersionUnsupported: Row(400, 422, _BUYER, leads_on=True),
        # An outcome and no fault of the request, under every release (digest 11.B, B9).
        refusals.CapabilitiesIncompatible: Row(200, 200, _BUYER, leads_on=True),
        refusals.NothingForSale: Row(400, 200, leads_on=True),
        refusals.NothingInStock: Row(400, 200, leads_on=True),
        refusals.Unauthenticated: Row(401, 401),
        refusals.TokenRefused: Row(401, 401),
        refusals.SignatureMissing: Row(401, 401),
        refusals.SignatureInvalid: Row(401, 401),
        refusals.KeyNotFound: Row(401, 401),
        refusals.DigestMismatch: Row(400, 400),
        refusals.AlgorithmUnsupported: Row(400, 400),
        refusals.Forbidden: Row(403, 403, _BUYER),
        refusals.ScopeInsufficient: Row(403, 403, _BUYER),
        refusals.KeyInvalid: Row(400, 400),
        refusals.BodyUnreadable: Row(400, 400),
        refusals.BodyInvalid: Row(400, 400),
    }
)

# A refused problem that 01-xx gives a status of its own (digest 6.6).
_PROBLEM_STATUSES: Final = MappingProxyType({"payment_failed": 402})


def render_refusal(
    refusal: Refusal, release: Release, *, detailed: bool = False, storefront: str = ""
) -> Reply:
    """The refusal as ``release`` tells it. ``detailed`` adds what the official suite reads.

    ``storefront`` is where a buyer can go whose platform cannot buy here; empty for nowhere.
    """
    row = TABLE[type(refusal)]
    if release.errors == "messages":
        status, document = _with_messages(refusal, row, detailed=detailed)
    else:
        status, document = _later(refusal, row, release)
        if storefront and row.leads_on:
            document["continue_url"] = storefront
    return json_reply(status, document, *_headers(refusal))


def told_as_problems(refusal: Refusal) -> tuple[Problem, ...]:
    """The refusal in the words of a checkout's problems."""
    if isinstance(refusal, domain.ProblemRefused):
        return (refusal.problem,)
    if isinstance(refusal, domain.NotReady):
        return refusal.problems
    return (error(refusal.code, refusal.text),)


def render_error(release: Release, status: int, code: str, text: str, *, detailed: bool = False) -> Reply:
    """An error of a layer around the operations, in the form of ``release``."""
    if release.errors == "transport":
        return json_reply(status, {"code": code, "content": text})
    message = _message(code, text, Row(status, status), None)
    return json_reply(status, _body([message], detailed=detailed))


def _headers(refusal: Refusal) -> tuple[Header, ...]:
    headers: tuple[Header, ...] = (NO_STORE,)
    if isinstance(refusal, refusals.Unauthenticated | refusals.ScopeInsufficient):
        headers += ((b"www-authenticate", refusal.challenge.encode()),)
    if refusal.retry_after_s is not None:
        headers += ((b"retry-after", b"%d" % refusal.retry_after_s),)
    return headers


def _with_messages(refusal: Refusal, row: Row, *, detailed: bool) -> tuple[int, Wire]:
    status = row.january
    if isinstance(refusal, domain.ProblemRefused):
        status = _PROBLEM_STATUSES.get(refusal.problem.code, status)
    return status, _body(_messages(refusal, row), detailed=detailed)


def _body(messages: list[Wire], *, detailed: bool) -> Wire:
    document: Wire = {"status": "requires_escalation", "messages": messages}
    if detailed:
        document |= {"detail": messages[0]["content"], "code": messages[0]["code"]}
    return document


def _later(refusal: Refusal, row: Row, release: Release) -> tuple[int, Wire]:
    if row.later != 200:
        return row.later, {"code": refusal.code, "content": refusal.text}
    messages = _messages(refusal, row)
    if not isinstance(refusal, domain.ProblemRefused):
        # Nothing is there that an update could mend. A problem has a severity of its own.
        messages = [message | {"severity": "unrecoverable"} for message in messages]
    return 200, {"ucp": {"version": release.version, "status": "error"}, "messages": messages}


def _messages(refusal: Refusal, row: Row) -> list[Wire]:
    if isinstance(refusal, domain.ProblemRefused):
        return render_messages((refusal.problem,))
    if isinstance(refusal, domain.NotReady) and refusal.problems:
        return render_messages(refusal.problems)
    if isinstance(refusal, refusals.BodyInvalid):
        return [
            _message(refusal.code, f"{fault.path} {fault.text}.", row, fault.path)
            for fault in refusal.violations
        ]
    where = refusal.where if isinstance(refusal, domain.InvalidRequest) else None
    return [_message(refusal.code, refusal.text, row, json_path(where) if where else None)]


def _message(code: str, text: str, row: Row, path: str | None) -> Wire:
    message: Wire = {"type": "error", "code": code, "content": text, "severity": row.severity.value}
    return message | {"path": path} if path else message
