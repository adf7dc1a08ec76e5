"""``./shop restart``: a new process of the same file takes over, and takes up variables that have changed."""

from argparse import ArgumentParser

from djbundle.contract.handover import HandoverState
from djbundle.errors import OptionError, UpgradeError
from djbundle.runtime.cli.reporting import Reporter, add_json
from djbundle.runtime.cli.upgrade import check_program, handed_over
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.handover.control_socket import request_status
from djbundle.runtime.options.parser import parse_options
from djbundle.runtime.options.serve import parse_serve_options

TEXTS: dict[str, str] = {
    HandoverState.PENDING: "the old process drains; new connections wait",
    HandoverState.READY: "the new process answers",
    HandoverState.SERVING: "the new process serves, the old one drains",
}


def add_restart_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "options",
        nargs="*",
        metavar="-- OPTION",
        help="options of `serve` that win over those that it runs with, as in  restart -- --workers 4;"
        " the next start has those of its own command line again",
    )
    add_json(parser)


def checked_options(bundle: Bundle, options: list[str]) -> list[str]:
    """Return options of `serve`. Raise OptionError for wrong ones, and for addresses, which a restart keeps open."""
    if parse_serve_options(bundle.program, options).binds:
        raise OptionError("the addresses stay open through a restart", "leave --bind out, or stop `serve` and start it")
    return options


def run_restart(bundle: Bundle, arguments: list[str]) -> int:
    """Hand over as an upgrade does, to the same file. Raise UpgradeError if the new process does not take over."""
    options = parse_options(bundle.program, "restart", arguments, add_restart_options)
    of_serve = checked_options(bundle, options.options)
    request_status(bundle.data, check_program)
    report = Reporter(as_json=options.json)
    for message in handed_over(bundle.data, UpgradeError, "the site goes on as it was", of_serve):
        report(message.state, TEXTS.get(message.state, message.state), **message.fields)
    return 0
