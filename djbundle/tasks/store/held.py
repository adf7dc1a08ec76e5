"""Tasks that are held back: the code of this worker does not know them, or what follows could not be made.

During a rolling deploy a worker with old code claims tasks of newer code. It puts them back, for a worker that knows
them: that is no attempt and no failure, until a day has passed. `TaskRecord.held` says why and since when.

What follows another task is made by the worker that records the success of that one. Where this is impossible, the row
is there all the same, with ``max_attempts`` 0 and the call that it is to be made of in `held`: as a task that waits
where another version of the code may be able to, as a failed one where ``tasks retry`` has to say when. A worker that
claims such a row makes it, instead of running it.
"""

import datetime
import inspect
import logging
from functools import lru_cache
from typing import Any

from django.db import Error, InterfaceError, OperationalError, transaction
from django.utils import timezone

from djbundle.tasks.compat import InvalidTaskBackend, TaskResultStatus
from djbundle.tasks.models import READY, RUNNING, TaskRecord
from djbundle.tasks.store import releases
from djbundle.tasks.store.claimed_run import Run
from djbundle.tasks.store.outcome import Outcome, error_entry
from djbundle.tasks.task import AlreadyThere, RetryingTask, UnknownTask, load

logger = logging.getLogger("djbundle.tasks")

SHORTEST, LONGEST = 1.0, 60.0  # seconds until the next look, doubled with each
LONGEST_WAIT = datetime.timedelta(days=1)
SAME_WAIT = datetime.timedelta(seconds=10 * LONGEST)  # a look that is longer ago belongs to another wait

UNKNOWN = (UnknownTask, InvalidTaskBackend)  # another version of the code may know it
PASSING = (*UNKNOWN, AlreadyThere, OperationalError, InterfaceError)
MADE = (
    *("takes_context", "max_attempts", "backoff", "timeout", "expires_at", "run_after"),
    *("unique_key", "concurrency_key", "concurrency_limit"),
)


# --- in the process that runs tasks ---


def unknown(run: Run, error: BaseException) -> Outcome:
    """The outcome of a run that this code does not know."""
    _say_once(str(error))
    return Outcome(run.pk, run.epoch, READY, error=error_entry(error), is_held=True)


def unmade(run: Run) -> Outcome:
    """The outcome of what must be made before it can run."""
    return Outcome(run.pk, run.epoch, READY, is_held=True)


def is_for_newer_code(error: BaseException, task: RetryingTask, args: list[Any], kwargs: dict[str, Any]) -> bool:
    """Whether `error` came since the function of this code does not take these arguments, and newer code runs too."""
    if not isinstance(error, TypeError):
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
def _say_once(text: str) -> None:
    logger.warning("%s; it waits for a worker whose code knows it", text.rstrip("."))


# --- in the worker ---


def put_back(record: TaskRecord, error: dict[str, str] | None) -> dict[str, Any]:
    """What is written to a claimed row that was not run."""
    if record.held and "call" in record.held:
        return _undone(record) | _make(record, record.held["call"])
    return _undone(record) | _postponed(record, error)


def _undone(record: TaskRecord) -> dict[str, Any]:
    """The claim was no attempt."""
    earlier = list(record.worker_ids)[:-1]
    return {"worker_ids": earlier} | ({} if earlier else {"started_at": None, "last_attempted_at": None})


def _postponed(record: TaskRecord, error: dict[str, str] | None) -> dict[str, Any]:
    now, held = timezone.now(), record.held or {}
    call = {name: held[name] for name in ("call",) if name in held}
    last = _moment(held.get("last"))
    is_same = last is not None and now - last < SAME_WAIT
    since, looks = (_moment(held["since"]) or now, held["looks"]) if is_same else (now, 0)
    if now - since >= LONGEST_WAIT:
        logger.error("%s has failed: for a day no worker could begin it", record)
        errors = [*record.errors, *([error] if error else [])]
        return {"status": TaskResultStatus.FAILED, "errors": errors, "finished_at": now, "held": call or None}
    delay = datetime.timedelta(seconds=min(SHORTEST * 2.0 ** min(looks, 32), LONGEST))
    why = error["traceback"].strip().rpartition("\n")[2] if error else ""
    wait = {"since": since.isoformat(), "last": now.isoformat(), "looks": looks + 1, "why": why}
    return {"status": READY, "run_after": now + delay, "held": call | wait}


def _moment(text: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(text) if text else None


def _make(record: TaskRecord, call: dict[str, Any]) -> dict[str, Any]:
    """What turns the row into the task that it stands for; or lets it wait, or fail."""
    try:
        with transaction.atomic(using=record._state.db):  # the project's functions may break it
            made = _made(record, call)
            _expect_alone(made, record)
    except Exception as error:
        if transaction.get_connection(record._state.db).needs_rollback:
            raise  # the database is gone; all of this is tried again
        return _fail_or_wait(record, error)
    values = {name: getattr(made, name) for name in MADE}
    group = {} if record.group_index is not None else {"group": None}
    return {"status": READY, "errors": [], "held": None, **values, **group}


def _made(record: TaskRecord, call: dict[str, Any]) -> TaskRecord:
    task = task_of(call)
    backend = task.get_backend()
    made: TaskRecord = backend.record(backend.prototype(task), record.args, record.kwargs)
    return made


def _expect_alone(made: TaskRecord, record: TaskRecord) -> None:
    """Raise AlreadyThere while a task like this unique one waits or runs."""
    same = TaskRecord.objects.using(record._state.db).filter(unique_key=made.unique_key, status__in=(READY, RUNNING))
    if made.unique_key and same.exclude(pk=record.pk).exists():
        raise AlreadyThere(f"{made.task_path} waits for one with the same arguments.")


def _fail_or_wait(record: TaskRecord, error: Exception) -> dict[str, Any]:
    if isinstance(error, PASSING):
        return _postponed(record, error_entry(error))
    logger.error("%s cannot be made", record, exc_info=error)
    ended = {"status": TaskResultStatus.FAILED, "errors": [error_entry(error)], "finished_at": timezone.now()}
    return ended | {"held": {"call": (record.held or {})["call"]}}


def task_of(call: dict[str, Any]) -> Any:
    """The task of a call in a workflow, with what was changed by ``.using()``."""
    changes = dict(call["using"])
    if call.get("run_after"):
        changes["run_after"] = datetime.datetime.fromisoformat(call["run_after"])
    task = load(call["task"])
    return task.using(**changes) if changes else task


def keep(call: dict[str, Any], args: list[Any], error: Exception, alias: str, **membership: Any) -> TaskRecord:
    """Add the row of a call that cannot be made now."""
    using, now = call["using"], timezone.now()
    record = TaskRecord(
        task_path=call["task"],
        backend=using.get("backend", "default"),
        queue_name=using.get("queue_name", "default"),
        priority=using.get("priority", 0),
        max_attempts=0,
        args=args,
        kwargs=call["kwargs"],
        held={"call": {name: call[name] for name in ("task", "using", "run_after") if name in call}},
        enqueued_at=now,
        run_after=now,
        **membership,
    )
    record._state.db = alias
    for name, value in _fail_or_wait(record, error).items():
        setattr(record, name, value)
    record.save(using=alias, force_insert=True)
    return record
