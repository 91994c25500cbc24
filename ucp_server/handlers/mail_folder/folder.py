"""`ports.Mail` as .eml files that any mail program opens, and `hosted.Hosted` to read them."""

import asyncio
import hashlib
import os
import re
import tempfile
from pathlib import Path

from ucp_server.handlers.mail_folder.viewer import application
from ucp_server.handlers.mail_smtp.envelope import sealed
from ucp_server.hosted import HostedApp, Site
from ucp_server.ports import MailMessage, MailUndelivered

# Of the message id, so that a person finds the mail to an order; the digest keeps it apart.
NAME_CHARS_MAX = 60
_UNSAFE = re.compile(r"[^A-Za-z0-9-]+")


class FolderMail:
    """One file per message id: a mail that is sent again replaces itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hosted(self, site: Site) -> HostedApp:
        """What lies in the folder, to be read."""
        return application(site, self._folder)

    async def send(self, message: MailMessage) -> None:
        """Write it whole or not at all; raises `MailUndelivered`."""
        content = sealed(message).content
        path = self._folder / _file_name(message.message_id)
        try:
            await asyncio.to_thread(_write, path, content)
        except OSError as exc:
            text = f"The mail folder cannot be written ({type(exc).__name__})."
            raise MailUndelivered(text, permanent=False) from exc


def _file_name(message_id: str) -> str:
    readable = _UNSAFE.sub("-", message_id.partition("@")[0]).strip("-")[:NAME_CHARS_MAX]
    digest = hashlib.sha256(message_id.encode()).hexdigest()[:12]
    return f"{readable}-{digest}.eml"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
