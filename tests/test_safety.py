from pathlib import Path

import asyncpg
import msgspec
import pytest

from ucp_server import safety
from ucp_server.config import Mail, Merchant, Platform, Secret, Settings
from ucp_server.modes import Mode
from ucp_server.postgres import Cluster

CERTIFICATE = Path("/etc/tls/chain.pem")
MERCHANT = Merchant(
    hosts=("shop.example",),
    public_url="https://shop.example",
    mail=Mail(transport="off"),
    certificate=CERTIFICATE,
    certificate_key=CERTIFICATE,
)
PAY = "https://pay.shop.example"
PLATFORM = Platform(profile="https://agent.example/profile")
SOUND = Settings(
    database_url=Secret("postgresql://db/shop"),
    secret=Secret("x" * 32),
    merchant={"berlin": MERCHANT},
    platform={"agent": PLATFORM},
)


def _with(**changes: object) -> Settings:
    return msgspec.structs.replace(SOUND, **changes)


def _merchant(**changes: object) -> Settings:
    return _with(merchant={"berlin": msgspec.structs.replace(MERCHANT, **changes)})


def _platform(**changes: object) -> Settings:
    return _with(platform={"agent": msgspec.structs.replace(PLATFORM, **changes)})


def test_sound_settings_are_not_refused() -> None:
    assert safety.refusals(SOUND) == ()


def test_behind_a_proxy_a_unix_socket_is_enough() -> None:
    behind = _with(port=0, http_socket=Path("/run/shop.sock"), trusted_proxies=("127.0.0.1/32",))
    assert safety.refusals(behind) == ()


@pytest.mark.parametrize(
    ("settings", "what_to_do"),
    [
        (_with(secret=None), "set UCP_SERVER_SECRET"),
        (_with(secret=Secret("short")), "shorter than 32"),
        (_with(database_url=None), "set database_url"),
        (_with(unlisted_platforms="open"), "set unlisted_platforms to refused"),
        (_platform(auth="open"), "set auth to api_key, oauth, mtls or signature"),
        (_platform(auth="open", writes=False, rate=0), "leave out rate"),
        (_with(faults=""), "remove faults"),
        (_with(simulation_secret=Secret("x")), "simulation_secret"),
        (_with(http_port=8080), "set trusted_proxies"),
        (_with(http_socket=Path("/run/shop.sock")), "set trusted_proxies"),
        (_with(hosted_port=1, hosted_url=PAY), "set trusted_proxies"),
        (_with(hosted_port=1, trusted_proxies=("127.0.0.1/32",)), "a host of its own"),
        (
            _with(hosted_port=1, hosted_url=f"{PAY}/x", trusted_proxies=("127.0.0.1/32",)),
            "set it to https://",
        ),
        (
            _with(hosted_port=1, hosted_url="https://SHOP.example", trusted_proxies=("127.0.0.1/32",)),
            "give it a host of its own",
        ),
        (
            _with(hosted_port=1, hosted_url="https://shop.example:443", trusted_proxies=("127.0.0.1/32",)),
            "give it a host of its own",
        ),
        (
            _with(hosted_port=1, hosted_url="https://me@shop.example", trusted_proxies=("127.0.0.1/32",)),
            "give it a host of its own",
        ),
        (_with(merchant={}), "add a [merchant.<name>] table"),
        (_merchant(hosts=()), "set hosts"),
        (_merchant(public_url=""), "set it to https://"),
        (_merchant(public_url="http://shop.example"), "set it to https://"),
        (_merchant(public_url="https://shop.example/path"), "set it to https://"),
        (_merchant(mail=None), "set mail"),
        (_merchant(mail=Mail(smtp_host="mail.example")), "set mail.sender"),
        (_merchant(certificate=None), "set certificate"),
    ],
)
def test_production_refuses_what_is_unsafe(settings: Settings, what_to_do: str) -> None:
    (sentence,) = safety.refusals(settings)
    assert what_to_do in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("settings", "what_to_do"),
    [
        (_with(port=0), "Nothing would be served"),
        (
            _with(http_host="0.0.0.0", http_port=1, trusted_proxies=("10.0.0.0/8",)),
            "http_host to 127.0.0.1",
        ),
        (_with(import_dir=Path("/nowhere")), "correct --import"),
        (_with(merchant={"a": MERCHANT, "b": MERCHANT}), "keep one"),
        (_platform(auth="mtls", client_certificate_sha256="00"), "set client_ca"),
        (_platform(auth="mtls"), "set client_certificate_subject"),
        (_platform(merchants=("paris",)), "has no table"),
    ],
)
@pytest.mark.parametrize("mode", list(Mode))
def test_no_mode_takes_what_cannot_work(settings: Settings, what_to_do: str, mode: Mode) -> None:
    sentences = safety.refusals(msgspec.structs.replace(settings, mode=mode))
    assert any(what_to_do in sentence for sentence in sentences)


@pytest.mark.parametrize("mode", [Mode.DEMO, Mode.SUITE])
def test_modes_for_local_use_need_nothing(mode: Mode) -> None:
    assert safety.refusals(Settings(mode=mode, http_port=8080, unlisted_platforms="open")) == ()


def test_two_merchants_that_answer_to_any_host_cannot_be_told_apart() -> None:
    settings = Settings(mode=Mode.DEMO, merchant={"a": Merchant(), "b": Merchant()})
    assert any("at most one may go without" in sentence for sentence in safety.refusals(settings))


def test_two_merchants_under_one_tenant_cannot_be_told_apart() -> None:
    tenant = "5b0c2d4e-6f70-4a81-9b2c-3d4e5f607182"
    two = {name: Merchant(hosts=(f"{name}.example",), tenant=tenant) for name in ("paper", "tea")}
    (sentence,) = safety.refusals(Settings(mode=Mode.DEMO, merchant=two))
    assert "merchant.paper and merchant.tea have the same tenant" in sentence
    apart = {**two, "tea": msgspec.structs.replace(two["tea"], tenant="")}
    assert safety.refusals(Settings(mode=Mode.DEMO, merchant=apart)) == ()


async def test_a_postgres_that_may_lose_orders_is_told_apart(postgres: Cluster) -> None:
    sentences = await safety.unsafe_settings(postgres.url("postgres"))
    assert [sentence.split()[3] for sentence in sentences] == list(safety.DURABILITY)
    connection = await asyncpg.connect(postgres.url("postgres"))
    await connection.execute("ALTER ROLE ucp SET synchronous_commit = on")
    try:
        assert len(await safety.unsafe_settings(postgres.url("postgres"))) == 2
    finally:
        await connection.execute("ALTER ROLE ucp RESET synchronous_commit")
        await connection.close()
