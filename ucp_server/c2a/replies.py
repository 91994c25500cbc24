"""Replies in the media type and with the headers of the published pages."""

from typing import Any, Final

import msgspec

from ucp_server.asgi.reply import Header, Reply

Wire = dict[str, Any]

# In this spelling (reply type of the developer pages); media types have no letter case.
CLIENT_OUTPUT: Final[Header] = (b"content-type", b"application/clientOutput+Json")
SUCCESS: Final[Wire] = {"messageCode": "SUCCESS"}


def client_output(status: int, document: Wire, *headers: Header) -> Reply:
    return Reply(status, msgspec.json.encode(document), (CLIENT_OUTPUT, *headers))
