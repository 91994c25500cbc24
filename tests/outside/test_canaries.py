from pathlib import Path

import pytest

from tests.outside import canaries


@pytest.mark.parametrize("name", sorted(canaries.SECRETS))
def test_every_spelling_of_a_secret_is_found(tmp_path: Path, name: str) -> None:
    for number, raw in enumerate(canaries.spellings(canaries.SECRETS[name])):
        assert len(raw) >= 8, "shorter ones stand everywhere"
        (tmp_path / str(number)).write_bytes(b"before" + raw + b"behind")
    search = canaries.Search(canaries.SECRETS)
    search.look_into_files(tmp_path)
    found = {where for where, secret in search.found if secret == name}
    assert found == {file.name for file in tmp_path.iterdir()}


def test_files_are_passed_over_only_when_named(tmp_path: Path) -> None:
    file = tmp_path / "inner" / "secret"
    file.parent.mkdir()
    file.write_text(canaries.PAN)
    search = canaries.Search({"number": canaries.PAN})
    search.look_into_files(tmp_path, but=[file])
    assert search.found == []
    search.look_into_files(tmp_path)
    assert search.found == [("inner/secret", "number")]
