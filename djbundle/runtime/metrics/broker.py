"""The broker that carries tasks, as the relays of all machines know it."""

from collections.abc import Iterator

from django.apps import apps
from django.db import Error

from djbundle.runtime.metrics.families import Family, Sample


def broker() -> Iterator[Family]:
    """Yield nothing without a broker. The relays write to the database, so each machine tells of all of them."""
    if not apps.is_installed("djbundle.tasks"):
        return
    from djbundle.tasks.engine import sending  # noqa: PLC0415 - where the project has tasks
    from djbundle.tasks.engine.relay_registry import broker_status  # noqa: PLC0415

    try:
        status = broker_status()
        if status is None:
            return
        sent, oldest = sending.count_sent(), sending.oldest_waiting()
    except Error:  # reported by databases()
        return
    labels = {relay.pk: {"relay": f"{relay.host}/{relay.pid}"} for relay in status.relays}
    up = [Sample(relay.failing_since is None, labels[relay.pk]) for relay in status.relays]
    errors = [Sample(relay.errors, labels[relay.pk]) for relay in status.relays]
    counts = [Sample(count, {"queue": queue}) for queue, count in sent.items()]
    yield Family("djbundle_broker_up", "gauge", "Whether the broker answers this relay.", up)
    yield Family("djbundle_relay_errors_total", "counter", "Failed attempts of this relay to reach the broker.", errors)
    yield Family(
        "djbundle_tasks_sent", "gauge", "Tasks that were sent to the broker and that no worker has yet.", counts
    )
    yield Family(
        "djbundle_tasks_unsent_oldest_seconds",
        "gauge",
        "How long the first of the ready tasks that were not sent to the broker has waited.",
        [Sample(oldest)],
    )
