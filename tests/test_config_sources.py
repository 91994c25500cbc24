from pathlib import Path

import msgspec
import pytest

from ucp_server import config
from ucp_server.config import DOTS, ConfigError, Handler, Link, Mail, Merchant, Platform, Settings
from ucp_server.config_sources import read
from ucp_server.modes import Mode

SHOP = """
mode = "production"
port = 9443
certificate = "tls/chain.pem"
[merchant.berlin]
hosts = ["shop.example"]
currency = "EUR"
mail = { sender = "shop@shop.example", smtp_password = "env:MAIL_PASSWORD" }
[[merchant.berlin.handlers]]
id = "psp"
name = "com.example.psp"
config = { merchant_id = "m1", networks = ["visa"] }
private = { key = "file:psp.key" }
[platform.agent]
profile = "https://agent.example/profile"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "psp.key").write_text("sk_live\n")
    file = tmp_path / "shop.toml"
    file.write_text(SHOP)
    return file


def _read(file: Path, **environment: str) -> Settings:
    return read(file, {"MAIL_PASSWORD": "pw"} | environment)


def test_later_sources_win(shop: Path) -> None:
    assert _read(shop).port == 9443
    assert _read(shop, UCP_SERVER_PORT="9444").port == 9444
    settings = read(shop, {"MAIL_PASSWORD": "pw", "UCP_SERVER_PORT": "9444"}, {"port": 9445, "host": None})
    assert (settings.port, settings.host) == (9445, "127.0.0.1")


def test_a_mode_brings_defaults_that_every_source_may_overrule(shop: Path) -> None:
    assert _read(shop).http_port == 0
    assert _read(shop, UCP_SERVER_MODE="demo").http_port == 8080
    assert _read(shop, UCP_SERVER_MODE="demo", UCP_SERVER_HTTP_PORT="0").http_port == 0


def test_paths_count_from_the_file_that_names_them(shop: Path) -> None:
    assert _read(shop).certificate == shop.parent / "tls" / "chain.pem"


def test_paths_on_the_command_line_count_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read(None, {}, {"data_dir": Path("data")}).data_dir == tmp_path / "data"
    assert read(None, {"UCP_SERVER_DATA_DIR": "data"}).data_dir == tmp_path / "data"


def test_secrets_may_stand_elsewhere(shop: Path) -> None:
    merchant = _read(shop).merchant["berlin"]
    assert merchant.mail is not None
    assert merchant.mail.smtp_password is not None
    assert merchant.mail.smtp_password.reveal() == "pw"
    assert merchant.handlers[0].private["key"].reveal() == "sk_live"


def test_secrets_print_as_dots_and_travel_in_clear_only_when_asked(shop: Path) -> None:
    settings = _read(shop, UCP_SERVER_SECRET="s3cret" * 6, UCP_SERVER_DATABASE_URL="postgresql://u:pw@h/d")
    for text in (repr(settings), str(config.shown(settings))):
        assert "s3cret" not in text
        assert "sk_live" not in text
        assert "pw@h" not in text
        assert DOTS in text
    assert config.from_json(config.to_json(settings)) == settings


def test_a_secret_that_looks_like_a_reference_arrives_as_it_is() -> None:
    settings = read(None, {"UCP_SERVER_SECRET": "env:OTHER", "OTHER": "file:/nowhere"})
    assert config.from_json(config.to_json(settings)).secret == config.Secret("file:/nowhere")


def test_lists_in_the_environment_are_separated_by_commas() -> None:
    settings = read(None, {"UCP_SERVER_TRUSTED_PROXIES": "10.0.0.0/8,::1/128"})
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1/128")


def test_modes_for_local_use_need_no_configuration_at_all(tmp_path: Path) -> None:
    settings = read(None, {}, {"mode": "demo", "data_dir": tmp_path})
    assert list(settings.merchant) == ["demo"]
    assert settings.embedded
    assert settings.workers >= 1


def test_production_takes_an_embedded_postgres_only_when_asked(tmp_path: Path) -> None:
    assert not read(None, {}).embedded
    assert read(None, {}, {"data_dir": tmp_path}).embedded
    assert not read(None, {}, {"data_dir": tmp_path, "database_url": "postgresql://h/d"}).embedded


@pytest.mark.parametrize(
    ("text", "setting", "reason"),
    [
        ("prt = 1", "", "unknown field `prt`"),
        ('port = "x"', "port", "Expected `int`"),
        ("port = 70000", "port", "<= 65535"),
        ('mode = "test"', "mode", "Invalid enum value 'test'"),
        ("secret = 3", "secret", "Expected `str`"),
        ('secret = "env:NOWHERE"', "secret", "no NOWHERE"),
        ('secret = "file:nowhere"', "secret", "cannot be read"),
        ("merchant = 3", "merchant", "table of tables"),
        ("[merchant.A]", "merchant.A", "matching regex"),
        ('[merchant.a]\ncurrency = "euro"', "merchant.a.currency", "matching regex"),
        ('[merchant.a]\ntenant = "5B0C2D4E-6F70-4A81-9B2C-3D4E5F607182"', "merchant.a.tenant", "regex"),
        ("[merchant.a]\nmail = { senders = 1 }", "merchant.a.mail", "unknown field `senders`"),
        ("[merchant.a]\nlinks = [{ type = 3 }]", "merchant.a.links[0].type", "Expected `str`"),
        ("[merchant.a]\nrequired_buyer_fields = ['age']", "merchant.a.required_buyer_fields[0]", "'age'"),
        ("[platform.a]", "platform.a", "required field `profile`"),
        ("port =", "", "is not TOML"),
        ("drain_s = 5", "drain_s", ">= 35"),
    ],
)
def test_a_mistake_names_file_setting_and_reason(
    tmp_path: Path, text: str, setting: str, reason: str
) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read(file, {})
    assert raised.value.source == str(file)
    assert raised.value.setting == setting
    assert reason in raised.value.reason
    assert str(raised.value).startswith(f"{file}: ")


@pytest.mark.parametrize(
    ("variable", "text", "reason"),
    [
        ("UCP_SERVER_PORT", "https", "Expected `int`"),
        ("UCP_SERVER_PORT", "tcp://10.0.0.1:8443", "Expected `int`"),
        ("UCP_SERVER_SERVICE_HOST", "10.0.0.1", "is no setting"),
        ("UCP_SERVER_PROT", "1", "is no setting"),
        ("UCP_SERVER_MERCHANT", "{}", "is no setting"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(variable: str, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"^{variable}: {reason}"):
        read(None, {variable: text})


def test_a_mistake_on_the_command_line_names_the_option() -> None:
    with pytest.raises(ConfigError, match=r"^--http-port: "):
        read(None, {}, {"http_port": -1})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        read(tmp_path / "none.toml", {})


def test_networks_are_networks() -> None:
    with pytest.raises(ConfigError, match="trusted_proxies"):
        read(None, {"UCP_SERVER_TRUSTED_PROXIES": "everybody"})


@pytest.mark.parametrize("table", [Settings, Merchant, Platform, Handler, Mail, Link])
def test_every_setting_has_one_sentence(table: type[config.Table]) -> None:
    for name, sentence, _ in config.describe(table):
        assert sentence.endswith("."), name
        assert sentence[0].isupper(), name


def test_a_merchant_s_facts_come_from_its_table() -> None:
    facts = Merchant(
        currency="EUR", tax="included", mail=Mail(sender="a@shop.example"), stock="port"
    ).facts("m")
    assert (facts.id, facts.title, facts.currency) == ("m", "m", "EUR")
    assert (facts.tax_included, facts.own_stock, facts.mail_sender) == (True, False, "a@shop.example")


@pytest.mark.parametrize(
    ("mode", "chosen", "takes"),
    [
        (Mode.PRODUCTION, None, False),
        (Mode.PRODUCTION, True, True),
        (Mode.DEMO, None, True),
        (Mode.DEMO, False, False),
        (Mode.SUITE, None, True),
    ],
)
def test_card_numbers_come_into_production_only_when_asked(
    mode: Mode, chosen: bool | None, takes: bool
) -> None:
    settings = Settings(mode=mode, merchant={"shop": Merchant(accepts_fresh_cards=chosen)})
    assert settings.takes_fresh_cards("shop") is takes


def test_codes_are_issued_under_a_name_of_ours() -> None:
    shops = {"a": Merchant(), "b": Merchant(public_url="https://shop.example")}
    assert Settings(merchant=shops).issuer == "shop.example"
    assert Settings(merchant=shops, code_issuer="network.example").issuer == "network.example"
    assert Settings().issuer == "localhost"


def test_settings_cannot_be_changed_after_the_start() -> None:
    settings = read(None, {})
    with pytest.raises(AttributeError):
        settings.port = 1  # type: ignore[misc]  # the point of the test
    assert msgspec.structs.replace(settings, port=1).port == 1
