"""``./shop maintenance on|off``: answer 503 instead of the pages of the site, until it is over."""

from argparse import ArgumentParser

from djbundle.runtime.cli.reporting import Reporter, add_json
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.data_directory import create_data_directory
from djbundle.runtime.core.maintenance import RETRY_AFTER, Maintenance, end_maintenance
from djbundle.runtime.net.trusted_proxies import parse_proxies
from djbundle.runtime.options.http import at_least
from djbundle.runtime.options.parser import parse_options


def add_maintenance_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "state",
        nargs="?",
        choices=("on", "off"),
        help="on: answer every page with 503, and the project's 503.html if it has one; off: serve again"
        "  [default: only say which it is]",
    )
    parser.add_argument(
        "--allow",
        type=checked_networks,
        default="",
        metavar="NETWORKS",
        help='clients that get the site all the same, as in "203.0.113.7,10.0.0.0/8" or "private"',
    )
    parser.add_argument(
        "--retry-after",
        type=at_least(1),
        default=RETRY_AFTER,
        metavar="SECONDS",
        help="when clients should ask again  [default: %(default)s]",
    )
    add_json(parser)


def run_maintenance(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "maintenance", arguments, add_maintenance_options)
    if options.state == "on":
        create_data_directory(bundle.data)
        Maintenance(options.allow, options.retry_after).write(bundle.data)
    elif options.state == "off":
        end_maintenance(bundle.data)
    now = Maintenance.read(bundle.data)
    report = Reporter(as_json=options.json)
    report("on" if now else "off", now.describe() if now else "the site is not in maintenance")
    return 0


def checked_networks(text: str) -> str:
    parse_proxies(text)
    return text
