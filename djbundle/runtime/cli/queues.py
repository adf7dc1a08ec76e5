"""``./shop status --queues``: what waits in the queues of tasks, how long it takes, and whether the broker answers."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from djbundle.errors import ServiceUnreachableError
from djbundle.runtime.core.bundle import Bundle

Queue = dict[str, Any]  # the fields of tasks.store.backlog.Backlog, as JSON has them
Relay = dict[str, Any]  # some fields of tasks.models.RelayRecord, as JSON has them


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """The queues and relays as the database has them."""

    queues: list[Queue] | None = None  # None: they cannot be read, or were not asked for
    relays: list[Relay] | None = None  # None: no broker carries the tasks
    error: ServiceUnreachableError | None = None  # why they cannot be read


def task_reader(bundle: Bundle) -> Callable[[], TaskStatus]:
    """Load the site, and return a function that reads its queues, and its relays if a broker carries the tasks.

    A project without tasks has no queues.
    """
    from djbundle.runtime.settings.rules import apply_overlay  # noqa: PLC0415 - only with --queues

    apply_overlay(bundle, "status")
    import django  # noqa: PLC0415 - only after the overlay

    django.setup()
    from django.apps import apps  # noqa: PLC0415
    from django.db import Error  # noqa: PLC0415

    from djbundle.runtime.database.connecting import refused_connections_explained  # noqa: PLC0415

    def read() -> TaskStatus:
        if not apps.is_installed("djbundle.tasks"):
            return TaskStatus([])
        from djbundle.tasks.engine.relay_registry import broker_status  # noqa: PLC0415
        from djbundle.tasks.store.backlog import backlog  # noqa: PLC0415 - where the project has tasks

        try:
            with refused_connections_explained():
                status = broker_status()
                relays = None if status is None else [_relay_as_json(relay) for relay in status.relays]
                return TaskStatus([_as_json(asdict(each)) for each in backlog()], relays)
        except ServiceUnreachableError as error:
            return TaskStatus(error=error)
        except Error as error:
            cause = f"the queues cannot be read: {' '.join(str(error).split())}"
            return TaskStatus(error=ServiceUnreachableError(cause, "see whether the database is up, and migrated"))

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
