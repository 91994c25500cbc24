"""Cards that a merchant's customers keep with its payment provider, to pay with them later."""

from typing import Final

from msgspec.structs import replace

from ucp_server.domain.errors import MethodNotFound, VaultUnavailable
from ucp_server.domain.submission import StoredMethod
from ucp_server.engine.commits import commit
from ucp_server.engine.faults import fault_point
from ucp_server.engine.setup import Setup
from ucp_server.engine.vaulting import References, forget_card, keep_card
from ucp_server.ports import Credential
from ucp_server.store.database import Read, Tx, read, statement
from ucp_server.store.ids import is_id, new_id
from ucp_server.store.stored_methods import (
    MethodRow,
    delete_method,
    insert_method,
    list_methods,
    load_method,
    load_method_of_key,
    set_state,
)

# More cards than anybody has; the oldest of an owner that has more are the ones shown.
LISTED_MAX: Final = 100


class StoredMethods:
    """``owner`` is a customer in the merchant's own words; a foreign method is an unknown one."""

    def __init__(self, setup: Setup, secret: bytes) -> None:
        self._setup = setup
        self._references = References(secret)

    async def add(
        self, merchant_id: str, owner: str, card: Credential, alias: str | None, key: str
    ) -> StoredMethod:
        """Have ``card`` kept and remember its reference; the same ``key`` twice is one method.

        Raises CardDeclined, VaultUnavailable, StoreUnavailable.
        """
        async with read(self._setup.pool) as db:
            earlier = await load_method_of_key(db, merchant_id, owner, key)
        if earlier is not None:
            return earlier.method
        kept = await keep_card(self._setup, merchant_id, card, f"{owner}/{key}", alias=alias)
        method = StoredMethod(
            id=new_id(),
            merchant_id=merchant_id,
            owner=owner,
            handler_id=kept.handler_id,
            display=kept.display,
            state="active",
            created_at=self._setup.clock.now(),
        )
        sealed = self._references.close(merchant_id, method.id, kept.reference)
        await fault_point("method.before_commit")
        row = await self._insert(MethodRow(method, sealed), key)
        await fault_point("method.committed")
        return row.method

    async def _insert(self, row: MethodRow, key: str) -> MethodRow:
        method = row.method

        async def write(tx: Tx) -> MethodRow:
            return await insert_method(tx, row, key)

        async def was_written(db: Read) -> MethodRow | None:
            return await load_method_of_key(db, method.merchant_id, method.owner, key)

        return await commit(
            self._setup.pool,
            write,
            was_written,
            certain_within_s=self._setup.timings.certainty_within_s,
        )

    async def listed(self, merchant_id: str, owner: str) -> list[StoredMethod]:
        """All that are not deleted, inactive ones too, oldest first; at most `LISTED_MAX`."""
        async with read(self._setup.pool) as db:
            return await list_methods(db, merchant_id, owner, LISTED_MAX)

    async def find(self, merchant_id: str, owner: str, method_id: str) -> StoredMethod:
        """Raises MethodNotFound, also for a deleted one."""
        return (await self._load(merchant_id, owner, method_id)).method

    async def payable(self, merchant_id: str, owner: str, method_id: str) -> tuple[StoredMethod, str]:
        """An active method and its reference, for whoever pays now. Raises MethodNotFound."""
        row = await self._load(merchant_id, owner, method_id)
        reference = self._references.open_if_whole(merchant_id, row.method.id, _whole(row))
        if row.method.state != "active" or reference is None:
            raise MethodNotFound
        return row.method, reference

    async def set_active(
        self, merchant_id: str, owner: str, method_id: str, *, is_active: bool
    ) -> StoredMethod:
        """An inactive method is listed and does not pay. Raises MethodNotFound."""
        method = await self.find(merchant_id, owner, method_id)
        wanted = replace(method, state="active" if is_active else "inactive")
        async with statement(self._setup.pool) as tx:
            changed = await set_state(tx, wanted)
        if changed is None:
            raise MethodNotFound
        return changed

    async def delete(self, merchant_id: str, owner: str, method_id: str) -> StoredMethod:
        """Have the provider forget the card, then forget where it was; returns what was deleted.

        In this order a death in between leaves a method that can be deleted again, never a card
        that nobody knows of. Raises MethodNotFound, VaultUnavailable.
        """
        row = await self._load(merchant_id, owner, method_id)
        reference = self._references.open_if_whole(merchant_id, row.method.id, _whole(row))
        if reference is not None and not await forget_card(
            self._setup, merchant_id, row.method.handler_id, reference
        ):
            raise VaultUnavailable
        await fault_point("method.before_delete")
        async with statement(self._setup.pool) as tx:
            await delete_method(tx, row.method)
        await fault_point("method.deleted")
        return replace(row.method, state="deleted")

    async def _load(self, merchant_id: str, owner: str, method_id: str) -> MethodRow:
        if not is_id(method_id):
            raise MethodNotFound
        async with read(self._setup.pool) as db:
            row = await load_method(db, merchant_id, owner, method_id)
        if row is None or row.method.state == "deleted":
            raise MethodNotFound
        return row


def _whole(row: MethodRow) -> bytes:
    assert row.reference_sealed is not None, "the schema keeps it until the method is deleted"
    return row.reference_sealed
