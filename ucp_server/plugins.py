"""Which plug-ins a configuration asks for: payment handlers, stock, eligibility, mail.

A merchant's own come by entry point: a package names a factory in the group
``ucp_server.payment`` (by the handler's reverse-domain name), ``ucp_server.stock`` or
``ucp_server.eligibility`` (by the merchant's name). Whatever is wrong with one is a `ConfigError`,
before anything is served.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

import msgspec

from ucp_server import config, hosting, resources
from ucp_server.config import ConfigError, Settings
from ucp_server.domain.money import Money
from ucp_server.handlers.mail_folder import FolderMail
from ucp_server.handlers.mail_smtp import SmtpMail
from ucp_server.handlers.payment_mock import MockPayment
from ucp_server.handlers.payment_mock.tokens import Verdict
from ucp_server.hosted import Hosted, HostedApp, Site
from ucp_server.ports import (
    Clock,
    Eligibility,
    HandlerListing,
    Mail,
    Payment,
    Stock,
    Vault,
)

PAYMENT_GROUP: Final = "ucp_server.payment"
STOCK_GROUP: Final = "ucp_server.stock"
ELIGIBILITY_GROUP: Final = "ucp_server.eligibility"
MOCK: Final = "mock_payment_handler"

# What every release of UCP takes for a handler's name; the newest one alone also takes hyphens.
_HANDLER_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:\.[a-z][a-z0-9_]*)+", re.ASCII)


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
    eligibilities(settings)
    mails(settings)


def vaults(handlers: Payments) -> Mapping[str, tuple[str, Vault]]:
    """By merchant the handler that keeps cards: the first that can.

    The mock comes last: whoever configures a provider beside it means to try that one's vault.
    """
    return {
        merchant: kept
        for merchant, of_merchant in handlers.items()
        if (kept := _first_vault(of_merchant)) is not None
    }


def _first_vault(handlers: Mapping[str, Payment]) -> tuple[str, Vault] | None:
    for id_, handler in sorted(handlers.items(), key=lambda entry: isinstance(entry[1], MockPayment)):
        if all(callable(getattr(handler, name, None)) for name in ("vault", "forget")):
            return id_, cast("Vault", handler)
    return None


def hosted(settings: Settings, handlers: Payments) -> Mapping[str, HostedApp]:
    """The pages that plug-ins have of their own, by their path; none where no port is for them."""
    site = hosting.site_of(settings)
    if not site:
        return {}
    made = {
        f"/{merchant}/payment/{id_}": _hosted(settings, merchant, handler, f"/{merchant}/payment/{id_}")
        for merchant, of_merchant in handlers.items()
        for id_, handler in of_merchant.items()
    }
    return {path: app for path, app in made.items() if app is not None}


def hosted_mail(settings: Settings) -> Mapping[str, HostedApp]:
    """The mail of a shop that is tried out and sends none, by the path where it can be read."""
    kept = mails(settings)
    made = {
        path: _hosted(settings, merchant, kept[merchant], path)
        for merchant, path in hosting.mail_paths(settings).items()
    }
    return {path: app for path, app in made.items() if app is not None}


def _hosted(settings: Settings, merchant: str, plugin: object, path: str) -> HostedApp | None:
    if not callable(getattr(plugin, "hosted", None)):
        return None
    return cast("Hosted", plugin).hosted(_site(settings, merchant, path))


def _site(settings: Settings, merchant: str, path: str) -> Site:
    table = settings.merchant[merchant]
    return Site(
        url=hosting.site_of(settings) + path,
        shop=table.title or merchant,
        shop_origins=_origins(settings, table.public_url.rstrip("/")),
    )


def _origins(settings: Settings, public_url: str) -> tuple[str, ...]:
    """Of the shop's pages. Where links follow the request, everything on this machine may be the shop."""
    if public_url:
        return (public_url,)
    if not settings.relaxed.public_url_follows_request:
        return ()
    return tuple(
        f"{scheme}://{host}:*" for scheme in ("https", "http") for host in ("localhost", "127.0.0.1")
    )


async def close(handlers: Payments) -> None:
    """Let go of what handlers hold open; one that holds nothing need not have a ``close``."""
    for of_merchant in handlers.values():
        for handler in of_merchant.values():
            closing = getattr(handler, "close", None)
            if closing is not None:
                await closing()


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


def _handler(merchant_id: str, merchant: config.Merchant, handler: config.Handler) -> Payment:
    setting = f"merchant.{merchant_id}.handlers"
    factory = cast("PaymentFactory", _factory(PAYMENT_GROUP, handler.name, setting))
    private = {name: secret.reveal() for name, secret in handler.private.items()}
    try:
        made = factory(handler.id, handler.config, private)
        listing: object = made.describe(merchant_id, Money(0, merchant.currency), ())
    except ValueError as error:
        raise ConfigError("settings", f"{setting}.{handler.id}", str(error)) from error
    except Exception as error:
        # Its text may quote a secret.
        reason = f"{handler.name} cannot be made ({type(error).__name__})"
        raise ConfigError("settings", f"{setting}.{handler.id}", reason) from error
    fault = _fault_of(listing, handler.id)
    if fault is not None:
        raise ConfigError("settings", f"{setting}.{handler.id}", f"{handler.name} {fault}")
    return made


def _fault_of(listing: object, handler_id: str) -> str | None:
    """What is wrong with a listing, which is sent as it is: platforms refuse links that lead nowhere."""
    if listing is None:
        return None
    if not isinstance(listing, HandlerListing):
        return f"describes itself by a {type(listing).__name__}"
    if listing.id != handler_id:
        return f"calls itself {listing.id}"
    if _HANDLER_NAME.fullmatch(listing.name) is None:
        return f"is advertised as {listing.name!r}, which is no name like com.example.pay_by_phone"
    schemas = (("instrument_schemas", url) for url in listing.instrument_schemas)
    links = (("spec", listing.spec), ("config_schema", listing.config_schema), *schemas)
    bad = next((member for member, url in links if not _is_absolute(url)), None)
    return None if bad is None else f"has no absolute URL as its {bad}"


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


def eligibilities(settings: Settings) -> Mapping[str, Eligibility]:
    """Who verifies what buyers claim, for those merchants whose members are listed elsewhere."""
    return {
        name: cast("Eligibility", _factory(ELIGIBILITY_GROUP, name, f"merchant.{name}.eligibility")())
        for name, merchant in settings.merchant.items()
        if merchant.eligibility == "port"
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
