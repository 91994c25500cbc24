"""``ucp-server``: one module per command in ``commands``, one line per command here."""

import importlib
import sys
from importlib import metadata

import click

# Command -> module and function; imported when it is called, since each needs other libraries.
COMMANDS = {
    "serve": "serve:serve",
    "worker": "serve:worker",
    "migrate": "migrate:migrate",
    "doctor": "doctor:doctor",
    "show-config": "show_config:show_config",
    "import": "import_shop:import_command",
    "buy": "buy:buy",
    "keys": "keys:keys",
    "credentials": "credentials:credentials",
    "orders": "orders:orders",
    "mock-conversion": "mock_conversion:mock_conversion",
}


class Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name].split(":")
        found: click.Command = getattr(importlib.import_module(f"ucp_server.commands.{module}"), function)
        return found


@click.command(
    cls=Lazy,
    epilog="To try it out: ucp-server serve --mode demo. For a shop of your own write a TOML file; "
    "ucp-server doctor --config FILE then says what is missing.",
)
@click.version_option(metadata.version("ucp-server"))
def main() -> None:
    """A checkout server for AI agents: UCP over REST, on Postgres."""


if __name__ == "__main__":
    sys.exit(main())
