"""The pictures that a shop's tables name by a path inside their folder."""

from pathlib import Path
from typing import Final

import msgspec

from ucp_server.domain.catalog import is_absolute
from ucp_server.store.csv_rows import CellError
from ucp_server.store.pictures import PICTURE_PATH

# As the pages can show them; a picture is one small file, not a photo archive.
PICTURE_TYPES: Final = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".avif": "image/avif",
}
PICTURE_BYTES_MAX: Final = 1024 * 1024
# All are in memory until they are written; a shop that has more keeps them where it can name URLs.
PICTURES_BYTES_MAX: Final = 512 * 1024 * 1024


class PictureFile(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    media_type: str
    content: bytes


class PictureFiles:
    """The files of ``folder`` that were named, each read once; URLs are nobody's file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self.found: dict[str, PictureFile] = {}
        self._bytes_left = PICTURES_BYTES_MAX

    def named(self, column: str, url: str | None) -> str | None:
        """``url`` as it is. Raises `CellError` where it is neither absolute nor a picture here."""
        if url is None or is_absolute(url) or url in self.found:
            return url
        if not PICTURE_PATH.fullmatch(url):
            raise CellError(f"{column} is neither a URL nor a plain path under pictures/: {url[:80]}")
        path = (self._folder / url).resolve()
        media_type = PICTURE_TYPES.get(path.suffix.lower())
        if media_type is None:
            raise CellError(f"{column} is none of {', '.join(PICTURE_TYPES)}: {url}")
        if not path.is_relative_to(self._folder) or not path.is_file():
            raise CellError(f"{column} names no file in the folder: {url}")
        size = path.stat().st_size
        if size > PICTURE_BYTES_MAX:
            raise CellError(f"{column} is larger than {PICTURE_BYTES_MAX} bytes: {url}")
        if size > self._bytes_left:
            raise CellError(f"{column}: all pictures are larger than {PICTURES_BYTES_MAX} bytes: {url}")
        self._bytes_left -= size
        self.found[url] = PictureFile(path=url, media_type=media_type, content=path.read_bytes())
        return url
