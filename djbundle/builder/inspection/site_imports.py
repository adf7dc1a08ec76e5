"""Imports what a site imports, at its start and later, so that the inspection sees it."""

import contextlib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from djbundle.common.backends import is_sqlite


def import_what_requests_need() -> list[str]:
    """Import what a running site imports before its first request; return the errors of Django's checks."""
    from django.conf import settings  # noqa: PLC0415
    from django.core.checks import run_checks  # noqa: PLC0415
    from django.core.checks.registry import registry  # noqa: PLC0415
    from django.db import Error as DatabaseError  # noqa: PLC0415
    from django.utils.module_loading import import_string  # noqa: PLC0415

    ignoring_database_errors = contextlib.suppress(DatabaseError)  # a build needs no database server and no tables
    with ignoring_database_errors:
        importlib.import_module(settings.ROOT_URLCONF)
    failed = []
    registry.registered_checks = OrderedChecks(sorted(registry.registered_checks, key=name_of_check))  # type: ignore[assignment]
    with ignoring_database_errors:
        failed = [str(each) for each in run_checks() if each.is_serious() and not each.is_silenced()]
    for dotted_path in dotted_settings():
        with contextlib.suppress(Exception):  # a site may never import it, or only once its tables exist
            import_string(dotted_path)
    for name in (settings.WSGI_APPLICATION, getattr(settings, "ASGI_APPLICATION", None)):
        if name:
            with ignoring_database_errors:
                import_string(name)
    for name in late_modules():
        import_if_possible(name)
    load_extensions_of_sqlite()
    return failed


class OrderedChecks(list[Callable[..., Any]]):
    """Checks in an order that is always the same.

    Django has a set, whose order depends on places in memory. The order of imports would vary with it, and so would the
    contents of the bundle.
    """

    add = list.append


def name_of_check(check: Callable[..., Any]) -> str:
    return f"{check.__module__}.{getattr(check, '__qualname__', type(check).__qualname__)}"


def load_extensions_of_sqlite() -> None:
    """Connect to the in-memory databases.

    Their engine, or a signal handler of the project, may then load libraries.
    """
    from django.db import connections  # noqa: PLC0415

    for connection in connections.all():
        if is_sqlite(connection.settings_dict["ENGINE"]):
            with contextlib.suppress(Exception):  # an error of the project here is not an error of the site's start
                connection.ensure_connection()


def late_modules() -> Iterator[str]:
    """Yield modules that Django imports by a computed name, when it reads a fixture or hashes a password."""
    from django.apps import apps  # noqa: PLC0415
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.core.serializers import BUILTIN_SERIALIZERS  # noqa: PLC0415

    yield BUILTIN_SERIALIZERS["yaml"]
    if not apps.is_installed("django.contrib.auth"):
        return
    from django.contrib.auth.hashers import get_hashers  # noqa: PLC0415

    with contextlib.suppress(ImportError, ImproperlyConfigured):
        for hasher in get_hashers():
            if library := getattr(hasher, "library", None):
                yield library if isinstance(library, str) else library[-1]


def dotted_settings() -> Iterator[str]:
    """Yield every text in the project's settings that may be the dotted path of a class or function.

    Django's defaults are skipped: they name parts of Django, which may need apps that are not installed.
    """
    from django.conf import settings  # noqa: PLC0415

    own = (name for name in dir(settings) if name.isupper() and settings.is_overridden(name))  # type: ignore[misc]
    waiting: list[object] = [getattr(settings, name) for name in own]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if "." in value and all(part.isidentifier() for part in value.split(".")):
                yield value
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple | set):
            waiting.extend(value)


def modules_of_apps() -> Iterator[str]:
    """Yield template tags, management commands and tasks, which Django imports by name when needed."""
    from django.apps import apps  # noqa: PLC0415

    for app in apps.get_app_configs():
        for below in ("templatetags", "management.commands"):
            folder = Path(app.path, *below.split("."))
            yield from (f"{app.name}.{below}.{item.name}" for item in pkgutil.iter_modules([str(folder)]))
        if Path(app.path, "tasks.py").is_file():
            yield f"{app.name}.tasks"


def import_if_possible(name: str) -> None:
    """Import a module, and ignore errors: a package, a system library or a server may be missing."""
    with contextlib.suppress(Exception, SystemExit):
        importlib.import_module(name)
