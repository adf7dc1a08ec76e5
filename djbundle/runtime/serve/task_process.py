"""A process that runs tasks and loads the site for itself: a fork of the worker would not have the site's threads."""

import os
import sys
from typing import TYPE_CHECKING

from djbundle.common.processes import set_process_name
from djbundle.common.threads import ThreadStarts, find_lost_threads
from djbundle.runtime.handover.fresh_start import own_program
from djbundle.runtime.logs import lines, uncaught
from djbundle.runtime.options.serve import ServeOptions
from djbundle.runtime.process import memory

if TYPE_CHECKING:
    from djbundle.tasks.worker.process.fresh import NewProgram

CODE = f"from {__name__} import main; main()"


def program_if_needed(options: ServeOptions, title: str) -> "NewProgram | None":
    """Return the program of such a process; None in a worker without threads that a fork would end.

    This user may have no right to start the bundle, if root has started the site.
    """
    if not find_lost_threads(ThreadStarts(lambda _frame: False)) or not os.access(own_program(), os.X_OK):
        return None
    from djbundle.tasks.worker.process.fresh import NewProgram  # noqa: PLC0415 - the worker has loaded it

    arguments = (sys.executable, "-c", CODE, title, options.log_format or "", options.log_level or "")
    return NewProgram(own_program(), arguments)


def main() -> None:
    """Load the site, and run tasks until the worker ends this process. The interpreter applies the settings overlay."""
    title, log_format, log_level, inherited = sys.argv[1:]
    sys.argv = [sys.executable, "worker"]
    lines.configure(log_format or None, log_level or None)
    set_process_name(title)
    uncaught.log_uncaught()
    memory.configure_malloc()
    with memory.loading():
        import django  # noqa: PLC0415 - its settings come with the log that is configured above

        django.setup()
    from djbundle.tasks.worker.process.fresh import run_inherited  # noqa: PLC0415 - needs Django

    run_inherited(inherited)
