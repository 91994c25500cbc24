from pathlib import Path

import pytest

from ucp_server import resources


@pytest.mark.parametrize("name", ["schemas", "profiles", "demo_shop"])
def test_a_checkout_carries_every_resource(name: resources.Resource) -> None:
    assert any(resources.folder(name).iterdir())


def test_what_the_wheel_carries_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "schemas").mkdir()
    monkeypatch.setattr(resources, "_PACKAGED", tmp_path)
    assert resources.folder("schemas") == tmp_path / "schemas"
    assert resources.folder("profiles") != tmp_path / "profiles"


def test_a_broken_installation_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_PACKAGED", tmp_path)
    monkeypatch.setattr(resources, "_CHECKOUT", tmp_path)
    with pytest.raises(FileNotFoundError, match="install ucp-server again"):
        resources.folder("schemas")
