"""``./shop status --queues``: what waits in the queues of tasks, how long it takes, and whether the broker answers."""

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from djbundle.runtime.core.bundle import Bundle

Queue = dict[str, Any]  # the fields of tasks.store.backlog.Backlog, as JSON has them
Relay = dict[str, Any]  # some fields of tasks.models.RelayRecord, as JSON has them


def task_reader(bundle: Bundle) -> Callable[[], tuple[list[Queue] | None, list[Relay] | None]]:
    """Load the site, and return a function that reads its queues, and its relays if a broker carries the tasks.

    The queues are None if the database does not answer. A project without tasks has no queues.
    """
    from djbundle.runtime.settings.rules import apply_overlay  # noqa: PLC0415 - only with --queues

    apply_overlay(bundle, "status")
    import django  # noqa: PLC0415 - only after the overlay

    django.setup()
    from django.apps import apps  # noqa: PLC0415
    from django.db import Error  # noqa: PLC0415

    def read() -> tuple[list[Queue] | None, list[Relay] | None]:
        if not apps.is_installed("djbundle.tasks"):
            return [], None
        from djbundle.tasks.engine.relay_registry import broker_status  # noqa: PLC0415
        from djbundle.tasks.store.backlog import backlog  # noqa: PLC0415 - where the project has tasks

        try:
            status = broker_status()
            relays = None if status is None else [_relay_as_json(relay) for relay in status.relays]
            return [_as_json(asdict(each)) for each in backlog()], relays
        except Error:
            return None, None

    return read


def _as_json(fields: Queue) -> Queue:
    """Return the fields with null for infinity, which JSON does not have."""
    return {name: None if value == math.inf else value for name, value in fields.items()}


def _relay_as_json(relay: Any) -> Relay:
    since = relay.failing_since and relay.failing_since.isoformat(" ", "seconds")
    names = ("host", "pid", "error", "errors")
    return {name: getattr(relay, name) for name in names} | {"failing_since": since}


def describe_relay(relay: Relay) -> str:
    """Return a line such as "the broker answers the relay web-1 4711"."""
    name = f"the relay {relay['host']} {relay['pid']}"
    if relay["failing_since"] is None:
        return f"the broker answers {name}"
    return f"the broker has not answered {name} since {relay['failing_since']}; tasks wait in the database"


def describe_queue(queue: Queue) -> str:
    """Return a line such as "queue default: 12 ready, 1 running, the oldest waits 3 s, drained in 40 s"."""
    text = f"queue {queue['queue']}: {queue['ready']} ready, {queue['scheduled']} scheduled, {queue['running']} running"
    if not queue["ready"]:
        return text
    drained = "none has ended lately" if queue["drain"] is None else f"drained in {queue['drain']:.0f} s"
    return f"{text}, the oldest waits {queue['oldest']:.0f} s, {drained}"
