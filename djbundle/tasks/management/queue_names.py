"""The names of queues that the options of commands may have."""

from collections.abc import Sequence

from django.core.management.base import CommandError

from djbundle.tasks import backends
from djbundle.tasks.backend import DatabaseBackend


def check_queues(names: Sequence[str], option: str) -> None:
    """Raise CommandError for a queue that no backend has. A backend without ``QUEUES`` takes every name."""
    known = [backend.queues for backend in backends.usable() if isinstance(backend, DatabaseBackend)]
    if not all(known):
        return
    for name in names:
        if not any(name in each for each in known):
            existing = ", ".join(sorted(set().union(*known)))
            raise CommandError(f'{option}: no backend of TASKS has a queue "{name}"; there are: {existing}.')
