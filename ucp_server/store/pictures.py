"""Pictures that came with the shop's tables."""

import re
from typing import Final

import msgspec

from ucp_server.store.database import Read

# Such a path means the same in a folder and in a URL, and one route serves them all.
PICTURE_PATH: Final = re.compile(r"pictures/[A-Za-z0-9_][A-Za-z0-9._/-]{0,240}", re.ASCII)

LOAD_PICTURE: Final = "select media_type, content from pictures where merchant_id = $1 and path = $2"


class Picture(msgspec.Struct, frozen=True):
    """``content`` may be SVG of a merchant: serve it where no script can run."""

    media_type: str
    content: bytes


async def load_picture(db: Read, merchant_id: str, path: str) -> Picture | None:
    if not PICTURE_PATH.fullmatch(path):
        return None
    row = await db.fetchrow(LOAD_PICTURE, merchant_id, path)
    return Picture(*row) if row is not None else None
