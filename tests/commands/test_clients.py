"""Platforms that fetch tokens, let in, listed and shut out as an operator does it."""

from pathlib import Path

import msgspec
import pytest
from joserfc.jwk import ECKey

from tests.commands.test_credentials import Run, run
from ucp_server.engine.grants import Grants
from ucp_server.store.database import open_pool
from ucp_server.ucp.scopes import scopes_supported

__all__ = ("run",)

PROFILE = "https://agent.example/profile"
ORDER = "dev.ucp.shopping.order:read"


async def test_a_client_is_in_use_until_it_is_revoked(run: Run, database: str) -> None:
    issued = await run("credentials client", PROFILE, "--label", "trial")
    assert issued.exit_code == 0, issued.output
    told = dict(line.split(": ") for line in issued.stdout.splitlines())
    assert set(told) == {"client_id", "client_secret"}
    assert (told["client_secret"][:5], len(told["client_secret"])) == ("ucps_", 48)
    async with open_pool(database, size=2) as pool:
        client = await Grants(pool).find("paper", told["client_id"])
        assert client is not None
        assert (client.platform_id, client.scopes) == (PROFILE, scopes_supported())
        assert await Grants(pool).find("tea", told["client_id"]) is None

        (line,) = (await run("credentials list")).output.splitlines()
        assert line.startswith(told["client_id"])
        assert f"client  {PROFILE}  trial" in line
        assert told["client_secret"] not in line
        assert (await run("credentials revoke", told["client_id"], merchant="tea")).exit_code == 1
        revoked = await run("credentials revoke", told["client_id"])
        assert revoked.output == f"{told['client_id']} is revoked.\n"
        assert await Grants(pool).find("paper", told["client_id"]) is None
    assert "  revoked 2" in (await run("credentials list")).output


async def test_a_client_may_sign_and_may_do_less(run: Run, database: str, tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256")
    file = tmp_path / "keys.json"
    file.write_bytes(msgspec.json.encode({"keys": [key.as_dict(private=False)]}))
    issued = await run("credentials client", PROFILE, "--jwks", str(file), "--scope", ORDER)
    (line,) = issued.stdout.splitlines()
    async with open_pool(database, size=2) as pool:
        client = await Grants(pool).find("paper", line.removeprefix("client_id: "))
    assert client is not None
    assert (client.secret_hash, client.scopes) == (None, (ORDER,))
    assert client.jwks is not None
    assert msgspec.json.decode(client.jwks) == {"keys": [key.as_dict(private=False)]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no JWK set"),
        (b" " * 70_000, "too large"),
        (msgspec.json.encode({"keys": [ECKey.generate_key("P-256").as_dict(private=True)]}), "private"),
    ],
)
async def test_keys_that_cannot_be_used_are_refused(
    run: Run, tmp_path: Path, content: bytes, reason: str
) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(content)
    refused = await run("credentials client", PROFILE, "--jwks", str(file))
    assert (refused.exit_code, reason in refused.output) == (2, True)
    assert (await run("credentials list")).output == ""
