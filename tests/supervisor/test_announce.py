import io
from pathlib import Path

import pytest

from ucp_server.config import Settings
from ucp_server.config_sources import read
from ucp_server.modes import sentences
from ucp_server.supervisor import announce
from ucp_server.supervisor.progress import Progress
from ucp_server.supervisor.roles import Role


def _told(settings: Settings) -> str:
    out = io.StringIO()
    announce.ready(settings, Progress(out))
    return out.getvalue()


@pytest.mark.parametrize("mode", ["demo", "suite"])
def test_what_is_relaxed_is_printed(mode: str, tmp_path: Path) -> None:
    settings = read(None, {}, {"mode": mode, "data_dir": tmp_path})
    told = _told(settings)
    for sentence in sentences(settings.mode):
        assert f"  - {sentence}\n" in told


def test_a_newcomer_gets_lines_to_paste(tmp_path: Path) -> None:
    told = _told(read(None, {}, {"mode": "demo", "data_dir": tmp_path, "http_port": 8081}))
    assert "curl -s http://localhost:8081/.well-known/ucp\n" in told
    assert 'UCP-Agent: profile="https://platform.example/profile"' in told
    assert "ucp-server buy http://localhost:8081 --item " in told


def test_production_says_where_it_is_and_nothing_else() -> None:
    told = _told(Settings(host="192.0.2.1", port=443, admin_port=9080))
    assert "https://192.0.2.1:443\n" in told
    assert "http://localhost:9080/metrics\n" in told
    assert "Try" not in told
    assert "relax" not in told


def test_addresses_of_the_newer_kind_are_bracketed() -> None:
    assert "https://[2001:db8::1]:443\n" in _told(Settings(host="2001:db8::1", port=443))


def test_the_processes_are_counted() -> None:
    assert announce.processes([Role.JOBS, Role.PUBLIC, Role.PUBLIC]) == "2 for HTTP, 1 for jobs"
    assert announce.processes([Role.JOBS]) == "1 for jobs"


def test_a_phase_tells_how_long_it_took() -> None:
    out = io.StringIO()
    with Progress(out).phase("shop") as phase:
        phase.text = "27 items"
    assert out.getvalue().startswith("  shop           27 items")
    assert out.getvalue().endswith(" s\n")
