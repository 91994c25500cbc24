"""Which plug-ins a configuration brings, and what is said of those that cannot be used."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.outside import broken_payment
from ucp_server import plugins
from ucp_server.config import ConfigError, Handler, Mail, Merchant, Secret, Settings
from ucp_server.config_sources import LOCAL_MERCHANTS
from ucp_server.domain.money import Money
from ucp_server.handlers.mail_folder import FolderMail
from ucp_server.handlers.mail_smtp import SmtpMail
from ucp_server.handlers.payment_http.client import HttpPayment
from ucp_server.handlers.payment_mock import MockPayment
from ucp_server.modes import Mode
from ucp_server.ports import HandlerListing

CLOCK = plugins.SystemClock()
ABOUT = {"spec": "https://psp.example/ucp", "config_schema": "https://psp.example/ucp/config.json"}
HTTP = Handler(
    id="card",
    name="dev.ucp-server.http",
    config={**ABOUT, "networks": ["visa"]},
    private={"base_url": Secret("https://psp.example/v1")},
)


def settings(tmp_path: Path, mode: Mode = Mode.PRODUCTION, **merchant: Any) -> Settings:
    return Settings(mode=mode, data_dir=tmp_path, merchant={"paper": Merchant(**merchant)})


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The broken handler as an installed package."""
    broken_payment.installed(tmp_path / "packages")
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    yield
    assert str(tmp_path / "packages") in sys.path


# --- payment ---


def test_production_has_what_is_configured_and_no_mock(tmp_path: Path) -> None:
    found = plugins.payments(settings(tmp_path, handlers=(HTTP,)), CLOCK)["paper"]
    assert list(found) == ["card"]
    assert isinstance(found["card"], HttpPayment)
    listing = found["card"].describe("paper", Money(0, "USD"), ())
    assert listing == HandlerListing(
        id="card", name="dev.ucp_server.http", version="2026-01-11", config={"networks": ["visa"]}, **ABOUT
    )


@pytest.mark.parametrize("name", ["dev.ucp-server.http", "http", "Dev.http", "dev..http", "dev.1", ""])
def test_a_name_that_some_release_does_not_take_is_told_at_start(tmp_path: Path, name: str) -> None:
    named = msgspec.structs.replace(HTTP, config={**HTTP.config, "name": name})
    with pytest.raises(ConfigError, match=r"card: dev\.ucp-server\.http is advertised as"):
        plugins.check(settings(tmp_path, handlers=(named,)))


@pytest.mark.parametrize(
    ("mode", "accepted", "advertised"),
    [
        (Mode.DEMO, ["mock_payment_handler", "com.google.pay"], ["mock_payment_handler"]),
        (
            Mode.SUITE,
            ["mock_payment_handler", "google_pay", "shop_pay"],
            ["mock_payment_handler", "google_pay", "shop_pay"],
        ),
        (Mode.PRODUCTION, [], []),
    ],
)
def test_the_mock_stands_before_what_is_configured(
    tmp_path: Path, mode: Mode, accepted: list[str], advertised: list[str]
) -> None:
    found = plugins.payments(settings(tmp_path, mode, handlers=(HTTP,)), CLOCK)["paper"]
    assert list(found) == [*accepted, "card"]
    assert all(isinstance(found[name], MockPayment) for name in accepted)
    listings = {name: found[name].describe("paper", Money(0, "USD"), ()) for name in accepted}
    assert [name for name, entry in listings.items() if entry and entry.id == name] == advertised


@pytest.mark.usefixtures("package")
def test_cards_lie_with_a_provider_rather_than_with_the_mock(tmp_path: Path) -> None:
    def keeper(mode: Mode, *handlers: Handler) -> str | None:
        found = plugins.payments(settings(tmp_path, mode, handlers=handlers), CLOCK)
        id_, vault = plugins.vaults(found).get("paper", (None, None))
        assert id_ is None or vault is found["paper"][id_]
        return id_

    no_vault = Handler(id="broken", name=broken_payment.NAME)
    assert keeper(Mode.DEMO) == "mock_payment_handler"
    assert keeper(Mode.DEMO, HTTP) == "card"
    assert keeper(Mode.PRODUCTION, HTTP) == "card"
    assert keeper(Mode.PRODUCTION) is None
    assert keeper(Mode.PRODUCTION, no_vault, HTTP) == "card"
    assert keeper(Mode.PRODUCTION, no_vault) is None


def complaint(found: Settings) -> str:
    with pytest.raises(ConfigError) as raised:
        plugins.check(found)
    return str(raised.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "nobody.knows"}, "no installed package offers 'nobody.knows' in ucp_server.payment"),
        ({"private": {}}, "private.base_url must be set"),
        ({"config": {}}, "config.spec, config.config_schema must be set"),
        ({"config": {**ABOUT, "spec": "the manual"}}, "has no absolute URL as its spec"),
        ({"config": {**ABOUT, "config_schema": "//x"}}, "has no absolute URL as its config_schema"),
        ({"private": {"base_url": Secret("http://psp.example")}}, "reached over https only"),
    ],
)
def test_a_handler_that_cannot_be_used_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    handler = msgspec.structs.replace(HTTP, **changes)
    text = complaint(settings(tmp_path, handlers=(handler,)))
    assert text.startswith("settings: merchant.paper.handlers")
    assert said in text


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"quoted": True}, "example.broken cannot be made (RuntimeError)"),
        ({"said": "the terminal is off"}, "the terminal is off"),
        ({"silent": True}, "example.broken cannot be made (RuntimeError)"),
        ({"calls_itself": "other"}, "example.broken calls itself other"),
        ({"describes_by": "a text"}, "example.broken describes itself by a str"),
    ],
)
@pytest.mark.usefixtures("package")
def test_what_a_package_raises_is_told_without_its_secrets(
    tmp_path: Path, config: Mapping[str, object], said: str
) -> None:
    handler = Handler(
        id="card", name=broken_payment.NAME, config=dict(config), private={"key": Secret("s3cret")}
    )
    text = complaint(settings(tmp_path, handlers=(handler,)))
    assert said in text
    assert "s3cret" not in text


async def test_handlers_are_closed_once_each(tmp_path: Path) -> None:
    class Closing:
        closed = 0

        async def close(self) -> None:
            self.closed += 1

    closing: Any = Closing()
    mock = plugins.payments(settings(tmp_path, Mode.DEMO), CLOCK)["paper"]
    await plugins.close({"paper": {**mock, "card": closing}})
    assert closing.closed == 1


# --- stock and mail ---


def test_a_stock_that_is_kept_elsewhere_has_a_package(tmp_path: Path) -> None:
    assert plugins.stocks(settings(tmp_path)) == {}
    text = complaint(settings(tmp_path, stock="port"))
    assert text == "settings: merchant.paper.stock: no installed package offers 'paper' in ucp_server.stock"


def test_members_that_are_listed_elsewhere_have_a_package(tmp_path: Path) -> None:
    assert plugins.eligibilities(settings(tmp_path)) == {}
    text = complaint(settings(tmp_path, eligibility="port"))
    where = "settings: merchant.paper.eligibility: no installed package offers 'paper'"
    assert text == f"{where} in ucp_server.eligibility"


@pytest.mark.parametrize(
    ("mode", "mail", "kind"),
    [
        (Mode.PRODUCTION, Mail(smtp_host="mail.example", smtp_password=Secret("x")), SmtpMail),
        (Mode.PRODUCTION, Mail(transport="folder"), FolderMail),
        (Mode.DEMO, None, FolderMail),
        (Mode.SUITE, None, FolderMail),
        (Mode.DEMO, Mail(smtp_host="mail.example"), SmtpMail),
    ],
)
def test_mail_leaves_as_configured(tmp_path: Path, mode: Mode, mail: Mail | None, kind: type) -> None:
    assert isinstance(plugins.mails(settings(tmp_path, mode, mail=mail))["paper"], kind)


@pytest.mark.parametrize("mail", [None, Mail(transport="off")])
def test_production_sends_no_mail_unless_told(tmp_path: Path, mail: Mail | None) -> None:
    assert plugins.mails(settings(tmp_path, mail=mail)) == {}


def test_mail_into_a_folder_needs_one(tmp_path: Path) -> None:
    nowhere = msgspec.structs.replace(settings(tmp_path, mail=Mail(transport="folder")), data_dir=None)
    assert "data_dir" in complaint(nowhere)


@pytest.mark.parametrize("mode", list(LOCAL_MERCHANTS))
def test_the_shops_for_local_use_are_sound(tmp_path: Path, mode: Mode) -> None:
    plugins.check(Settings(mode=mode, data_dir=tmp_path, merchant={mode.value: LOCAL_MERCHANTS[mode]}))
