"""The command line: `python -m conformance URL [options]`."""

import argparse
import asyncio
from collections.abc import Sequence

import conformance.checks  # noqa: F401 - registers the checks
from conformance import report
from conformance.inputs import Inputs
from conformance.registry import checks_for
from conformance.run import Result, run
from conformance.shop import Unreachable

RELEASES = ("2026-01-11", "2026-01-23", "2026-04-08", "2026-08-25")
FAILED, NOTHING_TO_CHECK = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """0: nothing failed; 1: a check failed; 2: there was no shop of this release to check."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    if options.pop("list"):
        print("\n".join(report.catalogue(checks_for(options["release"], _only(options)))))
        return 0
    if not options["url"]:
        parser.error("the URL of a shop is needed")
    options["only"] = _only(options)
    options["headers"] = dict(_header(each) for each in options.pop("header"))
    inputs = Inputs(**options)
    if inputs.only and not checks_for(inputs.release, inputs.only):
        parser.error(f"no check is called {', '.join(sorted(inputs.only))}")
    try:
        results = asyncio.run(run(inputs, tell))
    except Unreachable as error:
        print(f"nothing to check: {error}")
        return NOTHING_TO_CHECK
    return conclude(results)


def tell(result: Result) -> None:
    """Print a result as it comes."""
    print(report.line(result), flush=True)


def conclude(results: list[Result]) -> int:
    """Print what failed and why, and how many did what; the exit code."""
    print("\n".join(report.details(results)))
    print(report.summary(results))
    return FAILED if any(each.verdict == "fail" for each in results) else 0


def _only(options: dict[str, object]) -> frozenset[str]:
    named = options["only"]
    return frozenset(named if isinstance(named, list | frozenset) else [])


def _header(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    return name.strip(), value.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description="Check a UCP business server over HTTP, from outside.",
    )
    add = parser.add_argument
    add("url", nargs="?", default="", help="the site whose /.well-known/ucp is read")
    add("--release", choices=RELEASES, default=RELEASES[0])
    add("--only", action="append", default=[], metavar="NAME", help="a group or one check; again for more")
    add("--list", action="store_true", help="print the checks and stop")
    add("--strict", action="store_true", help="what the release only recommends fails too")
    add("--item", default="", help="an item that can be bought and shipped")
    add("--second-item", default="", help="another one")
    add("--out-of-stock-item", default="", help="one that cannot be had")
    add("--escalation-item", default="", help="one that needs the buyer on the shop's page")
    add("--discount-code", default="", help="a code that makes --item cheaper")
    add("--claim", default="", help="what a buyer may claim to pay less for --item, without proof so far")
    add("--handler", default="", help="id of the payment handler; the checkout's first otherwise")
    add("--success-token", default="", help="a credential that pays, as often as needed")
    add("--fail-token", default="", help="a credential that is declined")
    add("--pending-token", default="", help="a credential whose payment takes its time")
    add("--simulation-secret", default="", help="opens the shop's shipping test hook")
    add("--profile", default="", help="a platform profile to use instead of our own on loopback")
    add("--production", action="store_true", help="the shop runs in production")
    add("--insecure", action="store_true", help="accept any certificate")
    add("--header", action="append", default=[], metavar="NAME:VALUE", help="send with every request")
    add("--currency", default="USD")
    add("--country", default="US")
    add("--region", default="CA")
    add("--postal-code", default="94043")
    add(
        "--event-wait",
        dest="event_wait_s",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how long an order event may take",
    )
    add(
        "--retry-wait",
        dest="retry_wait_s",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="how long a refused event may take to come again; 0 leaves that check out",
    )
    return parser
