"""``./shop restart``: a new process of the same file takes over, and takes up variables that have changed."""

from djbundle.contract.handover import HandoverState
from djbundle.errors import UpgradeError
from djbundle.runtime.cli.reporting import Reporter, add_json
from djbundle.runtime.cli.upgrade import check_program, reload
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.handover.control_socket import request_status
from djbundle.runtime.options.parser import parse_options

TEXTS: dict[str, str] = {
    HandoverState.PENDING: "the old process drains; new connections wait",
    HandoverState.READY: "the new process answers",
    HandoverState.SERVING: "the new process serves, the old one drains",
}


def run_restart(bundle: Bundle, arguments: list[str]) -> int:
    """Hand over as an upgrade does, to the same file. Raise UpgradeError if the new process does not take over."""
    options = parse_options(bundle.program, "restart", arguments, add_json)
    request_status(bundle.data, check_program)
    report = Reporter(as_json=options.json)
    for message in reload(bundle.data):
        if message.state == HandoverState.FAILED:
            raise UpgradeError(f"the site goes on as it was: {message.fields['cause']}", message.fields["fix"])
        report(message.state, TEXTS.get(message.state, message.state), **message.fields)
    return 0
