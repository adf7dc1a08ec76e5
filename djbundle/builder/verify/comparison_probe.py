"""Try in the project, from its sources, what failed in its bundle. Runs in a separate process; see comparison.py.

comparison.py starts it in the project's folder, with DJANGO_SETTINGS_MODULE set and the argument WORK. It writes to
``WORK/answer.json`` an outcome for each command and request: the last line of the traceback, a status such as "404", or
"" if nothing fails. A page that does not answer has the outcome "dies" or "hangs".
"""

import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any

from djbundle.builder.core.engines import SQLITE
from djbundle.builder.core.sandbox import forbid_all_but
from djbundle.builder.inspection.collect import prepare_static_files
from djbundle.builder.inspection.probe import do_without_cache_servers, give_secret_key, keep_files_away
from djbundle.builder.project.discovery import SETTINGS_VARIABLE
from djbundle.builder.verify.client import ACCEPT, PATIENCE
from djbundle.settings_module import changing, import_settings

ANSWERED = "answered: "


def run() -> None:
    work = Path(sys.argv[1])
    if forbid_all_but(work):
        questions = json.loads((work / "questions.json").read_bytes())
        (work / "answer.json").write_text(json.dumps(answer(questions, work)))


def answer(questions: dict[str, Any], work: Path) -> dict[str, str]:
    asked = [*questions["commands"], *(each["what"] for each in questions["requests"])]
    try:
        prepare(questions, work)
    except BaseException as error:
        return dict.fromkeys(asked, said(error))
    commands = {name: outcome_of_command(name) for name in questions["commands"]}
    return commands | {each["what"]: outcome_in_a_child(each, questions) for each in questions["requests"]}


def prepare(questions: dict[str, Any], work: Path) -> None:
    """Start Django with the settings changed as in a bundle, on the crawl's databases or on new ones."""
    settings: Any = import_settings(os.environ[SETTINGS_VARIABLE])
    with changing(settings):
        change(settings, questions, work)
    import django  # noqa: PLC0415 - after the settings, whose errors come first

    django.setup()


def change(settings: Any, questions: dict[str, Any], work: Path) -> None:
    settings.ALLOWED_HOSTS, settings.DEBUG = ["*"], False
    give_secret_key(settings)
    keep_files_away(settings, str(work))
    prepare_static_files(settings, Path(questions["static"]))
    do_without_cache_servers(settings, str(work))
    for alias, database in getattr(settings, "DATABASES", {}).items():
        if not database.get("ENGINE", "").endswith(SQLITE):
            database["ENGINE"] = "django.db.backends.sqlite3"
            database["OPTIONS"] = {}
        database["NAME"] = questions["databases"].get(alias, str(work / f"new-{alias}.sqlite3"))


def outcome_of_command(name: str) -> str:
    from django.core.management import call_command  # noqa: PLC0415 - the settings come first

    try:
        call_command(name, **{"interactive": False} if name == "migrate" else {})
    except BaseException as error:
        return said(error)
    return ""


def outcome_in_a_child(request: dict[str, Any], questions: dict[str, Any]) -> str:
    """Return the result of `outcome_of_request`, run in a child process.

    It is "dies" if the page ends its process, and "hangs" if the page does not answer in time.
    """
    from django.db import connections  # noqa: PLC0415 - as above

    connections.close_all()  # no connection survives a fork
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writer, (ANSWERED + outcome_of_request(request, questions)).encode()[:4096])
        finally:
            os._exit(0)
    os.close(writer)
    try:
        is_late = not select.select([reader], [], [], PATIENCE)[0]
        told = "" if is_late else os.read(reader, 4096).decode(errors="replace")
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if is_late:
        return "hangs"
    return told.removeprefix(ANSWERED) if told else "dies"


def outcome_of_request(request: dict[str, Any], questions: dict[str, Any]) -> str:
    from django.conf import settings  # noqa: PLC0415 - as above
    from django.contrib.staticfiles import finders  # noqa: PLC0415
    from django.core.signals import got_request_exception  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    static = settings.STATIC_URL or ""
    path = request["path"]
    if static and path.startswith(static):
        return "" if finders.find(path.removeprefix(static)) else "404"
    raised: list[str] = []  # the first is the cause: the error page may fail as well

    def note(**_: object) -> None:
        raised.append(said(sys.exception() or RuntimeError()))

    got_request_exception.connect(note)
    try:
        client = Client(SERVER_NAME=questions["host"], HTTP_ACCEPT=ACCEPT)
        if request["superuser"]:
            from django.contrib.auth import get_user_model  # noqa: PLC0415

            client.force_login(get_user_model()._default_manager.get(pk=questions["superuser"]))
        response = client.get(path, secure=questions["is_https"])
        if response.streaming:
            next(iter(response), None)  # the content is made after the headers, and may fail
    except BaseException as error:
        return raised[0] if raised else said(error)
    finally:
        got_request_exception.disconnect(note)
    return str(response.status_code) if response.status_code >= 400 else ""


def said(error: BaseException) -> str:
    """Return the first line of the error, as at the end of a traceback."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{name}: {error}".splitlines()[0]
