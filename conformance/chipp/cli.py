"""The command line: `python -m conformance.chipp URL --key KEY [options]`."""

import argparse
import asyncio
from collections.abc import Sequence

import conformance.chipp.checks  # noqa: F401 - registers the checks
from conformance import report
from conformance.chipp.inputs import Inputs
from conformance.chipp.run import run
from conformance.cli import conclude, tell
from conformance.registry import checks_for


def main(arguments: Sequence[str] | None = None) -> int:
    """0: nothing failed; 1: a check failed."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    options["only"] = frozenset(options["only"])
    if options.pop("list"):
        print("\n".join(report.catalogue(checks_for("chipp", options["only"]))))
        return 0
    if not (options["url"] and options["key"]):
        parser.error("the address of an application and a key of it are needed")
    if options["only"] and not checks_for("chipp", options["only"]):
        parser.error(f"no check is called {', '.join(sorted(options['only']))}")
    results = asyncio.run(run(Inputs(**options), tell))
    return conclude(results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.chipp",
        description="Check an application that speaks Chipp's ACP over HTTP, from outside.",
    )
    add = parser.add_argument
    add("url", nargs="?", default="", help="the application's address: https://host/acp/<id>")
    add("--key", default="", help="an API key of the application")
    add("--other-key", default="", help="an API key of another application")
    add("--only", action="append", default=[], metavar="NAME", help="one check; again for more")
    add("--list", action="store_true", help="print the checks and stop")
    add("--strict", action="store_true", help="what is only recommended fails too")
    add("--product", default="", help="one that a person fulfils; the first of them otherwise")
    add("--automatic-product", default="", help="one whose tools do their work")
    add("--failing-product", default="", help="one whose tools all fail")
    add("--sold-out-product", default="", help="one that cannot be had")
    add("--expired-session", default="", help="a session that was left open for an hour")
    add("--hook-port", type=int, default=0, help="where on this machine the application sends events")
    add("--hook-secret", default="", help="what it signs them with")
    add("--insecure", action="store_true", help="accept any certificate")
    add("--event-wait", dest="event_wait_s", type=float, default=10.0, metavar="SECONDS")
    return parser
