"""Messages that carry whole tasks, so that these need no row: the direct mode, ``?rows=no`` in the URL of the broker.

A task still gets a row if it needs one: it is delayed, unique or limited, or part of a workflow. It also gets
one when it fails, must run again, or takes long, see direct_runs.py.
"""

import datetime
import random
from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from djbundle.common import json_size

if TYPE_CHECKING:  # @task comes here before apps are loaded
    from djbundle.tasks.models import TaskRecord
    from djbundle.tasks.store.claimed_run import Run

FIELDS: dict[str, type | tuple[type, ...]] = {  # of TaskRecord that a message has, and what they may be
    "task_path": str,
    "backend": str,
    "queue_name": str,
    "priority": int,
    "takes_context": bool,
    "max_attempts": int,
    "backoff": (int, float, type(None)),
    "timeout": (int, float, type(None)),
    "args": list,
    "kwargs": dict,
}
MAX_ARGUMENTS = 64 << 10  # characters of JSON; tasks with larger arguments get a row
MAX_LENGTHS = {"task_path": 255, "backend": 100, "queue_name": 100}  # characters that a row takes
RANGES = {"priority": (-100, 100), "max_attempts": (1, (1 << 31) - 1)}  # of ``django.tasks``, and of a row
KEY_BITS = 62
EPOCH = 1  # of the only run


def new_key() -> int:
    """Return a key for a task without a row. It is negative, and no other task has it."""
    return -random.getrandbits(KEY_BITS) - 1


def can_carry(record: "TaskRecord") -> bool:
    """Return whether a message can carry a task that is being enqueued."""
    needs_row = record.unique_key or record.concurrency_key or record.then is not None or record.group_id
    if needs_row or record.expires_at is not None or record.run_after > record.enqueued_at:
        return False
    return not json_size.exceeds([record.args, record.kwargs], MAX_ARGUMENTS)


def packed(record: "TaskRecord") -> dict[str, Any]:
    """Return the task as a part of a message."""
    values = {name: getattr(record, name) for name in FIELDS}
    return {"id": record.pk, "enqueued_at": record.enqueued_at.timestamp(), **values}


def unpacked(values: Any, alias: str, worker: str) -> "Run | None":
    """Return the run of a task in a message, by this worker; None if it is invalid, since anybody may have sent it."""
    from djbundle.tasks.store.claimed_run import Run  # noqa: PLC0415 - needs the models

    if not _is_valid(values):
        return None
    record = _record(values, worker)
    return Run(record.pk, EPOCH, record.timeout, 0, _row_of(record), alias)


def _is_valid(values: Any) -> bool:
    """Return whether a row could keep this task: it gets a row unless it simply succeeds."""
    if not isinstance(values, Mapping) or not all(_is_kind(values.get(name), kind) for name, kind in FIELDS.items()):
        return False
    key, enqueued_at = values.get("id"), values.get("enqueued_at")
    is_key = isinstance(key, int) and -(1 << KEY_BITS) <= key < 0
    if not (is_key and isinstance(enqueued_at, (int, float)) and 0 <= enqueued_at <= 1 << 36):
        return False
    return _is_in_limits(values) and _is_keepable(values)


def _is_kind(value: Any, kind: type | tuple[type, ...]) -> bool:
    """Return whether the value is of this kind. For Python, a bool is a number too."""
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)


def _is_in_limits(values: Mapping[str, Any]) -> bool:
    if not all(0 < len(values[name]) <= most for name, most in MAX_LENGTHS.items()):
        return False
    if not all(least <= values[name] <= most for name, (least, most) in RANGES.items()):
        return False
    timeout, backoff = values["timeout"], values["backoff"]
    return (timeout is None or 0 < timeout < float("inf")) and (backoff is None or 0 <= backoff < float("inf"))


def _is_keepable(values: Mapping[str, Any]) -> bool:
    from djbundle.tasks.store import keepable  # noqa: PLC0415 - needs the models

    arguments = [values["args"], values["kwargs"]]
    if json_size.exceeds(arguments, 2 * MAX_ARGUMENTS):
        return False
    try:
        keepable.validate("a message", *arguments, *(values[name] for name in MAX_LENGTHS))
    except (ValueError, RecursionError):
        return False
    return True


def _record(values: Mapping[str, Any], worker: str) -> "TaskRecord":
    """Return the record of a task that this worker has just claimed."""
    from djbundle.tasks.models import RUNNING, TaskRecord  # noqa: PLC0415 - as above

    now = timezone.now()
    enqueued_at = datetime.datetime.fromtimestamp(values["enqueued_at"], now.tzinfo)
    return TaskRecord.new(
        **{name: values[name] for name in FIELDS},
        id=values["id"],
        status=RUNNING,
        epoch=EPOCH,
        enqueued_at=enqueued_at,
        run_after=enqueued_at,
        started_at=now,
        last_attempted_at=now,
        worker_ids=[worker],
    )


def _row_of(record: "TaskRecord") -> tuple[Any, ...]:
    from djbundle.tasks.store.claimed_run import NAMES  # noqa: PLC0415 - as above

    row: tuple[Any, ...] = attrgetter(*NAMES)(record)
    return row
