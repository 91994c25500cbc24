import pytest

from ucp_server.store.seal import Seal, SealBrokenError

SECRET = b"a secret of thirty-two characters"


def test_a_seal_opens_for_its_own_secret_and_subject_only():
    sealed = Seal(SECRET, "keys").close(b"private", "demo\nkid")
    assert b"private" not in sealed
    assert Seal(SECRET, "keys").open(sealed, "demo\nkid") == b"private"
    wrong = (
        (Seal(SECRET + b"!", "keys"), "demo\nkid"),
        (Seal(SECRET, "others"), "demo\nkid"),
        (Seal(SECRET, "keys"), "other\nkid"),
    )
    for seal, about in wrong:
        with pytest.raises(SealBrokenError):
            seal.open(sealed, about)
    assert Seal(SECRET, "keys").close(b"private", "demo\nkid") != sealed
