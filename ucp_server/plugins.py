"""Which plug-ins a configuration asks for: payment handlers, stock, mail.

A merchant's own come by entry point: a package names a factory in the group
``ucp_server.payment`` (by the handler's reverse-domain name) or ``ucp_server.stock`` (by the
merchant's name). Whatever is wrong with one is a `ConfigError`, before anything is served.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

import msgspec

from ucp_server import config, resources
from ucp_server.config import ConfigError, Settings
from ucp_server.domain.checkout import Instrument
from ucp_server.domain.money import Money
from ucp_server.handlers.mail_folder import FolderMail
from ucp_server.handlers.mail_smtp import SmtpMail
from ucp_server.handlers.payment_mock import MockPayment
from ucp_server.handlers.payment_mock.tokens import Verdict
from ucp_server.ports import (
    Attempt,
    Clock,
    Credential,
    HandlerListing,
    Mail,
    Outcome,
    Payment,
    Settlement,
    Stock,
)

log = logging.getLogger(__name__)

PAYMENT_GROUP: Final = "ucp_server.payment"
STOCK_GROUP: Final = "ucp_server.stock"
MOCK: Final = "mock_payment_handler"


class SystemClock:
    """`ports.Clock` of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class PaymentFactory(Protocol):
    """What an entry point of `PAYMENT_GROUP` names.

    Raises ValueError with a sentence for the merchant, in which no secret stands.
    """

    def __call__(
        self, handler_id: str, config: Mapping[str, object], private: Mapping[str, str]
    ) -> Payment: ...


Payments = Mapping[str, Mapping[str, Payment]]


class CarefulPayment:
    """A merchant's handler. Where it raises instead of saying how it is offered, it is not offered.

    What it raises while money moves is dealt with where money moves (`engine.asking`).
    """

    def __init__(self, name: str, handler: Payment) -> None:
        self._name = name
        self._handler = handler

    def describe(self, merchant_id: str, total: Money, item_ids: Sequence[str]) -> HandlerListing | None:
        try:
            return self._handler.describe(merchant_id, total, item_ids)
        except Exception as error:  # noqa: BLE001  a plug-in may raise anything
            log.error("%s: describe raised %s", self._name, type(error).__name__)  # noqa: TRY400  its text may quote
            return None

    def on_page(self, merchant_id: str, total: Money) -> tuple[Instrument, Credential] | None:
        try:
            return self._handler.on_page(merchant_id, total)
        except Exception as error:  # noqa: BLE001  a plug-in may raise anything
            log.error("%s: on_page raised %s", self._name, type(error).__name__)  # noqa: TRY400  its text may quote
            return None

    async def authorise(self, attempt: Attempt, instrument: Instrument, credential: Credential) -> Outcome:
        return await self._handler.authorise(attempt, instrument, credential)

    async def look_up(self, attempt: Attempt) -> Outcome:
        return await self._handler.look_up(attempt)

    async def settle(self, attempt: Attempt, action: Settlement, amount: Money, action_key: str) -> Outcome:
        return await self._handler.settle(attempt, action, amount, action_key)

    async def close(self) -> None:
        """Let go of connections; a handler that holds none need not have this."""
        close = getattr(self._handler, "close", None)
        if close is not None:
            await close()


def payments(settings: Settings, clock: Clock) -> Payments:
    """The payment handlers of every merchant, by merchant and handler id, in the order of preference."""
    return {
        name: _mocks(settings, clock)
        | {handler.id: _handler(name, merchant, handler) for handler in merchant.handlers}
        for name, merchant in settings.merchant.items()
    }


def check(settings: Settings) -> None:
    """Make everything once, to be told of what cannot be made. Raises ConfigError."""
    payments(settings, SystemClock())
    stocks(settings)
    mails(settings)


async def close(handlers: Payments) -> None:
    """At the end of a process."""
    for of_merchant in handlers.values():
        for handler in of_merchant.values():
            if isinstance(handler, CarefulPayment):
                await handler.close()


def _mocks(settings: Settings, clock: Clock) -> dict[str, Payment]:
    """The mock under its own name and under those that the mode lends it.

    A name that has a listing of its own is advertised; one that has none is only accepted.
    """
    if not settings.relaxed.mock_handler:
        return {}
    folder = _data_folder(settings) / "mock-payments"
    own = _listings(MOCK)[MOCK]
    stranger: Verdict = "approved" if settings.relaxed.mock_takes_any_token else "declined"
    names = (MOCK, *settings.relaxed.mock_names)
    listed = _listings(*names)
    return {name: MockPayment(listed.get(name, own), folder, clock, stranger=stranger) for name in names}


def _listings(*handler_ids: str) -> dict[str, HandlerListing]:
    """How the handlers that we know by heart are advertised."""
    folder = resources.folder("profiles") / "handlers"
    files = ((name, folder / f"{name}.json") for name in handler_ids)
    return {
        name: msgspec.json.decode(file.read_bytes(), type=HandlerListing)
        for name, file in files
        if file.exists()
    }


def _handler(merchant_id: str, merchant: config.Merchant, handler: config.Handler) -> CarefulPayment:
    setting = f"merchant.{merchant_id}.handlers"
    factory = cast("PaymentFactory", _factory(PAYMENT_GROUP, handler.name, setting))
    private = {name: secret.reveal() for name, secret in handler.private.items()}
    try:
        made = factory(handler.id, handler.config, private)
    except ValueError as error:
        raise ConfigError("settings", f"{setting}.{handler.id}", str(error)) from error
    except Exception as error:
        reason = f"{handler.name} cannot be made ({type(error).__name__})"
        raise ConfigError("settings", f"{setting}.{handler.id}", reason) from error
    careful = CarefulPayment(handler.name, made)
    listing = careful.describe(merchant_id, Money(0, merchant.currency), ())
    if listing is not None:
        _check_listing(listing, handler, setting)
    return careful


def _check_listing(listing: HandlerListing, handler: config.Handler, setting: str) -> None:
    """A listing is sent as it is; platforms refuse one whose links lead nowhere. Raises ConfigError."""
    schemas = (("instrument_schemas", url) for url in listing.instrument_schemas)
    for member, url in (("spec", listing.spec), ("config_schema", listing.config_schema), *schemas):
        if not _is_absolute(url):
            reason = f"{handler.name} has no absolute URL as its {member}"
            raise ConfigError("settings", f"{setting}.{handler.id}", reason)
    if listing.id != handler.id:
        reason = f"{handler.name} calls itself {listing.id}"
        raise ConfigError("settings", f"{setting}.{handler.id}", reason)


def _is_absolute(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"https", "http"} and bool(parts.netloc)


def stocks(settings: Settings) -> Mapping[str, Stock]:
    """The stock of those merchants that keep it elsewhere."""
    return {
        name: cast("Stock", _factory(STOCK_GROUP, name, f"merchant.{name}.stock")())
        for name, merchant in settings.merchant.items()
        if merchant.stock == "port"
    }


class _Factory(Protocol):
    def __call__(self) -> object: ...


def _factory(group: str, name: str, setting: str) -> _Factory:
    found = [entry for entry in entry_points(group=group) if entry.name == name]
    if not found:
        raise ConfigError("settings", setting, f"no installed package offers {name!r} in {group}")
    return cast("_Factory", found[0].load())


def mails(settings: Settings) -> Mapping[str, Mail]:
    """How mail leaves, by merchant; one that sends none has no entry."""
    found = {
        name: _mail(settings, merchant.mail or config.Mail(transport="off"))
        for name, merchant in settings.merchant.items()
    }
    return {name: mail for name, mail in found.items() if mail is not None}


def _mail(settings: Settings, mail: config.Mail) -> Mail | None:
    if mail.transport == "smtp":
        password = mail.smtp_password.reveal() if mail.smtp_password else ""
        return SmtpMail(
            mail.smtp_host,
            mail.smtp_port,
            security=mail.smtp_security,
            user=mail.smtp_user,
            password=password,
        )
    if mail.transport == "folder" or settings.relaxed.mail_to_folder:
        return FolderMail(mail.folder or _data_folder(settings) / "mail")
    return None


def _data_folder(settings: Settings) -> Path:
    if settings.data_dir is None:
        raise ConfigError("settings", "data_dir", "names the folder for mail and mock payments")
    return settings.data_dir
