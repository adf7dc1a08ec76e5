"""Switches the database: by a handover of the running site, or for the next start if no site runs."""

import contextlib
import os
import time
from pathlib import Path

from djbundle.contract.handover import HandoverState
from djbundle.errors import MoveError, NotServingError
from djbundle.runtime.cli.reporting import Reporter
from djbundle.runtime.cli.upgrade import check_program, handed_over
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.handover.control_socket import request_status
from djbundle.runtime.move import folder
from djbundle.runtime.move.facts import DatabaseFacts
from djbundle.runtime.move.folder import SwitchOrder
from djbundle.runtime.move.switching import Switch
from djbundle.runtime.process.lock import lock_data_directory


def switch(bundle: Bundle, order: SwitchOrder, server: DatabaseFacts, report: Reporter) -> None:
    target = "SQLite" if order.is_back else "PostgreSQL"
    try:
        request_status(bundle.data, check_program)
    except NotServingError:
        lock = lock_data_directory(bundle.data)
        offline = Switch(bundle.data, order, server)
        offline.finish()
        offline.commit()
        os.close(lock)
        report("moved", f"the next start uses {target}", seconds=0)
        return
    with folder.ordered(bundle.data, order):
        seconds = hand_over(bundle.data, report)
    report("moved", f"the site uses {target}; writes waited for {seconds:.1f} s", seconds=round(seconds, 2))


def check_site(bundle: Bundle) -> None:
    """Raise UpgradeError if another file serves the site: it could not make the switch after the copy."""
    with contextlib.suppress(NotServingError):
        request_status(bundle.data, check_program)


def hand_over(data: Path, report: Reporter) -> float:
    """Return for how many seconds writes waited. Raise MoveError if the site stays where it was."""
    stopped = time.monotonic()
    for message in handed_over(data, MoveError, "the site stays where it was"):
        if message.state == HandoverState.PENDING:
            stopped = time.monotonic()
            report("stopped", "new connections wait; the last changes are brought over")
    return time.monotonic() - stopped
