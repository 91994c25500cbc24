"""What our code and templates say to buyers, collected, and the catalogs brought up to it.

``python -m tests.languages.collecting`` adds what is new to each catalog, without a translation, and
takes out what nobody says any more. The tests beside it tell what is left to be translated.
"""

import ast
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import jinja2
from babel.messages.catalog import Catalog
from babel.messages.pofile import escape, read_po
from jinja2.ext import extract_from_ast

from ucp_server.languages import LANGUAGES

SERVER = Path(str(files("ucp_server")))
CATALOGS = SERVER / "languages" / "catalogs"
TRANSLATED = tuple(code for code in LANGUAGES if code != "en")

# A message, or its form for one and its form for many.
Id = str | tuple[str, str]


class NotCollectable(Exception):
    """A message that is put together where it is said: no catalog can know it."""


def collected() -> list[Id]:
    """Every message once, in the order of packages and lines."""
    found: dict[Id, None] = {}
    for path in sorted(SERVER.rglob("*.py")):
        source = path.read_text()
        if "ucp_server.languages" in source or "import languages" in source:
            found |= dict.fromkeys(said_in_code(source, path.name))
    for path in sorted(SERVER.rglob("templates/*")):
        found |= dict.fromkeys(said_in_template(path.read_text()))
    return list(found)


def said_in_code(source: str, name: str) -> Iterator[Id]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        match node.func:
            case ast.Name(id="message"):
                yield _constant(node.args[0], name)
            case ast.Attribute(attr="text"):
                yield from _told(node.args[0], name)
            case ast.Attribute(attr="count") if len(node.args) == 3:
                yield _constant(node.args[0], name), _constant(node.args[1], name)
            case _:
                pass


def _told(node: ast.expr, name: str) -> Iterator[str]:
    """A message, or the two that a condition chooses from; what comes from elsewhere is marked there."""
    match node:
        case ast.IfExp(body=one, orelse=other):
            yield from _told(one, name)
            yield from _told(other, name)
        case ast.Constant() | ast.JoinedStr() | ast.BinOp():
            yield _constant(node, name)
        case _:
            pass


def _constant(node: ast.expr, name: str) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise NotCollectable(f"{name}:{node.lineno}")


def said_in_template(source: str) -> Iterator[Id]:
    environment = jinja2.Environment(extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True)
    environment.newstyle_gettext = True  # type: ignore[attr-defined]  # of i18n
    for _, _, said in extract_from_ast(environment.parse(source)):
        texts = (said,) if isinstance(said, str) else tuple(text for text in said if text is not None)
        yield texts[0] if len(texts) == 1 else (texts[0], texts[1])


# --- catalogs ---


def catalog_of(code: str) -> Catalog:
    with (CATALOGS / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)


def written(code: str, ids: list[Id], known: Catalog) -> str:
    """The catalog of ``ids`` as a file; what is not ``known`` has no translation in it yet."""
    head = (
        f"Language: {code}\n"
        "MIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 8bit\n"
        f"Plural-Forms: {known.plural_forms}\n"
    )
    lines = ['msgid ""', 'msgstr ""', *(escape(line) for line in head.splitlines(keepends=True))]
    for id_ in ids:
        entry = known.get(id_)
        lines += ["", *_entry(id_, entry.string if entry else None, known.num_plurals)]
    return "\n".join(lines) + "\n"


def _entry(id_: Id, string: object, forms: int) -> Iterator[str]:
    if isinstance(id_, str):
        yield f"msgid {escape(id_)}"
        yield f"msgstr {escape(str(string or ''))}"
        return
    yield f"msgid {escape(id_[0])}"
    yield f"msgid_plural {escape(id_[1])}"
    told = tuple(string) if isinstance(string, tuple) else ("",) * forms
    for place, form in enumerate(told):
        yield f"msgstr[{place}] {escape(form)}"


if __name__ == "__main__":
    for language in TRANSLATED:
        (CATALOGS / f"{language}.po").write_text(written(language, collected(), catalog_of(language)))
