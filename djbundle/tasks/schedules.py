"""``@schedule`` declares, beside the task, what is enqueued again and again. scheduler.py writes it to the database.

@schedule(cron="0 3 * * *", time_zone="Europe/Zurich")
@schedule(every=3600, name="mail the report hourly", kwargs={"to": "office@example.org"})
@task
def mail_report(to="all@example.org"): ...
"""

import datetime
import hashlib
import importlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError

from djbundle.tasks import validators
from djbundle.tasks.compat import InvalidTask, Task, normalize_json
from djbundle.tasks.task import Seconds, to_seconds
from djbundle.tasks.timing import to_stored, zone_of

logger = logging.getLogger("djbundle.tasks")

MISSED = ("once", "all", "skip")
MAX_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One ``@schedule``, as the table keeps it."""

    name: str
    task_path: str
    args: list[Any]
    kwargs: dict[str, Any]
    cron: str
    interval: float | None
    at: datetime.datetime | None
    time_zone: str
    missed: str
    enabled: bool

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, default=str).encode()).hexdigest()

    def values(self) -> dict[str, Any]:
        """Return the fields of the row, except its name."""
        values = asdict(self) | {"in_code": True, "declared": self.digest}
        del values["name"]
        at = values.pop("at")
        return values | {"next_run": at} if at else values


declarations: dict[str, Declaration] = {}  # by name; grows as modules are imported


def schedule[T](  # noqa: PLR0913 - all by name
    *,
    cron: str | None = None,
    every: Seconds | None = None,
    at: datetime.datetime | None = None,
    name: str | None = None,
    time_zone: str | None = None,
    missed: str = "once",
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    enabled: bool = True,
) -> Callable[[T], T]:
    """Enqueue the task below by cron, at an interval (`every`, in seconds), or once (`at`), and return the task itself.

    Give exactly one of `cron`, `every` and `at`. The default `name` is the path of the task; a second schedule of the
    same task needs a name. `missed` decides about ticks that passed while no worker ran: one run for all ("once"), one
    for each ("all"), or none ("skip"). Raise InvalidTask for values that are not valid.
    """

    def declare(task: T) -> T:
        if not isinstance(task, Task):
            raise InvalidTask(f"@schedule goes above @task; {task!r} is not a task.")
        declaration = Declaration(
            name=task.module_path if name is None else name,
            task_path=task.module_path,
            args=_json("args", list(args)),
            kwargs=_json("kwargs", dict(kwargs or {})),
            cron=cron or "",
            interval=to_seconds(every),
            at=None if at is None else _aware(at, time_zone or ""),
            time_zone=time_zone or "",
            missed=missed,
            enabled=enabled,
        )
        _validate(validators.validate_call, task, declaration.args, declaration.kwargs)
        _add(declaration)
        return task

    _validate_timing(cron, every, at, time_zone)
    if missed not in MISSED:
        raise InvalidTask(f"missed must be one of {', '.join(MISSED)}, not {missed!r}.")
    return declare


def discover() -> list[str]:
    """Import the ``tasks`` module of each app for its declarations, and return the apps where that fails.

    A module that cannot be imported stops nothing: a third-party app may have one for a library that is not installed.
    """
    from djbundle.tasks.store.outcome import is_a, safe_repr  # noqa: PLC0415 - @schedule comes here before apps are loaded

    broken = []
    for app in apps.get_app_configs():
        module = f"{app.name}.tasks"
        try:
            importlib.import_module(module)
        except BaseException as error:  # the module may even exit
            if not (is_a(error, ModuleNotFoundError) and getattr(error, "name", "") == module):
                logger.warning("cannot import %s, so its schedules are unknown: %s", module, safe_repr(error))
                broken.append(app.name)
    return broken


def _validate_timing(cron: Any, every: Any, at: Any, time_zone: Any) -> None:
    if sum(value is not None for value in (cron, every, at)) != 1:
        raise InvalidTask("@schedule needs exactly one of cron, every and at.")
    if time_zone is not None:
        _expect("time_zone", time_zone, str)
        _validate(validators.validate_time_zone, time_zone)
    if cron is not None:
        _expect("cron", cron, str)
        _validate(validators.validate_cron, cron)
    elif every is not None:
        _expect("every", every, int, float, datetime.timedelta)
        _validate(validators.validate_interval, to_seconds(every))
    else:
        _expect("at", at, datetime.datetime)


def _expect(name: str, value: Any, *kinds: type) -> None:
    if not isinstance(value, kinds):
        raise InvalidTask(f"{name} must be a {' or '.join(kind.__name__ for kind in kinds)}, not {value!r}.")


def _validate(validator: Callable[..., None], *values: Any) -> None:
    try:
        validator(*values)
    except ValidationError as error:
        raise InvalidTask(" ".join(error.messages)) from error


def _json(name: str, value: Any) -> Any:
    try:
        return normalize_json(value)
    except (TypeError, ValueError) as error:
        raise InvalidTask(f"{name} must be JSON: {error}") from error


def _aware(at: datetime.datetime, time_zone: str) -> datetime.datetime:
    return to_stored(at if at.tzinfo else at.replace(tzinfo=zone_of(time_zone)))


def _add(declaration: Declaration) -> None:
    name = declaration.name
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_LENGTH:
        raise InvalidTask(f"name must be a text of up to {MAX_NAME_LENGTH} characters, not {name!r}.")
    if declarations.setdefault(name, declaration) != declaration:
        raise InvalidTask(f'There is a schedule "{name}" already; give this one a name of its own.')
