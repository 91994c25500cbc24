"""The last lines of the start: where the shop is, what is relaxed, what to try."""

import csv
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from ucp_server import hosting, resources
from ucp_server.config import Settings
from ucp_server.modes import Mode, sentences
from ucp_server.supervisor.progress import Progress
from ucp_server.supervisor.roles import Role

RELEASE = "2026-08-25"
PROFILE = "https://platform.example/profile"


def version() -> str:
    return metadata.version("ucp-server")


def processes(roles: Sequence[Role]) -> str:
    public = sum(role is Role.PUBLIC for role in roles)
    return f"{public} for HTTP, {len(roles) - public} for jobs" if public else "1 for jobs"


def ready(settings: Settings, progress: Progress) -> None:
    """Say that the server serves, and where."""
    progress.say(f"Ready after {progress.elapsed_s:.1f} s. Ctrl-C stops it.")
    progress.say()
    for label, text in _addresses(settings):
        progress.note(label, text)
    _say_relaxed(settings, progress)
    if settings.mode is Mode.DEMO and settings.http_port:
        _say_what_to_try(settings, progress)


def _addresses(settings: Settings) -> list[tuple[str, str]]:
    found = []
    if settings.port:
        found.append(("shop", _url("https", settings.host, settings.port)))
    if settings.http_port:
        found.append(("plain http", _url("http", settings.http_host, settings.http_port)))
    if settings.http_socket:
        found.append(("plain http", f"unix:{settings.http_socket}"))
    if settings.hosted_port:
        found.append(("card fields", hosting.site_of(settings)))
        mail = hosting.mail_paths(settings).values()
        found += [("mail", f"{hosting.site_of(settings)}{path}/") for path in mail]
    if settings.admin_port:
        found.append(("operations", _url("http", settings.admin_host, settings.admin_port) + "/metrics"))
    if settings.relaxed.makes_certificate and settings.port and settings.certificate:
        found.append(("certificate", f"{settings.certificate} (self-signed)"))
    return found


def _url(scheme: str, host: str, port: int) -> str:
    shown = {"127.0.0.1": "localhost", "::1": "localhost"}.get(host, host)
    return f"{scheme}://{f'[{shown}]' if ':' in shown else shown}:{port}"


def _say_relaxed(settings: Settings, progress: Progress) -> None:
    relaxed = sentences(settings.mode)
    if not relaxed:
        return
    progress.say()
    progress.say(f"For trying out only. In {settings.mode} mode, other than in production:")
    for sentence in relaxed:
        progress.say(f"  - {sentence}")


def _say_what_to_try(settings: Settings, progress: Progress) -> None:
    shop = _url("http", settings.http_host, settings.http_port)
    item = _first_item()
    progress.say()
    progress.say("Try, in another terminal:")
    progress.say(f"  curl -s {shop}/.well-known/ucp")
    for path, body in (
        ("catalog/search", '{"query":"smoky tea"}'),
        ("checkout-sessions", f'{{"line_items":[{{"item":{{"id":"{item}"}},"quantity":1}}]}}'),
    ):
        progress.say(f"  curl -s {shop}/ucp/{RELEASE}/{path} \\")
        progress.say(f"    -H 'UCP-Agent: profile=\"{PROFILE}\"' -H 'Content-Type: application/json' \\")
        progress.say(f"    -d '{body}'")
    progress.say(f"  {_own_command()} buy {shop} --item {item}")


def _own_command() -> str:
    """As it was called, since a virtual environment's commands are rarely on the PATH."""
    called = Path(sys.argv[0])
    return sys.argv[0] if called.name == "ucp-server" else "ucp-server"


def _first_item() -> str:
    """The first item of the shop that ships with us."""
    with (resources.folder("demo_shop") / "products.csv").open(newline="") as file:
        return next(csv.DictReader(file))["id"]
