"""Whether a caller holds a key of the app that it asks: ``Authorization: Bearer acp_...``."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from ucp_server.chipp.ids import decode_id
from ucp_server.chipp.refusals import AppNotFound, Forbidden, Unauthenticated
from ucp_server.store.apps import App, app_of_key, find_app
from ucp_server.store.credentials import secret_hash
from ucp_server.store.database import Pool, Read, read

_SCHEME: Final = "bearer"
_PREFIX: Final = "acp_"


@dataclass(frozen=True, slots=True)
class Authentication:
    """Apps and their keys, of those ``merchants`` that are served."""

    pool: Pool
    merchants: Collection[str]

    async def admit(self, app_id: str, authorization: str | None) -> App:
        """The app, for a holder of its key. Raises `Unauthenticated`, `Forbidden`, `AppNotFound`."""
        secret = _secret(authorization)
        async with read(self.pool) as db:
            opened = await app_of_key(db, tuple(self.merchants), secret_hash(secret))
            if opened is None:
                raise Unauthenticated("Invalid API key")
            if opened != decode_id(app_id):
                raise Forbidden
            return await self._find(db, opened)

    async def find(self, app_id: str) -> App:
        """The app, for anybody. Raises `AppNotFound`."""
        id_ = decode_id(app_id)
        if id_ is None:
            raise AppNotFound
        async with read(self.pool) as db:
            return await self._find(db, id_)

    async def _find(self, db: Read, id_: str) -> App:
        app = await find_app(db, id_)
        if app is None or app.merchant_id not in self.merchants:
            raise AppNotFound
        return app


def _secret(authorization: str | None) -> str:
    if authorization is None:
        raise Unauthenticated("Missing Authorization header")
    scheme, _, secret = authorization.strip().partition(" ")
    secret = secret.strip()
    if scheme.lower() != _SCHEME or not secret.startswith(_PREFIX):
        raise Unauthenticated("Invalid API key format: Bearer acp_... is needed")
    return secret
