"""The shapes of a release's documents as JSON Schema, in our own words: one folder per release.

A document that is as it was in the release before is in that one's folder.

They hold what the schemas of the release demand of a reply: members, types, enums. Whatever a
sentence of the specification demands beyond that is a check of its own.
"""

from functools import cache
from importlib.resources import files

import msgspec
from jsonschema import Draft202012Validator, FormatChecker

from conformance.registry import Wire

# Enough to see what is wrong; a broken list would repeat itself for every element.
SHOWN_MAX = 4
BEFORE = {"2026-01-23": "2026-01-11", "2026-04-08": "2026-01-23", "2026-08-25": "2026-04-08"}


@cache
def validator(release: str, document: str) -> Draft202012Validator:
    """The compiled shape of a document: profile, checkout, order_event, cart, catalog, ...

    An order has one shape since 2026-04-08, told or read; a transport error, a cart and a catalog's
    reply exist since then.
    """
    file = files(__name__) / release / f"{document}.json"
    if not file.is_file():
        return validator(BEFORE[release], document)
    raw = file.read_bytes()
    schema = msgspec.json.decode(raw, type=dict)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


def violations(release: str, document: str, value: Wire) -> str:
    """What is wrong with the value, empty when it has the shape."""
    errors = sorted(validator(release, document).iter_errors(value), key=lambda each: each.json_path)
    shown = [f"{each.json_path}: {each.message[:160]}" for each in errors[:SHOWN_MAX]]
    more = [f"and {len(errors) - SHOWN_MAX} more"] if len(errors) > SHOWN_MAX else []
    return "; ".join(shown + more)
