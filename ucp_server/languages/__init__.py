"""The languages that buyers are spoken to in: texts, amounts, dates and countries as people write them."""

from ucp_server.languages.choosing import choose, named
from ucp_server.languages.language import ENGLISH, LANGUAGES, Language, message

__all__ = ["ENGLISH", "LANGUAGES", "Language", "choose", "message", "named"]
