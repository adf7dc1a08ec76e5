"""Try in the project, from its sources, what failed in its bundle. Runs in a separate process; see comparison.py.

comparison.py starts it in the project's folder, with DJANGO_SETTINGS_MODULE set and the argument WORK. It reads from
``WORK/plan.json`` what to try, and adds to ``WORK/outcomes.jsonl`` a line for each command and request, with what it is
and its outcome: the last line of the traceback, a status such as "404", or "" if nothing fails. A page that does not
answer has the outcome "dies" or "hangs". Its process may be ended at any time; the lines so far count.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from djbundle.builder.core.sandbox import confine_to
from djbundle.builder.inspection.collect import prepare_static_files
from djbundle.builder.inspection.probe import ensure_secret_key, redirect_files, replace_cache_servers
from djbundle.builder.verify.client import ACCEPT, PAGE_TIMEOUT
from djbundle.builder.verify.outcomes import HANGS, NOT_STARTED
from djbundle.common.backends import is_sqlite
from djbundle.common.child import ChildDiedError, run_in_child
from djbundle.contract.variables import SETTINGS_MODULE
from djbundle.settings_module import applying_changes, import_settings

SLOW_PAGE_TIMEOUT = 3 * PAGE_TIMEOUT  # seconds for a page that did answer in the bundle: it is the first of its process
THREADS = Path("/proc/self/task")


def run() -> None:
    work = Path(sys.argv[1])
    if not confine_to(work):
        sys.exit("error: this machine does not let the project be isolated")
    plan = json.loads((work / "plan.json").read_bytes())
    with (work / "outcomes.jsonl").open("w", buffering=1) as file:
        for what, outcome in outcomes_of(plan, work):
            file.write(json.dumps([what, outcome]) + "\n")


def outcomes_of(plan: dict[str, Any], work: Path) -> Iterator[tuple[str, str]]:
    """Yield what was tried, with its outcome. If the project does not start, the error is that of each command."""
    try:
        set_up_project(plan, work)
    except BaseException as error:
        yield from ((name, error_line(error)) for name in [*plan["commands"], NOT_STARTED])
        return
    for name in plan["commands"]:
        yield name, outcome_of_command(name)
    import_urls()
    for each in plan["requests"]:
        yield each["what"], outcome_in_a_child(each, plan)


def set_up_project(plan: dict[str, Any], work: Path) -> None:
    """Start Django with the settings changed as in a bundle, on the crawl's databases or on new ones."""
    settings: Any = import_settings(os.environ[SETTINGS_MODULE])
    with applying_changes(settings):
        change_settings(settings, plan, work)
    import django  # noqa: PLC0415 - after the settings, whose errors come first

    django.setup()


def import_urls() -> None:
    """Import the URLs once, and not in the process of each page, unless that starts threads: none survives a fork."""
    with contextlib.suppress(ChildDiedError, TimeoutError):
        if run_in_child(threads_after_urls, SLOW_PAGE_TIMEOUT) == "1":
            threads_after_urls()


def threads_after_urls() -> str:
    """Import the URLs, and return how many threads run then."""
    from django.urls import get_resolver  # noqa: PLC0415 - the settings come first

    with contextlib.suppress(BaseException):  # each page raises it again
        list(get_resolver().reverse_dict)
    return str(len([*THREADS.iterdir()]))


def change_settings(settings: Any, plan: dict[str, Any], work: Path) -> None:
    settings.ALLOWED_HOSTS, settings.DEBUG = ["*"], False
    ensure_secret_key(settings)
    redirect_files(settings, str(work))
    prepare_static_files(settings, Path(plan["static"]))
    replace_cache_servers(settings, str(work))
    for alias, database in getattr(settings, "DATABASES", {}).items():
        if not is_sqlite(database.get("ENGINE", "")):
            database["ENGINE"] = "django.db.backends.sqlite3"
            database["OPTIONS"] = {}
        database["NAME"] = plan["databases"].get(alias, str(work / f"new-{alias}.sqlite3"))


def outcome_of_command(name: str) -> str:
    from django.core.management import call_command  # noqa: PLC0415 - the settings come first

    try:
        call_command(name, **{"interactive": False} if name == "migrate" else {})
    except BaseException as error:
        return error_line(error)
    return ""


def outcome_in_a_child(request: dict[str, Any], plan: dict[str, Any]) -> str:
    """Return the result of `outcome_of_request`, run in a child process.

    It is "dies" if the page ends its process, and "hangs" if the page does not answer in time.
    """
    from django.db import connections  # noqa: PLC0415 - as above

    connections.close_all()  # no connection survives a fork
    timeout = PAGE_TIMEOUT if request["hangs"] else SLOW_PAGE_TIMEOUT
    try:
        return run_in_child(lambda: outcome_of_request(request, plan), timeout)
    except TimeoutError:
        return HANGS
    except ChildDiedError:
        return "dies"


def outcome_of_request(request: dict[str, Any], plan: dict[str, Any]) -> str:
    from django.conf import settings  # noqa: PLC0415 - as above
    from django.contrib.staticfiles import finders  # noqa: PLC0415
    from django.core.signals import got_request_exception  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    static = settings.STATIC_URL or ""
    path = request["path"]
    if static and path.startswith(static) and finders.find(path.removeprefix(static)):
        return ""  # else the site answers, and may fail
    errors: list[str] = []  # the first is the cause: the error page may fail as well

    def record_error(**_: object) -> None:
        errors.append(error_line(sys.exception() or RuntimeError()))

    got_request_exception.connect(record_error)
    try:
        client = Client(SERVER_NAME=plan["host"], HTTP_ACCEPT=ACCEPT)
        if request["superuser"]:
            from django.contrib.auth import get_user_model  # noqa: PLC0415

            client.force_login(get_user_model()._default_manager.get(pk=plan["superuser"]))
        response = client.get(path, secure=plan["is_https"])
        if response.streaming:
            next(iter(response), None)  # the content is made after the headers, and may fail
    except BaseException as error:
        return errors[0] if errors else error_line(error)
    finally:
        got_request_exception.disconnect(record_error)
    return str(response.status_code) if response.status_code >= 400 else ""


def error_line(error: BaseException) -> str:
    """Return the first line of the error, as at the end of a traceback."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{name}: {error}".splitlines()[0]
