"""Mail into a folder, one file each: for a demo shop, and for tests that want to read it."""

from ucp_server.handlers.mail_folder.folder import FolderMail

__all__ = ["FolderMail"]
