"""``./shop resume``: end the hold of a restored copy, which then is the live site."""

from djbundle.errors import BackupError, NotServingError
from djbundle.runtime.cli.reporting import Reporter, add_json
from djbundle.runtime.cli.upgrade import check_program, handed_over
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.hold import Hold, add_origin, own_origin, release
from djbundle.runtime.handover.control_socket import request_status
from djbundle.runtime.options.parser import parse_options


def run_resume(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "resume", arguments, add_json)
    report = Reporter(as_json=options.json)
    hold = Hold.read(bundle.data)
    if hold is None:
        report("live", f"{bundle.data} is not held")
        return 0
    is_serving = serves(bundle)
    release(bundle.data)
    if is_serving:
        try:
            take_up(bundle)
        except Exception:
            hold.write(bundle.data)
            raise
    own_origin(bundle.data)  # comes first
    add_origin(bundle.data, hold.origin)  # so its older backups are restored as those of the live site
    report("live", "it sends mail and runs tasks again" if is_serving else "`serve` will send mail and run tasks")
    return 0


def serves(bundle: Bundle) -> bool:
    try:
        request_status(bundle.data, check_program)
    except NotServingError:
        return False
    return True


def take_up(bundle: Bundle) -> None:
    """Have a new process serve, which sends mail and runs tasks. Raise BackupError if it did not take over."""
    for _ in handed_over(bundle.data, BackupError, "it is still held"):
        pass
