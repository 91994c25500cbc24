"""Templates and contexts belong together: each name in a template is a member, each member is shown."""

import types
import typing
from collections.abc import Iterator
from hashlib import sha256

import jinja2
import msgspec
import pytest
from jinja2 import nodes

from ucp_server.pages.rendering import ASSET_REPLIES, TEMPLATE_OF, templates

TEMPLATES = templates("en")

Used = set[tuple[type, str]]
Scope = dict[str, type]


def inner(kind: object) -> type | None:
    """The struct, or the element of a tuple, that an annotation is about."""
    if typing.get_origin(kind) is tuple:
        return typing.get_args(kind)[0]
    if isinstance(kind, types.UnionType):
        return next(part for part in typing.get_args(kind) if part is not types.NoneType)
    return kind if isinstance(kind, type) else None


# What a template says in the language of the page.
SAYING = {"_", "gettext", "ngettext"}


class Reader:
    """Follows a template through its parents and includes, and notes which members it reads."""

    def __init__(self) -> None:
        self.used: Used = set()

    def template(self, name: str, scope: Scope) -> None:
        source, _, _ = TEMPLATES.loader.get_source(TEMPLATES, name)
        self.walk(TEMPLATES.parse(source), scope)

    def walk(self, node: nodes.Node, scope: Scope) -> None:
        match node:
            case (
                nodes.Extends(template=nodes.Const(value=name))
                | nodes.Include(template=nodes.Const(value=name))
            ):
                self.template(name, scope)
            case nodes.For(target=nodes.Name(name=target), iter=listed, body=body, else_=other):
                within = scope | {target: self.type_of(listed, scope)}
                for child in (*body, *other):
                    self.walk(child, within)
            case nodes.Call(node=nodes.Name(name=called)) if called in SAYING:
                for child in (*node.args, *node.kwargs):
                    self.walk(child, scope)
            case nodes.Call(node=nodes.Name(name="options"), args=[choices]):
                self.template("options.html", {"choices": self.type_of(choices, scope)})
            case nodes.Getattr() | nodes.Name():
                self.type_of(node, scope)
            case _:
                for child in node.iter_child_nodes():
                    self.walk(child, scope)

    def type_of(self, node: nodes.Node, scope: Scope) -> type:
        if isinstance(node, nodes.Name):
            assert node.name in scope, f"nobody hands in {node.name}"
            return scope[node.name]
        assert isinstance(node, nodes.Getattr), f"too clever to be followed: {node}"
        owner = self.type_of(node.node, scope)
        hints = typing.get_type_hints(owner)
        assert node.attr in hints, f"{owner.__name__} has no {node.attr}"
        self.used.add((owner, node.attr))
        found = inner(hints[node.attr])
        assert found is not None
        return found


def members(kind: type, seen: set[type]) -> Iterator[tuple[type, str]]:
    if kind in seen or not issubclass(kind, msgspec.Struct):
        return
    seen.add(kind)
    for name, hint in typing.get_type_hints(kind).items():
        yield kind, name
        part = inner(hint)
        if part is not None:
            yield from members(part, seen)


# What pages know and do not show: by whom a request is answered, and what orders the links.
UNSHOWN = {
    ("Shop", "merchant_id"),
    ("Shop", "origin"),
    ("Shop", "required"),
    ("Shop", "country"),
    ("Shop", "chosen_language"),
    ("Shop", "own_language"),
    ("Shop", "seller"),
    ("Link", "type"),
}


@pytest.mark.parametrize(("page", "template"), TEMPLATE_OF.items(), ids=str)
def test_a_template_shows_its_context_and_nothing_else(page: type, template: str):
    reader = Reader()
    reader.template(template, {"page": page})
    unused = {(kind.__name__, name) for kind, name in members(page, set())} - {
        (kind.__name__, name) for kind, name in reader.used
    }
    assert unused == UNSHOWN


def test_no_template_is_without_a_use():
    reader = Reader()
    loaded = []
    real = reader.template

    def noting(name: str, scope: Scope) -> None:
        loaded.append(name)
        real(name, scope)

    reader.template = noting
    for page, name in TEMPLATE_OF.items():
        reader.template(name, {"page": page})
    assert set(TEMPLATES.list_templates()) == set(loaded)


def test_everything_is_escaped_and_nothing_is_forgotten():
    assert TEMPLATES.autoescape is True
    assert TEMPLATES.undefined is jinja2.StrictUndefined
    for name in TEMPLATES.list_templates():
        source, _, _ = TEMPLATES.loader.get_source(TEMPLATES, name)
        tree = TEMPLATES.parse(source)
        used = {node.name for node in tree.find_all(nodes.Filter)}
        assert not used & {"safe", "forceescape"}, name
        assert not list(tree.find_all(nodes.MarkSafe)), name


@pytest.mark.parametrize("word", ["<script>", "style=", " onclick", "javascript:", "http://", "https://"])
def test_no_template_carries_what_the_policy_forbids(word: str):
    for name in TEMPLATES.list_templates():
        source, _, _ = TEMPLATES.loader.get_source(TEMPLATES, name)
        assert word not in source.lower(), name


def test_assets_are_small_and_named_by_their_content():
    style, shop_style, script, icon, speech = ASSET_REPLIES.values()
    assert len(style.body) < 20_000
    assert len(shop_style.body) < 15_000
    assert len(script.body) < 10_240
    assert len(speech.body) < 12_000
    assert len(icon.body) < 1_000
    for sheet in (style.body, shop_style.body):
        assert b"url(" not in sheet
        assert b"@import" not in sheet
    for path, reply in ASSET_REPLIES.items():
        assert sha256(reply.body).hexdigest()[:12] in path
        assert reply.header(b"cache-control") == b"public, max-age=31536000, immutable"
        assert reply.header(b"x-content-type-options") == b"nosniff"


def test_assets_leave_out_what_is_for_readers_and_nothing_else():
    style, shop_style, script, icon, speech = (reply.body.decode() for reply in ASSET_REPLIES.values())
    for sheet in (style, shop_style):
        assert sheet.startswith((":root {", "."))
        assert "/*" not in sheet
    for code in (script, speech):
        lines = code.splitlines()
        assert not [line for line in lines if line.startswith(("//", "/*", "*", " ")) or not line]
    assert "export function swap" in script
    assert icon.startswith("<svg")
