"""Tasks that are held back: the code of this worker does not know them, or what follows could not be made.

During a rolling deploy, a worker with old code claims tasks of newer code. It puts them back for a worker that knows
them. That is no attempt and no failure, until a day has passed. `TaskRecord.held` says why and since when.

The worker that records the success of a task enqueues what follows it. The first worker that reaches a tick of a
schedule enqueues its task. Both may need the project's code: to load a module, to compute a concurrency key, or to call
a receiver of task_enqueued. Both may also be impossible. Then the worker writes a row with ``max_attempts`` 0. Its
`held` has the call that it stands for. A process that gets such a row does not run it, but makes a task of it: see
worker/making.py.

If that is impossible, the row waits for another version of the code that may be able to do it. If there is none, the
row has failed, and ``tasks retry`` tries again.
"""

import datetime
import inspect
import json
import logging
from functools import lru_cache
from typing import Any

from django.db import Error, InterfaceError, OperationalError
from django.utils import timezone

from djbundle.tasks import signals
from djbundle.tasks.backend import DatabaseBackend
from djbundle.tasks.compat import InvalidTaskBackend, TaskResultStatus, task_backends
from djbundle.tasks.models import READY, TaskRecord
from djbundle.tasks.store import releases, wakeup
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome, error_entry, is_a, last_line
from djbundle.tasks.task import AlreadyThere, RetryingTask, UnknownTask, load, loaded

logger = logging.getLogger("djbundle.tasks")

MIN_DELAY, MAX_DELAY = 1.0, 60.0  # seconds until the next attempt, doubled with each
MAX_WAIT = datetime.timedelta(days=1)
SAME_WAIT = datetime.timedelta(seconds=10 * MAX_DELAY)  # an attempt that is longer ago belongs to an earlier wait

UNKNOWN_ERRORS = (UnknownTask, InvalidTaskBackend)  # another version of the code may know it
TRANSIENT_ERRORS = (*UNKNOWN_ERRORS, AlreadyThere, OperationalError, InterfaceError)
MADE = (
    *("takes_context", "max_attempts", "backoff", "timeout", "expires_at", "run_after"),
    *("unique_key", "concurrency_key", "concurrency_limit", "in_order"),
)
MOMENTS = "expires_at", "run_after"
REDUNDANT = "null"  # made of a row that stood for a unique task, if that task exists already


# --- in the process that runs tasks ---


def unknown(run: Run, error: BaseException) -> Outcome:
    """Return the outcome of a run whose task this code does not know."""
    _log_once(str(error))
    return Outcome(run.pk, run.epoch, READY, error=error_entry(error), is_held=True)


def is_for_newer_code(error: BaseException, task: RetryingTask, args: list[Any], kwargs: dict[str, Any]) -> bool:
    """Return whether the function of this code does not take these arguments while newer code runs too.

    That is so only if `error` is a TypeError.
    """
    if not is_a(error, TypeError):
        return False
    try:
        inspect.signature(task.func).bind(*args, **kwargs)
    except TypeError:
        return _newer_code_runs()
    return False


def _newer_code_runs() -> bool:
    try:
        return releases.newer() is not None
    except Error:
        return False


@lru_cache(maxsize=1000)
def _log_once(text: str) -> None:
    logger.warning("%s; it waits for a worker whose code knows it", text.rstrip("."))


# --- in the worker ---


def put_back(record: TaskRecord, outcome: Outcome) -> dict[str, Any]:
    """Return what to write to a claimed row that was not run."""
    if outcome.made:
        return _undone(record) | _made(record, json.loads(outcome.made))
    if outcome.status == TaskResultStatus.FAILED:
        return _undone(record) | _failed(record, outcome.error or {})
    return _undone(record) | _postponed(record, outcome.error)


def _undone(record: TaskRecord) -> dict[str, Any]:
    """Return the values that undo a claim, which was no attempt."""
    earlier = list(record.worker_ids)[:-1]
    return {"worker_ids": earlier} | ({} if earlier else {"started_at": None, "last_attempted_at": None})


def _postponed(record: TaskRecord, error: dict[str, str] | None) -> dict[str, Any]:
    now, held = timezone.now(), record.held or {}
    call = {name: held[name] for name in ("call",) if name in held}
    last = _moment(held.get("last"))
    is_same = last is not None and now - last < SAME_WAIT
    since, looks = (_moment(held["since"]) or now, held["looks"]) if is_same else (now, 0)
    if now - since >= MAX_WAIT:
        logger.error("%s has failed: for a day no worker could begin it", record)
        errors = [*record.errors, *([error] if error else [])]
        return {"status": TaskResultStatus.FAILED, "errors": errors, "finished_at": now, "held": call or None}
    delay = datetime.timedelta(seconds=min(MIN_DELAY * 2.0 ** min(looks, 32), MAX_DELAY))
    why = last_line(error) if error else ""
    wait = {"since": since.isoformat(), "last": now.isoformat(), "looks": looks + 1, "why": why}
    return {"status": READY, "run_after": now + delay, "held": call | wait}


def _moment(text: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(text) if text else None


def _made(record: TaskRecord, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that turn the row into the task that it stood for."""
    moments = {name: _moment(values[name]) for name in MOMENTS}
    group = {} if record.group_index is not None else {"group": None}
    return {"status": READY, "errors": [], "held": None, **values, **moments, **group}


def _failed(record: TaskRecord, error: dict[str, str]) -> dict[str, Any]:
    """Return the values of a row that cannot be made; ``tasks retry`` tries again."""
    ended = {"status": TaskResultStatus.FAILED, "errors": [error], "finished_at": timezone.now()}
    return ended | {"held": {"call": (record.held or {})["call"]}}


def plain_task_of(call: dict[str, Any]) -> RetryingTask | None:
    """Return the task of a call that can be enqueued without the project's code, or None if that needs some."""
    task = loaded(call["task"])
    if task is None or signals.has_enqueued_listeners() or not _is_plain(task.concurrency_key, task.ordering_key):
        return None
    try:
        backend = task_backends[call["using"].get("backend", task.backend)]
    except InvalidTaskBackend:
        return None
    return _with_changes(task, call) if type(backend) is DatabaseBackend else None


def _is_plain(*keys: Any) -> bool:
    return all(key is None or type(key) is str for key in keys)


def task_of(call: dict[str, Any]) -> Any:
    """Return the task of a call in a workflow, with the changes by ``.using()``."""
    return _with_changes(load(call["task"]), call)


def _with_changes(task: RetryingTask, call: dict[str, Any]) -> RetryingTask:
    changes = dict(call["using"])
    if call.get("run_after"):
        changes["run_after"] = datetime.datetime.fromisoformat(call["run_after"])
    return task.using(**changes) if changes else task


def add(call: dict[str, Any], args: list[Any], error: BaseException | None, alias: str, **membership: Any) -> None:
    """Add the row of a call that is not a task yet, because of an `error` or because a process should make it one.

    No signal is sent, since its receivers would run in the worker.
    """
    TaskRecord.objects.using(alias).bulk_create([row_of(call, args, error, alias, **membership)])
    wakeup.send_on_commit(alias)


def row_of(
    call: dict[str, Any], args: list[Any], error: BaseException | None, alias: str, **membership: Any
) -> TaskRecord:
    """Return that row, not saved. Making the task has the timeout of the task itself."""
    using, now = call["using"], timezone.now()
    record = TaskRecord(
        task_path=call["task"],
        backend=using.get("backend", "default"),
        queue_name=using.get("queue_name", "default"),
        priority=using.get("priority", 0),
        timeout=using.get("timeout"),
        max_attempts=0,
        args=args,
        kwargs=call["kwargs"],
        held={"call": {name: call[name] for name in ("task", "using", "run_after") if name in call}},
        enqueued_at=now,
        run_after=now,
        **membership,
    )
    record._state.db = alias
    for name, value in _fail_or_wait(record, error).items() if error else ():
        setattr(record, name, value)
    return record


def _fail_or_wait(record: TaskRecord, error: BaseException) -> dict[str, Any]:
    entry = error_entry(error)
    if is_a(error, TRANSIENT_ERRORS):
        return _postponed(record, entry)
    logger.error("%s cannot be made: %s", record, last_line(entry))
    return _failed(record, entry)
