import pytest

from ucp_server import issuing
from ucp_server.store.credentials import CredentialKind, load_credentials, load_principal, secret_hash
from ucp_server.store.database import Pool, read, statement

PLATFORM = CredentialKind.PLATFORM


@pytest.mark.parametrize("kind", list(CredentialKind))
def test_a_secret_has_its_form_and_is_never_made_twice(kind: CredentialKind) -> None:
    form = issuing.FORMS[kind]
    for is_trial, prefix in ((False, form.live), (True, form.trial)):
        made = {issuing.new_secret(kind, is_trial=is_trial) for _ in range(100)}
        assert len(made) == 100
        assert {(secret[: len(prefix)], len(secret)) for secret in made} == {
            (prefix, len(prefix) + form.length)
        }


def test_what_is_derived_follows_from_the_server_secret_alone() -> None:
    derived = {
        (kind, server): issuing.derived_secret(kind, server)
        for kind in CredentialKind
        for server in (b"a" * 64, b"b" * 64)
    }
    assert len(set(derived.values())) == len(derived)
    assert derived == {key: issuing.derived_secret(*key) for key in derived}


async def test_issued_again_a_secret_stays_as_it_is(pool: Pool) -> None:
    async def issue(secret: str) -> None:
        async with statement(pool) as tx:
            await issuing.issue(tx, PLATFORM, merchant_id="shop", platform_id="p", secret=secret, label="")

    await issue("one")
    await issue("one")
    async with read(pool) as db:
        assert len(await load_credentials(db, merchant_id="shop")) == 1
        hashed = secret_hash("one")
        assert await load_principal(db, merchant_id="shop", kind=PLATFORM, secret_hash=hashed) == "p"
        assert await load_principal(db, merchant_id="tea", kind=PLATFORM, secret_hash=hashed) is None
