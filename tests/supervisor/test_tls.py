import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ucp_server.config import Merchant, Settings
from ucp_server.supervisor import tls

NOW = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)


def _certificate(files: tls.CertificateFiles) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files.chain.read_bytes())


def test_the_certificate_made_here_is_for_this_machine(tmp_path: Path) -> None:
    files = tls.self_signed(tmp_path, NOW)
    certificate = _certificate(files)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert files.key.stat().st_mode & 0o077 == 0


def test_it_is_kept_until_its_last_month(tmp_path: Path) -> None:
    first = _certificate(tls.self_signed(tmp_path, NOW))
    assert _certificate(tls.self_signed(tmp_path, NOW + datetime.timedelta(days=360))) == first
    renewed = _certificate(tls.self_signed(tmp_path, NOW + datetime.timedelta(days=370)))
    assert renewed.not_valid_after_utc > first.not_valid_after_utc


def test_one_half_of_a_pair_is_not_used(tmp_path: Path) -> None:
    first = tls.self_signed(tmp_path, NOW)
    before = first.chain.read_bytes()
    first.key.unlink()
    assert tls.self_signed(tmp_path, NOW).chain.read_bytes() != before


def test_hosts_without_a_certificate_are_shown_the_common_one_or_the_first_merchant_s() -> None:
    berlin = Merchant(hosts=("B.example",), certificate=Path("b.pem"), certificate_key=Path("b.key"))
    paris = Merchant(hosts=("p.example",))
    settings = Settings(merchant={"paris": paris, "berlin": berlin})
    assert set(tls.by_host(settings)) == {"b.example"}
    assert tls.default(settings) == tls.CertificateFiles(Path("b.pem"), Path("b.key"))
    common = Settings(certificate=Path("c.pem"), certificate_key=Path("c.key"), merchant={"berlin": berlin})
    assert tls.default(common) == tls.CertificateFiles(Path("c.pem"), Path("c.key"))
    assert tls.default(Settings(merchant={"paris": paris})) is None


def _told(settings: Settings) -> str:
    (sentence,) = tls.unusable(settings)
    assert sentence.endswith(".")
    return sentence


def test_certificates_that_can_be_served_with_are_no_news(tmp_path: Path) -> None:
    files = tls.self_signed(tmp_path, NOW)
    common = Settings(certificate=files.chain, certificate_key=files.key, client_ca=files.chain)
    assert tls.unusable(common) == ()
    assert tls.unusable(Settings(certificate=files.chain)) == ()


def test_a_pair_that_is_none_is_told(tmp_path: Path) -> None:
    for name in ("berlin", "paris"):
        (tmp_path / name).mkdir()
    one, other = (tls.self_signed(tmp_path / name, NOW) for name in ("berlin", "paris"))
    mixed = Merchant(certificate=one.chain, certificate_key=other.key)
    assert f"{one.chain} with {other.key} cannot be used (key values mismatch)" in _told(
        Settings(merchant={"mixed": mixed})
    )


def test_files_that_are_missing_or_something_else_are_told(tmp_path: Path) -> None:
    junk, none = tmp_path / "junk", tmp_path / "none"
    junk.write_text("junk")
    assert "(No such file or directory)" in _told(Settings(certificate=none, certificate_key=none))
    assert "(not PEM, or with a password)" in _told(Settings(certificate=junk, certificate_key=junk))
    assert f"client_ca {junk} cannot be used (no certificate" in _told(Settings(client_ca=junk))
    assert f"client_ca {none} cannot be used (No such file" in _told(Settings(client_ca=none))


def test_a_key_with_a_password_is_told_instead_of_asking_for_it(tmp_path: Path) -> None:
    files = tls.self_signed(tmp_path, NOW)
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"password")
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    )
    told = _told(Settings(certificate=files.chain, certificate_key=files.key))
    assert "(not PEM, or with a password)" in told
