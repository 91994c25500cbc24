"""Whose shop a Host leads to, and what its links begin with."""

import pytest
from starlette.requests import Request

from ucp_server.config import Merchant, Settings
from ucp_server.hosts import Hosts, root_release
from ucp_server.modes import Mode

PAPER = Merchant(hosts=("paper.example", "WWW.Paper.Example"), public_url="https://paper.example/")
BEAN = Merchant(hosts=("bean.example", "2001:db8::1"), public_url="https://bean.example")
LOCAL = Merchant(title="Kiosk")


def hosts(mode: Mode = Mode.PRODUCTION, **merchants: Merchant) -> Hosts:
    return Hosts(Settings(mode=mode, merchant=merchants or {"paper": PAPER, "bean": BEAN}))


def asked(host: str | None, scheme: str = "https") -> Request:
    headers = [] if host is None else [(b"host", host.encode())]
    return Request({"type": "http", "scheme": scheme, "path": "/", "headers": headers})


@pytest.mark.parametrize(
    ("host", "merchant"),
    [
        ("paper.example", "paper"),
        ("Paper.EXAMPLE:443", "paper"),
        ("www.paper.example", "paper"),
        ("bean.example:8443", "bean"),
        ("[2001:DB8::1]", "bean"),
        ("[2001:db8::1]:8443", "bean"),
        ("paper.example.evil.example", None),
        ("evil-paper.example", None),
        ("paper.example.", None),
        ("", None),
        (None, None),
        ("[", None),
        (":443", None),
    ],
)
def test_a_host_leads_to_its_merchant_or_to_nobody(host: str | None, merchant: str | None) -> None:
    found = hosts().find(asked(host))
    assert (found.merchant_id if found else None) == merchant


def test_links_begin_with_the_public_url_whatever_the_request_says() -> None:
    for mode in Mode:
        found = hosts(mode).find(asked("www.paper.example:9999", "http"))
        assert found is not None
        assert found.site == "https://paper.example"


def test_without_a_public_url_local_modes_use_what_they_were_asked_under() -> None:
    for mode in (Mode.DEMO, Mode.SUITE):
        found = hosts(mode, demo=LOCAL).find(asked("localhost:8080", "http"))
        assert found is not None
        assert (found.merchant_id, found.site) == ("demo", "http://localhost:8080")
    # Refused at start; should it ever serve all the same, it says nothing that a caller made up.
    found = hosts(Mode.PRODUCTION, demo=LOCAL).find(asked("evil.example"))
    assert found is not None
    assert found.site == ""


def test_one_merchant_without_hosts_gets_what_no_other_answers_to() -> None:
    both = hosts(Mode.DEMO, paper=PAPER, demo=LOCAL)
    found = {name: both.find(asked(name)) for name in ("paper.example", "localhost", "any.example")}
    assert {name: host and host.merchant_id for name, host in found.items()} == {
        "paper.example": "paper",
        "localhost": "demo",
        "any.example": "demo",
    }


@pytest.mark.parametrize(
    ("mode", "release"),
    [(Mode.PRODUCTION, "2026-01-23"), (Mode.DEMO, ""), (Mode.SUITE, "2026-01-11")],
)
def test_the_root_release_is_the_merchant_s_in_production_alone(mode: Mode, release: str) -> None:
    assert root_release(Settings(mode=mode), Merchant(root_release="2026-01-23")) == release


def test_a_merchant_that_is_named_otherwise_has_its_own_links_under_every_host_of_ours() -> None:
    found = hosts()
    assert found.site_of(asked("paper.example"), "bean") == "https://bean.example"
    assert found.site_of(asked("paper.example"), "paper") == "https://paper.example"
    assert found.site_of(asked("nobody.example"), "paper") is None
    local = hosts(Mode.DEMO, kiosk=LOCAL)
    assert local.site_of(asked("127.0.0.1:8080", "http"), "kiosk") == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "host", ["[", "[::1", "a b", "a/b", "me@localhost", "localhost:x", "localhost:999999", "ü", ""]
)
def test_no_link_begins_with_what_is_no_host(host: str) -> None:
    request = Request(
        {"type": "http", "scheme": "http", "path": "/", "headers": [(b"host", host.encode())]}
    )
    assert hosts(Mode.DEMO, demo=LOCAL).find(request) is None
    assert hosts(Mode.DEMO, demo=LOCAL).site_of(request, "demo") is None
