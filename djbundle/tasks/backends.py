"""The backends that ``TASKS`` names."""

import logging
from functools import cache

from djbundle.tasks.compat import BaseTaskBackend, task_backends

logger = logging.getLogger("djbundle.tasks")


def usable() -> list[BaseTaskBackend]:
    """Those that can be made. One that cannot, as where its package is not installed, breaks no other."""
    found = []
    for alias in task_backends:
        try:
            found.append(task_backends[alias])
        except BaseException as error:  # whatever its module or its class does: it may even exit
            _say_once(alias, str(error))
    return found


@cache
def _say_once(alias: str, text: str) -> None:
    logger.warning('backend "%s" of TASKS cannot be used: %s', alias, text)
