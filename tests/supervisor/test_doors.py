import socket
from pathlib import Path

import msgspec
import pytest

from tests.serving import reserved_ports
from ucp_server.config import Settings
from ucp_server.supervisor import doors
from ucp_server.supervisor.doors import CannotListen, shared_listener, wait_until_free
from ucp_server.supervisor.roles import Role
from ucp_server.supervisor.sockets import listener, unix_listener

ALL = (Role.JOBS, Role.PUBLIC)
NOWHERE = Settings(port=0, http_port=0, admin_port=0)


def _with(**changes: object) -> Settings:
    return msgspec.structs.replace(NOWHERE, **changes)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "DELAY_S", 0.001)


@pytest.mark.parametrize("setting", ["port", "http_port", "admin_port"])
async def test_a_port_where_somebody_listens_is_named_with_its_option(setting: str) -> None:
    with reserved_ports(1) as (port,), listener("127.0.0.1", port) as stranger:
        await wait_until_free(_with(**{setting: port}), ALL)
        stranger.listen()
        option = setting.replace("_", "-")
        told = rf"listens on 127\.0\.0\.1:{port}\. .* another --{option}\."
        with pytest.raises(CannotListen, match=told):
            await wait_until_free(_with(**{setting: port}), ALL)


async def test_a_socket_where_somebody_listens_is_named(tmp_path: Path) -> None:
    settings = _with(http_socket=tmp_path / "shop.sock")
    with unix_listener(tmp_path / "shop.sock"):
        with pytest.raises(CannotListen, match=r"listens on .*shop\.sock\. .* another http_socket\."):
            await wait_until_free(settings, ALL)
        await wait_until_free(settings, [Role.JOBS])
    await wait_until_free(settings, ALL)


async def test_an_address_that_is_not_ours_is_told_from_one_that_is_taken() -> None:
    with pytest.raises(CannotListen, match=r"listen on 192\.0\.2\.1:8443: Cannot assign .* --port\."):
        await wait_until_free(_with(host="192.0.2.1", port=8443), ALL)


@pytest.mark.parametrize(
    ("place", "reason"),
    [("none/shop.sock", "No such file"), ("x" * 120, "too long"), ("", "something else lies there")],
)
async def test_a_place_where_no_socket_can_be_is_told(tmp_path: Path, place: str, reason: str) -> None:
    with pytest.raises(CannotListen, match=f"{reason}.* Correct http_socket"):
        await _open(_with(http_socket=tmp_path / place))


async def _open(settings: Settings) -> None:
    await wait_until_free(settings, ALL)
    with shared_listener(settings, ALL):
        pass


def test_only_who_serves_the_public_opens_the_shared_socket(tmp_path: Path) -> None:
    settings = _with(http_socket=tmp_path / "shop.sock")
    with shared_listener(NOWHERE, ALL) as nothing, shared_listener(settings, [Role.JOBS]) as unwanted:
        assert nothing is unwanted is None
    with shared_listener(settings, ALL) as opened, socket.socket(socket.AF_UNIX) as caller:
        assert opened is not None
        caller.connect(str(settings.http_socket))
