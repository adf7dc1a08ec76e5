"""Enqueues a task and dies when the transaction has committed, before anything else is told of it."""

import os
import signal
import sys

import django


def die() -> None:
    """End without a chance to do anything."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: str) -> None:
    django.setup()
    from django.db import transaction  # noqa: PLC0415 - after setup

    from djbundle.tasks.conformance import jobs  # noqa: PLC0415

    with transaction.atomic():
        transaction.on_commit(die)
        jobs.note.enqueue(folder)


if __name__ == "__main__":
    main(sys.argv[1])
