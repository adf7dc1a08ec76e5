"""The options of ``TASKS`` for the worker.

An example is ``"OPTIONS": {"LEASE": 30, "KEEP": 604800, "LISTEN": True, "RUNSERVER": True}``.
"""

import datetime
from collections.abc import Mapping
from typing import Any

from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks import backends
from djbundle.tasks.task import Seconds, to_seconds

LEASE = 30.0  # seconds without a heartbeat, after which a task is given to another worker
KEEP = 7 * 86400.0  # seconds that finished tasks are kept
NAMES = (
    "BACKOFF",  # seconds before the second run of a task that does not set it, or a function
    "ENGINE",  # the alias of another backend, whose workers run the tasks
    "KEEP",  # how long finished tasks are kept: seconds or a timedelta; None: for ever
    "LEASE",  # seconds without a heartbeat after which tasks of a worker on another machine run again
    "LISTEN",  # False: no LISTEN and NOTIFY on PostgreSQL, for PgBouncer in transaction mode
    "MAX_ATTEMPTS",  # the largest number of runs of a task that does not set it
    "RATE_LIMITS",  # how many tasks of a queue may begin in a time, as in {"mails": "100/m"}
    "URL",  # of the broker that carries tasks to workers on other machines
    "RUNSERVER",  # False: no worker beside runserver
    "VERSION",  # of the code, for rolling deploys; by default the bundle's, or a hash of the tasks' modules
)


# Promises of djbundle.tasks.conformance that are not made, by name, and why.
UNKEPT_OVER_SQS = {
    "an_urgent_task_overtakes_those_that_wait": "SQS delivers in any order, and late what an ended worker had asked for"
}
UNKEPT_WITHOUT_ROWS = {
    "a_task_is_not_lost_if_its_process_dies_right_after_the_commit": "the message is sent after the commit",
    "an_urgent_task_overtakes_those_that_wait": "the broker delivers in the order in which tasks came",
}
ENDS_WORKER = "it ends a worker of the engine that runs tasks in its own process, and nobody starts that again"
UNKEPT_WITH_ENGINE = {
    "a_task_that_kills_its_process_harms_no_other": ENDS_WORKER,
    "a_task_that_kills_its_process_fails_in_the_end": ENDS_WORKER,
}


def has_rows(options: Mapping[str, Any]) -> bool:
    """Return whether every task has a row, by the options of its backend."""
    return "rows=no" not in options.get("URL", "")


def unkept_promises(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the promises that a backend with these options does not make, by name, and why."""
    if url := options.get("URL", ""):
        if not has_rows(options):
            return UNKEPT_WITHOUT_ROWS
        return UNKEPT_OVER_SQS if url.startswith("sqs:") else {}
    return UNKEPT_WITH_ENGINE if options.get("ENGINE") else {}


def option(name: str, default: Any) -> Any:
    """Return the value of the first of our backends that sets this option."""
    values = (backend.options[name] for backend in backends.ours() if name in backend.options)
    return next(values, default)


def lease() -> datetime.timedelta:
    """Return how long a claim is valid without a heartbeat."""
    return _duration(option("LEASE", LEASE))


def broker() -> BrokerUrl | None:
    """Return the broker that carries tasks, or None if workers claim them from the database.

    Raise ImproperlyConfigured for an invalid URL, or if a package that its broker needs is not installed.
    """
    text = option("URL", "")
    return BrokerUrl.parse(text) if text else None


def engine() -> str:
    """Return the alias of the backend whose workers run the tasks, or "". A broker takes precedence."""
    return "" if option("URL", "") else str(option("ENGINE", ""))


def has_relay() -> bool:
    """Return whether a relay sends tasks to a broker or to another backend."""
    return bool(option("URL", "") or engine())


def keep() -> datetime.timedelta | None:
    """Return how long finished tasks are kept, or None for ever."""
    value = option("KEEP", KEEP)
    return None if value is None else _duration(value)


def _duration(value: Seconds) -> datetime.timedelta:
    return datetime.timedelta(seconds=to_seconds(value))
