"""Where settings come from, and what is said when one of them cannot be used.

Later sources win: the mode's defaults, the TOML file, ``UCP_SERVER_*``, the command line.
"""

import ipaddress
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from ucp_server import resources
from ucp_server.config import ConfigError, Link, Merchant, Name, Platform, Secret, Settings, Table, as_is
from ucp_server.modes import Mode

ENVIRONMENT_PREFIX = "UCP_SERVER_"
# Names the file itself; the command line reads it.
CONFIG_VARIABLE = "UCP_SERVER_CONFIG"

_TABLES: dict[str, type[Table]] = {"merchant": Merchant, "platform": Platform}
_FOR_LOCAL_USE: dict[str, object] = {"http_port": 8080, "unlisted_platforms": "open"}
_MODE_DEFAULTS: dict[Mode, dict[str, object]] = {
    Mode.PRODUCTION: {},
    Mode.DEMO: _FOR_LOCAL_USE,
    Mode.SUITE: _FOR_LOCAL_USE,
}
# Without a merchant table the modes for local use serve one shop under every host. Neither asks who
# buys, so that the two requests of the protocol's own page are a purchase.
LOCAL_MERCHANTS = {
    Mode.DEMO: Merchant(
        title="Kiosk & Kettle",
        storefront_url="https://kiosk-and-kettle.example/",
        links=(
            Link(type="privacy_policy", title="Privacy", url="https://kiosk-and-kettle.example/privacy"),
            Link(type="terms_of_service", title="Terms", url="https://kiosk-and-kettle.example/terms"),
            Link(type="contact", title="Contact", url="https://kiosk-and-kettle.example/contact"),
        ),
        seller=("Kiosk & Kettle GmbH", "Beispielstraße 12", "13347 Berlin", "DE 000 000 000"),
        currency="EUR",
        tax="included",
        home_country="DE",
        required_buyer_fields=(),
        remembers_addresses=True,
        escalate_above_minor=50_000,
        tenant="5b0c2d4e-6f70-4a81-9b2c-3d4e5f607182",
    ),
    # The official suite sends countries for addresses and expects former ones back.
    Mode.SUITE: Merchant(
        title="Flower Shop",
        required_buyer_fields=(),
        remembers_addresses=True,
        complete_addresses=False,
    ),
}


def read(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, object] | None = None,
) -> Settings:
    """The settings of a process. ``options`` are the command line's, None where not given.

    Raises ConfigError, whose text names the source (file, variable or option) and the setting.
    """
    environment = os.environ if environment is None else environment
    given = {name: value for name, value in (options or {}).items() if value is not None}
    values: dict[str, object] = {}
    if file is not None:
        values |= _from_file(file, environment)
    values |= _from_environment(environment)
    values |= {name: _converted(name, value, _option(name), environment) for name, value in given.items()}
    mode = Mode(str(values.get("mode", Mode.PRODUCTION)))
    values = _MODE_DEFAULTS[mode] | values
    return _completed(msgspec.convert(values, Settings, dec_hook=as_is))


def _completed(settings: Settings) -> Settings:
    """Fill in what depends on the machine or on other settings, and check what spans several."""
    changes: dict[str, object] = {}
    if settings.workers == 0:
        changes["workers"] = os.cpu_count() or 1
    if not settings.merchant and settings.relaxed.public_url_follows_request:
        changes["merchant"] = {settings.mode.value: LOCAL_MERCHANTS[settings.mode]}
    if settings.mode is Mode.DEMO and not settings.merchant and settings.import_dir is None:
        changes["import_dir"] = resources.folder("demo_shop")
    if settings.data_dir is None and settings.relaxed.makes_secret:
        changes["data_dir"] = default_data_dir(settings.mode)
    for network in settings.trusted_proxies:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise ConfigError("settings", "trusted_proxies", str(error)) from error
    return msgspec.structs.replace(settings, **changes)


def default_data_dir(mode: Mode) -> Path:
    """Where data lies unless told: the system's folder for root, else the user's (XDG)."""
    if os.geteuid() == 0:
        return Path("/var/lib/ucp-server") / mode.value
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "ucp-server" / mode.value


# --- sources ---


def _from_file(file: Path, environment: Mapping[str, str]) -> dict[str, object]:
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(str(file), "", error.strerror or str(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), "", f"is not TOML: {error}") from error
    hook = _hook(file.resolve().parent, environment)
    tables = {name: document.pop(name, {}) for name in _TABLES}
    values = _convert_table(document, Settings, str(file), "", hook)
    return values | {
        kind: dict(_named_tables(kind, tables[kind], str(file), hook)) for kind in _TABLES if tables[kind]
    }


def _named_tables(kind: str, tables: object, source: str, hook: "_Hook") -> Iterator[tuple[str, Table]]:
    if not isinstance(tables, dict):
        raise ConfigError(source, kind, f"is a table of tables: [{kind}.<name>]")
    for name, table in tables.items():
        path = f"{kind}.{name}"
        try:
            msgspec.convert(name, Name)
            yield name, msgspec.convert(table, _TABLES[kind], dec_hook=hook)
        except msgspec.ValidationError as error:
            raise _explained(source, path, error) from error


def _convert_table(
    document: dict[str, object], kind: type[Table], source: str, path: str, hook: "_Hook"
) -> dict[str, object]:
    """The members that are there, typed; absent ones stay absent so that other sources count."""
    try:
        checked = msgspec.convert(document, kind, dec_hook=hook)
    except msgspec.ValidationError as error:
        raise _explained(source, path, error) from error
    return {name: getattr(checked, name) for name in document}


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    """``UCP_SERVER_PORT=8443``; lists are separated by commas; tables are the file's alone."""
    values: dict[str, object] = {}
    for variable, text in environment.items():
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_VARIABLE:
            continue
        if name in _TABLES or name not in Settings.__struct_fields__:
            raise ConfigError(variable, "", "is no setting that can stand in the environment")
        split = text.split(",") if name == "trusted_proxies" else text
        values[name] = _converted(name, split, variable, environment)
    return values


def _converted(name: str, value: object, source: str, environment: Mapping[str, str]) -> object:
    (field,) = (f for f in msgspec.structs.fields(Settings) if f.name == name)
    hook = _hook(Path.cwd(), environment)
    try:
        return msgspec.convert(value, field.type, strict=False, dec_hook=hook)
    except msgspec.ValidationError as error:
        raise _explained(source, "", error) from error


def _option(name: str) -> str:
    return f"--{name.removesuffix('_dir') if name == 'import_dir' else name}".replace("_", "-")


_Hook = Callable[[type, object], object]


def _hook(folder: Path, environment: Mapping[str, str]) -> _Hook:
    """Paths count from where the setting stands; secrets may stand elsewhere."""

    def decode(kind: type, value: object) -> object:
        if kind is Path and isinstance(value, Path):
            return folder / value.expanduser()
        if isinstance(value, kind):
            return value
        if not isinstance(value, str):
            raise ValueError(f"Expected `str`, got `{type(value).__name__}`")  # noqa: TRY004  msgspec turns it into its own
        if kind is Path:
            return folder / Path(value).expanduser()
        return Secret(_secret_text(value, folder, environment))

    return decode


def _secret_text(value: str, folder: Path, environment: Mapping[str, str]) -> str:
    where, _, rest = value.partition(":")
    if where == "env":
        if rest not in environment:
            raise ValueError(f"the environment has no {rest}")
        return environment[rest]
    if where == "file":
        try:
            return (folder / rest).read_text("utf-8").strip()
        except OSError as error:
            raise ValueError(f"{rest} cannot be read: {error.strerror}") from error
    return value


def _explained(source: str, path: str, error: msgspec.ValidationError) -> ConfigError:
    """Turn msgspec's ``reason - at `$.port` `` into our order: source, setting, reason."""
    reason, _, place = str(error).partition(" - at `$")
    inner = place.rstrip("`").lstrip(".")
    separator = "." if path and inner and not inner.startswith("[") else ""
    return ConfigError(source, f"{path}{separator}{inner}", reason)
