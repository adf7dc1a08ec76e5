"""The task that runs while everything around it is killed."""

import os

from ci.bench.engine_kills.trace import note
from djbundle.tasks.typed import task


@task
def work(number: int) -> int:
    note(os.environ["KILLS_TRACE"], number)
    return number
