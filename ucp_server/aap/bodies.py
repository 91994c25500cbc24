"""Bodies of requests: JSON, of their form, with everything that must be there."""

from dataclasses import dataclass
from typing import Any

from ucp_server.aap.refusals import BadRequest
from ucp_server.aap.schema import Schemas
from ucp_server.asgi.documents import BadDocument, decode

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bodies:
    """Reads bodies by the name of their form."""

    schemas: Schemas

    def read(self, form: str, raw: bytes) -> Wire:
        """The body in ``raw``. Raises `BadRequest`."""
        document = parse(raw)
        self.check(form, document)
        return document

    def check(self, form: str, document: Wire) -> None:
        """Raises `BadRequest`; for what lacks, or is empty, in the words of the published page."""
        required: list[str] = self.schemas.document(form).get("required", [])
        if not all(_is_given(document.get(name)) for name in required):
            raise BadRequest(required_text(required))
        violations = self.schemas[form].check(document)
        if violations:
            raise BadRequest(f"{violations[0].path} {violations[0].text}")


def parse(raw: bytes) -> Wire:
    """No body at all is an object of nothing, and a member that is null is none."""
    try:
        document = decode(raw or b"{}")
    except BadDocument as error:
        raise BadRequest(error.text) from error
    return {name: value for name, value in document.items() if value is not None}


def _is_given(value: Any) -> bool:
    return value is not None and value != ""


def required_text(names: list[str]) -> str:
    """``sessionId and recommendationId are required``."""
    if len(names) == 1:
        return f"{names[0]} is required"
    return f"{', '.join(names[:-1])} and {names[-1]} are required"
