"""Ids on the wire: ULIDs of the same 128 bits as ours. Offers and merchants have names of their own."""

from ucp_server.store.ids import id_of_ulid


def read_id(ulid: str) -> str:
    """The id that a caller means, or "", which is nobody's: what is no ULID names nothing of ours."""
    return id_of_ulid(ulid) or ""
