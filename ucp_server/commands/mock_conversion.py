"""``ucp-server mock-conversion``: the event that the lesson in ``examples/mock-conversion`` ends with."""

from pathlib import Path

import click

from ucp_server.aap.mock import artefact


@click.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; the terminal if left out.",
)
def mock_conversion(output: Path | None) -> None:
    """Write the made-up conversion event of the AAP lesson.

    It proves nothing: every id in it is a placeholder, and its link leads nowhere.
    """
    if output is None:
        click.echo(artefact(), nl=False)
    else:
        output.write_text(artefact(), encoding="utf-8")
