"""Status, messages, links and continue_url, in every reply."""

import re
from datetime import datetime
from urllib.parse import urlsplit

from conformance.buying import TERMINAL
from conformance.checks.lookback import checkouts_seen
from conformance.registry import EVERY, SINCE_AUGUST, Wire, check, expect, lacking
from conformance.shop import Shop

STATUSES = frozenset(
    {
        "incomplete",
        "requires_escalation",
        "ready_for_complete",
        "complete_in_progress",
        "completed",
        "canceled",
    }
)
# Names after a dot, indexes, names in quotes and filters in brackets (RFC 9535 2.3).
JSON_PATH = re.compile(r"\$(\.[A-Za-z_]\w*|\[\d+\]|\['[^']+'\]|\[\?.+\])*")
FOR_THE_BUYER = frozenset({"requires_buyer_input", "requires_buyer_review"})
# The fourth, `unrecoverable`, is said where there is no checkout (checkout#Error Handling).
SEVERITIES = FOR_THE_BUYER | {"recoverable"}


def _errors(checkout: Wire) -> list[Wire]:
    return [each for each in checkout.get("messages") or [] if each.get("type") == "error"]


def _severities(checkout: Wire) -> set[object]:
    return {each.get("severity") for each in _errors(checkout)}


@check("checkout#Overview", releases=EVERY)
async def status_is_known(shop: Shop) -> None:
    """The status is one of the six."""
    for exchange, checkout in await checkouts_seen(shop):
        status = checkout.get("status")
        expect(status in STATUSES, f"the status is {status!r}", exchange)


@check("checkout#Overview", releases=EVERY)
async def ready_means_nothing_is_wrong(shop: Shop) -> None:
    """A checkout that is ready_for_complete carries no error."""
    for exchange, checkout in await checkouts_seen(shop):
        if checkout.get("status") == "ready_for_complete":
            codes = [each.get("code") for each in _errors(checkout)]
            expect(not codes, f"ready with errors {codes}", exchange)


@check("checkout#Overview", releases=EVERY)
async def incomplete_says_why(shop: Shop) -> None:
    """An incomplete checkout carries an error that the platform can resolve."""
    for exchange, checkout in await checkouts_seen(shop):
        if checkout.get("status") == "incomplete":
            expect(_errors(checkout), "incomplete without an error", exchange)


@check("checkout#Error Handling", releases=EVERY)
async def errors_for_the_buyer_escalate(shop: Shop) -> None:
    """An error that only the buyer can resolve makes the checkout requires_escalation."""
    for exchange, checkout in await checkouts_seen(shop):
        status = checkout.get("status")
        if _severities(checkout) & FOR_THE_BUYER and status not in TERMINAL:
            expect(status == "requires_escalation", f"the status is {status}", exchange)


@check("checkout#Message Error", releases=EVERY)
async def messages_are_complete(shop: Shop) -> None:
    """Errors have code, content and a severity of a checkout; warnings have code and content."""
    for exchange, checkout in await checkouts_seen(shop):
        for message in checkout.get("messages") or []:
            expect(message.get("content"), f"no content: {message}", exchange)
            if message.get("type") in {"error", "warning"}:
                expect(message.get("code"), f"no code: {message}", exchange)
            if message.get("type") == "error":
                severity = message.get("severity")
                expect(severity in SEVERITIES, f"severity is {severity!r}", exchange)


@check("checkout#Message", releases=EVERY, advice=True)
async def paths_point_into_the_reply(shop: Shop) -> None:
    """The path of a message is a JSONPath from the root."""
    for exchange, checkout in await checkouts_seen(shop):
        paths = [each["path"] for each in checkout.get("messages") or [] if each.get("path")]
        odd = [each for each in paths if not str(each).startswith("$")]
        expect(not odd, f"paths are {odd}", exchange)


@check("checkout#Guidelines", releases=EVERY)
async def escalation_hands_over(shop: Shop) -> None:
    """requires_escalation comes with a continue_url and an error for the buyer."""
    seen = [each for each in await checkouts_seen(shop) if each[1].get("status") == "requires_escalation"]
    if not seen:
        lacking("a checkout that escalates (--escalation-item)")
    for exchange, checkout in seen:
        expect(checkout.get("continue_url"), "there is no continue_url", exchange)
        severities = _severities(checkout)
        expect(severities & FOR_THE_BUYER, f"severities are {severities}", exchange)


@check("checkout#Format", releases=EVERY)
async def continue_url_is_absolute(shop: Shop) -> None:
    """A continue_url is absolute, and https unless on this machine."""
    for exchange, checkout in await checkouts_seen(shop):
        url = checkout.get("continue_url")
        if url is None:
            continue
        parts = urlsplit(str(url))
        expect(parts.netloc, f"it is {url!r}", exchange)
        expect(parts.scheme == "https" or shop.is_local(), f"it is {url!r}", exchange)


@check("checkout#Availability", releases=EVERY, advice=True)
async def open_checkouts_can_be_handed_over(shop: Shop) -> None:
    """A checkout that is not over has a continue_url; one that is over has none."""
    for exchange, checkout in await checkouts_seen(shop):
        status, url = checkout.get("status"), checkout.get("continue_url")
        fits = not url if status in TERMINAL else bool(url)
        expect(fits, f"continue_url is {url!r} when {status}", exchange)


@check("checkout#Link", releases=EVERY)
async def links_are_absolute(shop: Shop) -> None:
    """Links are a list; each has a type and an absolute URL."""
    for exchange, checkout in await checkouts_seen(shop):
        links = checkout.get("links")
        expect(isinstance(links, list), f"links is {links!r}", exchange)
        for link in links or []:
            fits = link.get("type") and urlsplit(str(link.get("url", ""))).netloc
            expect(fits, f"a link is {link}", exchange)


@check("checkout#Well-Known Link Types", releases=EVERY, advice=True)
async def legal_links_are_there(shop: Shop) -> None:
    """Privacy policy and terms of service are among the links."""
    for exchange, checkout in await checkouts_seen(shop):
        kinds = {link.get("type") for link in checkout.get("links") or []}
        missing = {"privacy_policy", "terms_of_service"} - kinds
        expect(not missing, f"missing: {sorted(missing)}", exchange)


@check("checkout#Order Confirmation", releases=EVERY)
async def order_means_completed(shop: Shop) -> None:
    """An order is shown when the checkout is completed, and only then."""
    for exchange, checkout in await checkouts_seen(shop):
        status, order = checkout.get("status"), checkout.get("order")
        fits = bool(order) == (status == "completed")
        expect(fits, f"order is {order!r} when {status}", exchange)


@check("checkout#Checkout", releases=EVERY)
async def times_have_a_zone(shop: Shop) -> None:
    """expires_at is an RFC 3339 time with its zone."""
    for exchange, checkout in await checkouts_seen(shop):
        told = checkout.get("expires_at")
        if told is None:
            continue
        try:
            zone = datetime.fromisoformat(str(told)).tzinfo
        except ValueError:
            zone = None
        expect(zone is not None, f"expires_at is {told!r}", exchange)


@check("checkout#The path Field", releases=SINCE_AUGUST)
async def paths_can_be_followed(shop: Shop) -> None:
    """The path of a message is written as RFC 9535 has it, so that any reader can follow it."""
    for exchange, checkout in await checkouts_seen(shop):
        paths = [each["path"] for each in checkout.get("messages") or [] if each.get("path")]
        odd = [each for each in paths if not JSON_PATH.fullmatch(str(each))]
        expect(not odd, f"paths are {odd}", exchange)
