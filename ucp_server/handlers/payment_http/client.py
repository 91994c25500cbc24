"""`ports.Payment` and `ports.Vault` over a small JSON API; the template for a real provider's.

    POST /authorizations {key, amount_minor, currency, token | vault_reference, merchant, return_url}
    GET  /authorizations/{key}
    POST /authorizations/{key}/capture | void | refund {amount_minor, action_key, ...}
    POST /vault {key, card: {number, expiry_month, expiry_year, cvc, name}, merchant}
    POST /vault/forget {reference, merchant}

What to keep when writing one for a real provider: the idempotency key is the attempt's, never the
caller's; what was certainly not sent, what was explicitly answered and everything else are told
apart, and everything else is `Unknown`; the credential is passed on and forgotten.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

import aiohttp
import msgspec
from yarl import URL

from ucp_server.domain.checkout import Instrument
from ucp_server.domain.money import Money
from ucp_server.ports import (
    ActionNeeded,
    Approved,
    Attempt,
    Credential,
    Declined,
    HandlerListing,
    NotSent,
    OnPage,
    Outcome,
    Settlement,
    Unknown,
    Vaulted,
)

T = TypeVar("T")

# Deadlines are the caller's; this one ends what a caller forgot.
CALL_S = 60.0
CONNECT_S = 5.0
# One provider's share: as many payments at once as one process can have under way.
CONNECTIONS_MAX = 32
ANSWER_BYTES_MAX = 64 * 1024
# Not a byte of the request has left when one of these is raised.
_NEVER_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
# The members of a listing that a merchant's ``config`` may name beside those of the provider.
_ABOUT = frozenset({"name", "version", "spec", "config_schema", "instruments"})
_OWN_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class _Answer(msgspec.Struct):
    """What the provider says of one key. A status of a later version is refused, hence unknown."""

    status: Literal["approved", "declined", "action_needed", "pending", "voided"]
    reference: str
    amount_minor: int
    currency: str
    captured_minor: int = 0
    challenge_url: str | None = None


class _Kept(msgspec.Struct):
    """What the provider says of a card."""

    status: Literal["kept", "declined", "invalid"]
    reference: str = ""
    display: dict[str, str | int] = {}


class _Forgotten(msgspec.Struct):
    status: Literal["forgotten"]


# Of a card only these leave, whatever else a caller sent along.
_OF_CARD = ("number", "expiry_month", "expiry_year", "cvc", "name")


class HttpPayment:
    """base_url: the provider's, chosen by the merchant; https, or http on this machine.

    ``account_token`` is what the provider charges where the buyer agrees without fields of the
    provider's: an invoice, an account on file. Without it nothing can be paid on our own pages.
    """

    def __init__(
        self, listing: HandlerListing, base_url: str, *, api_key: str = "", account_token: str = ""
    ) -> None:
        self._listing = listing
        self._account_token = account_token
        self._base = URL(base_url)
        if self._base.scheme != "https" and self._base.host not in _OWN_MACHINE:
            raise ValueError("a payment provider is reached over https only")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._session: aiohttp.ClientSession | None = None

    def describe(self, merchant_id: str, total: Money, item_ids: Sequence[str]) -> HandlerListing | None:
        """Listed for every cart."""
        del merchant_id, total, item_ids
        return self._listing

    async def authorise(self, attempt: Attempt, instrument: Instrument, credential: Credential) -> Outcome:
        del instrument
        body = {
            "key": attempt.psp_key,
            "amount_minor": attempt.amount.minor,
            "currency": attempt.amount.currency,
            **_means(credential),
            "merchant": attempt.merchant_id,
        }
        if attempt.signals:
            body["signals"] = attempt.signals
        if attempt.return_url:
            body["return_url"] = attempt.return_url
        try:
            status, content = await self._call("POST", "authorizations", body)
        except _NEVER_CONNECTED:
            return NotSent("The payment provider cannot be reached.")
        except (aiohttp.ClientError, OSError):
            return Unknown("The payment provider gave no answer.")
        return _outcome(status, content)

    async def look_up(self, attempt: Attempt) -> Outcome:
        """A provider that cannot be reached now may still have seen the payment before."""
        try:
            status, content = await self._call("GET", f"authorizations/{attempt.psp_key}", None)
        except (aiohttp.ClientError, OSError):
            return Unknown("The payment provider gave no answer.")
        if status == 404:
            return NotSent("The payment provider does not know this payment.")
        return _outcome(status, content)

    async def settle(self, attempt: Attempt, action: Settlement, amount: Money, action_key: str) -> Outcome:
        body = {
            "amount_minor": amount.minor,
            "currency": amount.currency,
            "action_key": action_key,
            "merchant": attempt.merchant_id,
        }
        path = f"authorizations/{attempt.psp_key}/{_PATHS[action]}"
        try:
            status, content = await self._call("POST", path, body)
        except _NEVER_CONNECTED:
            return NotSent("The payment provider cannot be reached.")
        except (aiohttp.ClientError, OSError):
            return Unknown("The payment provider gave no answer.")
        if status in {404, 409}:
            return Declined("The payment provider refused this.", code="settlement_refused")
        answer = _read(status, content, _Answer)
        if answer is None:
            return Unknown("The payment provider gave no readable answer.")
        return Approved(answer.reference, amount, captured=answer.captured_minor > 0)

    async def vault(self, merchant_id: str, card: Credential, key: str) -> Vaulted | Declined | Unknown:
        """A provider that keeps no cards answers 404, which says nothing about the card."""
        sent = {name: card.members[name] for name in _OF_CARD if name in card.members}
        try:
            status, content = await self._call(
                "POST", "vault", {"key": key, "card": sent, "merchant": merchant_id}
            )
        except (aiohttp.ClientError, OSError):
            return Unknown("The payment provider gave no answer.")
        answer = _read(status, content, _Kept)
        if answer is None:
            return Unknown("The payment provider gave no readable answer.")
        match answer.status:
            case "kept" if answer.reference:
                return Vaulted(answer.reference, answer.display)
            case "declined":
                return Declined("The payment provider does not take this card.", code="card_declined")
            case "invalid":
                return Declined("This is no card.", code="invalid_card")
            case _:
                return Unknown("The payment provider gave no readable answer.")

    async def forget(self, merchant_id: str, reference: str) -> None:
        """Only a plain answer confirms it; a provider confirms what it does not know, too."""
        status, content = await self._call(
            "POST", "vault/forget", {"reference": reference, "merchant": merchant_id}
        )
        if _read(status, content, _Forgotten) is None:
            raise ConnectionError(f"the payment provider answered {status}, and does not confirm")

    async def on_page(self, merchant_id: str, total: Money, session: str) -> OnPage | None:
        """On account, where the merchant has arranged that; else the provider needs its own fields."""
        del merchant_id, total, session
        if not self._account_token:
            return None
        instrument = Instrument(
            id="on-account",
            handler_id=self._listing.id,
            type="account",
            selected=True,
            display={"description": "On account"},
        )
        credential = Credential(type="token", members={"token": self._account_token})
        return OnPage(instrument=instrument, credential=credential)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(self, method: str, path: str, body: dict[str, object] | None) -> tuple[int, bytes]:
        """One call, never repeated, no redirect followed; status and body."""
        async with self._open_session().request(
            method, self._base / path, json=body, headers=self._headers, allow_redirects=False
        ) as reply:
            return reply.status, await _content(reply)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
                timeout=aiohttp.ClientTimeout(total=CALL_S, sock_connect=CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


async def _content(reply: aiohttp.ClientResponse) -> bytes:
    """The body; empty, and so unreadable, when it is larger than any answer is."""
    content = b""
    async for part in reply.content.iter_any():
        content += part
        if len(content) > ANSWER_BYTES_MAX:
            reply.close()
            return b""
    return content


def _means(credential: Credential) -> dict[str, str]:
    """What pays: a card in the provider's vault, or a token."""
    name, member = ("token", "token")
    if credential.type == "vault_reference":
        name, member = ("vault_reference", "reference")
    value = credential.members.get(member)
    return {name: value if isinstance(value, str) else ""}


_PATHS = {
    Settlement.CAPTURE: "capture",
    Settlement.VOID: "void",
    Settlement.REFUND: "refund",
}


def _outcome(status: int, content: bytes) -> Outcome:
    answer = _read(status, content, _Answer)
    if answer is None:
        return Unknown("The payment provider gave no readable answer.")
    match answer.status:
        case "approved":
            amount = Money(answer.amount_minor, answer.currency)
            return Approved(answer.reference, amount, captured=answer.captured_minor > 0)
        case "declined":
            return Declined("The payment was declined.")
        case "voided":
            return Declined("The payment was voided.", code="voided")
        case "action_needed":
            return ActionNeeded("The buyer has to confirm this payment.", url=answer.challenge_url)
        case "pending":
            return Unknown("The payment provider has not decided yet.")


def _read(status: int, content: bytes, form: type[T]) -> T | None:
    """None for anything but a plain answer: the provider may have done it all the same."""
    if status != 200:
        return None
    try:
        return msgspec.json.decode(content, type=form)
    except msgspec.MsgspecError:
        return None


def configured(handler_id: str, config: Mapping[str, object], private: Mapping[str, str]) -> HttpPayment:
    """The factory behind the entry point ``dev.ucp-server.http``.

    ``config`` is the listing's own, with ``name``, ``version``, ``spec`` and ``config_schema`` of the
    handler beside it, and the ``instruments`` that it takes (`InstrumentOffer`); ``private`` has
    ``base_url`` and, where there is one, ``api_key`` and ``account_token``.
    Raises ValueError with a sentence for the merchant.
    """
    missing = [f"config.{name}" for name in ("spec", "config_schema") if name not in config]
    missing += [] if "base_url" in private else ["private.base_url"]
    if missing:
        raise ValueError(f"{', '.join(missing)} must be set")
    # Not the entry point's: until 2026-04-08 the name of a handler has no hyphen.
    about = {"name": "dev.ucp_server.http", "version": "2026-01-11"} | {
        name: config[name] for name in _ABOUT if name in config
    }
    own = {name: value for name, value in config.items() if name not in _ABOUT}
    listing = msgspec.convert({**about, "id": handler_id, "config": own}, HandlerListing)
    secrets = {name: private[name] for name in ("api_key", "account_token") if name in private}
    return HttpPayment(listing, private["base_url"], **secrets)
