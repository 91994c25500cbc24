"""The command line: `python -m conformance.aap URL --agent-key K [options]`."""

import argparse
import asyncio
from collections.abc import Sequence

from conformance import report
from conformance.aap.inputs import Inputs
from conformance.aap.network import DIALECT
from conformance.aap.run import run
from conformance.cli import conclude, tell
from conformance.registry import checks_of


def main(arguments: Sequence[str] | None = None) -> int:
    """0: nothing failed; 1: a check failed."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    only = frozenset(options.pop("only"))
    if options.pop("list"):
        print("\n".join(report.catalogue(checks_of(DIALECT, only))))
        return 0
    if not (options["url"] and options["agent_key"]):
        parser.error("the URL of a server and the key of an agent are needed")
    results = asyncio.run(run(Inputs(only=only, **options), tell))
    return conclude(results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.aap", description="Check an AAP server over HTTP, from outside."
    )
    add = parser.add_argument
    add("url", nargs="?", default="", help="what /v1 is appended to")
    add("--agent-key", default="", help="a key of an agent")
    add("--other-agent-key", default="", help="a key of another agent")
    add("--merchant-key", default="", help="the key of a merchant that has offers")
    add("--source", default="", help="a registered source of evidence of that merchant")
    add("--source-secret", default="", help="what it signs with")
    add("--vertical", default="sim", help="where that merchant has offers")
    add("--provider", default="", help="whose offers are that merchant's, where there are others")
    add("--only", action="append", default=[], metavar="NAME", help="a group or one check; again for more")
    add("--list", action="store_true", help="print the checks and stop")
    add("--strict", action="store_true", help="what is only recommended fails too")
    add("--insecure", action="store_true", help="accept any certificate")
    return parser
