"""The command line: `python -m conformance.c2a URL --tenant T --key K [options]`."""

import argparse
import asyncio
from collections.abc import Sequence

from conformance import report
from conformance.c2a.inputs import Inputs
from conformance.c2a.run import DIALECT, run
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
    if not (options["url"] and options["tenant"] and options["key"]):
        parser.error("the URL of a server, a tenant and its key are needed")
    results = asyncio.run(run(Inputs(only=only, **options), tell))
    return conclude(results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.c2a", description="Check a C2A server over HTTP, from outside."
    )
    add = parser.add_argument
    add("url", nargs="?", default="", help="what /api/v1/c2a is appended to")
    add("--tenant", default="", help="the UUID of the tenant (x-tn)")
    add("--key", default="", help="a key of the tenant (x-api-key)")
    add("--customer", default="conformance-customer", help="a customer of the tenant (customerUrn)")
    add("--item", default="", help="an itemIdentifier to order; the first of an offer otherwise")
    add("--other-tenant", default="", help="another tenant")
    add("--other-key", default="", help="a key of that one")
    add("--promotion-code", default="", help="a code that the shop knows")
    add("--storefront", default="", help="a storefront that the shop knows")
    add("--good-card", default="", help="a test card number that pays")
    add("--declined-card", default="", help="one that is declined when it is charged")
    add("--challenged-card", default="", help="one that asks for a challenge")
    add("--refused-card", default="", help="one that the vault does not take")
    add("--only", action="append", default=[], metavar="NAME", help="a group or one check; again for more")
    add("--list", action="store_true", help="print the checks and stop")
    add("--strict", action="store_true", help="what is only recommended fails too")
    add("--insecure", action="store_true", help="accept any certificate")
    return parser
