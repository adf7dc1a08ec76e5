"""``./shop status --queues``: what waits in the queues of tasks, and how long that will take."""

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from djbundle.runtime.core.bundle import Bundle

Queue = dict[str, Any]  # the fields of tasks.store.backlog.Backlog, as JSON has them


def queue_reader(bundle: Bundle) -> Callable[[], list[Queue] | None]:
    """Load the site, and return a function that reads its queues; it returns None if the database does not answer.

    A project without tasks has no queues.
    """
    from djbundle.runtime.settings.rules import apply_overlay  # noqa: PLC0415 - only with --queues

    apply_overlay(bundle, "status")
    import django  # noqa: PLC0415 - only after the overlay

    django.setup()
    from django.apps import apps  # noqa: PLC0415
    from django.db import Error  # noqa: PLC0415

    def read() -> list[Queue] | None:
        if not apps.is_installed("djbundle.tasks"):
            return []
        from djbundle.tasks.store.backlog import backlog  # noqa: PLC0415 - where the project has tasks

        try:
            return [_as_json(asdict(each)) for each in backlog()]
        except Error:
            return None

    return read


def _as_json(fields: Queue) -> Queue:
    """Return the fields with null for infinity, which JSON does not have."""
    return {name: None if value == math.inf else value for name, value in fields.items()}


def describe_queue(queue: Queue) -> str:
    """Return a line such as "queue default: 12 ready, 1 running, the oldest waits 3 s, drained in 40 s"."""
    text = f"queue {queue['queue']}: {queue['ready']} ready, {queue['scheduled']} scheduled, {queue['running']} running"
    if not queue["ready"]:
        return text
    drained = "none has ended lately" if queue["drain"] is None else f"drained in {queue['drain']:.0f} s"
    return f"{text}, the oldest waits {queue['oldest']:.0f} s, {drained}"
