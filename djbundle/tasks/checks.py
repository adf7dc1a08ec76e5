"""System checks for mistakes in the settings that would otherwise only show when a task is enqueued."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Info
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router

from djbundle.common.broker_url import BrokerUrl
from djbundle.tasks import backends, options
from djbundle.tasks.task import RetryingTask, is_duration, is_number

SUPPORTED = ("sqlite", "postgresql", "mysql")


def check_installed() -> list[CheckMessage]:
    """Report an error if the app, and so its table, is missing while its backend is used."""
    if apps.is_installed("djbundle.tasks"):
        return []
    hint = 'Add "djbundle.tasks" to INSTALLED_APPS.'
    return [Error("TASKS uses djbundle.tasks.DatabaseBackend without its app.", hint=hint, id="djbundle_tasks.E001")]


def check_options(backend: Any) -> list[CheckMessage]:
    """Report unknown names in OPTIONS, and values that are no duration, number or function where one is needed."""
    messages: list[CheckMessage] = []
    for name in backend.options.keys() - set(options.NAMES):
        hint = f"These are known: {', '.join(options.NAMES)}."
        messages.append(Error(f'OPTIONS of TASKS has an unknown name: "{name}".', hint=hint, id="djbundle_tasks.E005"))
    for name in ("LEASE", "KEEP"):
        value = backend.options.get(name, 1)
        if not (is_duration(value) or (name == "KEEP" and value is None)):
            message = f"{name} in OPTIONS must be a number of seconds above 0 or a timedelta, not {value!r}."
            messages.append(Error(message, id="djbundle_tasks.E006"))
    if url := backend.options.get("URL"):
        messages += _check_url(url)
    if engine := backend.options.get("ENGINE"):
        messages += check_engine(engine, backend.queues)
    max_attempts = backend.options.get("MAX_ATTEMPTS", 1)
    if not isinstance(max_attempts, int) or max_attempts < 1:
        message = f"MAX_ATTEMPTS in OPTIONS must be a whole number above 0, not {max_attempts!r}."
        messages.append(Error(message, id="djbundle_tasks.E007"))
    backoff = backend.options.get("BACKOFF", 0)
    if not callable(backoff) and not is_number(backoff):
        message = f"BACKOFF in OPTIONS must be a number of seconds or a function, not {backoff!r}."
        messages.append(Error(message, id="djbundle_tasks.E008"))
    return messages


def _check_url(url: str) -> list[CheckMessage]:
    try:
        broker = BrokerUrl.parse(url)
        broker.check_installed()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="djbundle_tasks.E009")]
    if broker.has_rows:
        return []
    hint = "get_result() does not find them. Tasks that fail, wait, are limited, unique or in a workflow have rows."
    return [Info("With rows=no, tasks that succeed leave no trace.", hint=hint, id="djbundle_tasks.I001")]


def check_engine(alias: Any, queues: Iterable[str]) -> list[CheckMessage]:
    """Report an engine that is not an alias of TASKS, or is a backend of ours, or lacks one of the `queues`."""
    others = {each.alias: each.queues for each in backends.usable() if each.task_class is not RetryingTask}
    if alias in others:
        missing = sorted({*queues} - others[alias]) if others[alias] else []
        text = f'The engine "{alias}" of TASKS lacks queues: {", ".join(missing)}.'
        hint = "Add them to its QUEUES."
        return [Error(text, hint=hint, id="djbundle_tasks.E011")] if missing else []
    hint = f"These are other backends: {', '.join(others)}." if others else "Add another backend to TASKS."
    return [Error(f'ENGINE in OPTIONS of TASKS is no other backend: "{alias}".', hint=hint, id="djbundle_tasks.E010")]


def check_rate_limits(backend: Any) -> list[CheckMessage]:
    """Report rates that cannot be parsed, and rates for queues that do not exist."""
    from djbundle.tasks.store.limits import Rate  # noqa: PLC0415 - apps are not loaded when this module is

    messages: list[CheckMessage] = []
    for name, text in backend.options.get("RATE_LIMITS", {}).items():
        try:
            Rate.parse(text)
        except ImproperlyConfigured as error:
            messages.append(Error(f'RATE_LIMITS of queue "{name}": {error}', id="djbundle_tasks.E003"))
        if backend.queues and name not in backend.queues:
            hint = f'Add "{name}" to QUEUES.'
            messages.append(Error(f'RATE_LIMITS names no queue: "{name}".', hint=hint, id="djbundle_tasks.E004"))
    return messages


def check_database(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Report an error if tasks are kept in a kind of database that is not supported."""
    from djbundle.tasks.models import TaskRecord  # noqa: PLC0415 - apps are not loaded when this module is

    alias = router.db_for_write(TaskRecord)
    if alias not in (databases or ()) or connections[alias].vendor in SUPPORTED:
        return []
    hint = "Keep tasks in SQLite, PostgreSQL, MySQL or MariaDB, with a database router if need be."
    return [Error(f'Tasks cannot be kept in "{alias}".', hint=hint, id="djbundle_tasks.E002")]
