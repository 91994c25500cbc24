"""Our documents of the protocol: they compile, say what they are, and are laid out like all others."""

from pathlib import Path

import msgspec
import pytest

from tests.aap.conftest import SCHEMAS
from tests.ucp.schema_layout import laid_out
from ucp_server.aap.rest import ROWS
from ucp_server.asgi.checker import DIALECT
from ucp_server.resources import folder

PATHS = sorted((folder("schemas") / "aap").glob("*.json"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_document_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    document = msgspec.json.decode(text)
    assert document["$schema"] == DIALECT
    assert document["$id"] == f"urn:ucp-server:aap:{path.stem}"
    assert document["description"].endswith(".")
    assert text == laid_out(document)


def test_every_reply_has_a_document() -> None:
    assert {row.reply for row in ROWS if row.reply} <= {path.stem for path in PATHS}


def test_a_document_is_whole_when_it_is_shown_to_others() -> None:
    shown = SCHEMAS.document("offers_reply")
    assert "$ref" not in str(shown)
    assert shown["properties"]["offers"]["items"]["properties"]["price"] == {"type": "number"}
