"""Import the project in a separate process and write what it saw to a JSON report.

inspection.py starts it in the project's folder, with DJANGO_SETTINGS_MODULE set. The arguments are REPORT and
STATIC_FOLDER, and --stand-ins to replace cache servers. The report is ``{"facts": {...}}`` or ``{"failure": {"step",
"type", "message", ...}}``. The project's own folder stays unchanged: databases and caches are created elsewhere, and
all other writes are discarded.
"""

import json
import os
import secrets
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from djbundle.builder.core.sandbox import keep_writes_in_memory
from djbundle.builder.inspection import source_reads
from djbundle.builder.inspection.collect import collect_static_files, prepare_static_files
from djbundle.builder.inspection.facts import collect_facts, file_of, machine_ties
from djbundle.builder.inspection.required_variables import (
    missing_in_models,
    missing_variable,
    missing_variables,
    needed_variables,
)
from djbundle.builder.inspection.settings_models import model_readings
from djbundle.builder.inspection.site_imports import import_if_possible, import_what_requests_need, modules_of_apps
from djbundle.builder.inspection.sqlite_files import sqlite_files
from djbundle.builder.inspection.watch import Watch
from djbundle.builder.project.env_files import ENV_FILE, names_in
from djbundle.common.backends import is_sqlite
from djbundle.common.sqlite_uris import file_opened_for_reading
from djbundle.common.threads import ThreadStarts, find_lost_threads
from djbundle.contract import verification
from djbundle.contract.variables import SETTINGS_MODULE
from djbundle.settings_module import INSECURE_KEY, applying_changes, import_settings
from djbundle.stand_ins import replace_caches

opened: list[str] = []  # absolute paths of opened files, in order
env_files: list[str] = []  # files with environment variables, each once


def note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    """Record opened files, as an audit hook (see sys.addaudithook).

    Extension modules raise no "open" event, but an "import" event with their path. SQLite opens files by itself.
    """
    if event == "sqlite3.connect":
        path: object = file_opened_for_reading(arguments[0])
    else:
        path = arguments[0] if event == "open" else arguments[1] if event == "import" else None
    if not isinstance(path, str):
        return
    if path.startswith("/"):
        opened.append(path)
    if event == "open" and ENV_FILE.search(path) and (file := str(Path(path).absolute())) not in env_files:
        env_files.append(file)


def probe(report: Path, static_folder: Path, scratch: str, *, stand_ins: bool) -> None:
    step = "settings"
    name, before = os.environ[SETTINGS_MODULE], dict(os.environ)
    watch = Watch(Path.cwd())
    opened.extend(file for module in list(sys.modules.values()) if (file := file_of(module)))
    sys.addaudithook(note_opened)
    sys.addaudithook(source_reads.record_event)
    watch.start()
    starts = ThreadStarts(lambda frame: watch.is_own(frame.f_code.co_filename))
    try:
        with starts:
            module = import_settings(name)
            needed = needed_variables(watch, name, before, env_files)
            static_root = str(getattr(module, "STATIC_ROOT", None) or "")
            with applying_changes(module):
                databases = sqlite_files(module)
                prepare_static_files(module, static_folder)
                redirect_files(module, scratch)
                if stand_ins:
                    replace_cache_servers(module, scratch)
                is_key_local = ensure_secret_key(module)
            step = "setup"
            start_django()
            step = "imports"
            failed_checks = import_what_requests_need()
        lost = find_lost_threads(starts)
        start = list(dict.fromkeys(opened))
        for module_name in modules_of_apps():
            import_if_possible(module_name)
        step = "static"
        collected = collect_static_files(static_root)
        facts = collect_facts(static_root, start=start, collected=collected)
        facts |= {"variables": variable_facts(watch, needed, before), "machine_ties": machine_ties(is_key_local)}
        facts |= {"databases": databases, "failed_checks": failed_checks}
        facts["threads"] = [(f"{each.kind} {each.name}", watch.relative_place(each.place)) for each in lost]
        result: dict[str, Any] = {"facts": facts}
    except BaseException as error:
        result = {"failure": failure_facts(step, error, watch)}
    report.write_text(json.dumps(result))


def ensure_secret_key(module: ModuleType) -> bool:
    """Set a temporary SECRET_KEY where the project has none. Return whether a bundle makes a key of its own."""
    key = str(getattr(module, "SECRET_KEY", None) or "")
    if not key:
        module.SECRET_KEY = secrets.token_hex()  # type: ignore[attr-defined]
    return not key or key.startswith(INSECURE_KEY)


def redirect_files(module: ModuleType, scratch: str) -> None:
    """Move file-based databases, caches and logs to `scratch`, because starting Django opens them."""
    for database in getattr(module, "DATABASES", {}).values():
        if is_sqlite(database.get("ENGINE", "")):
            database["NAME"] = ":memory:"
    for cache in getattr(module, "CACHES", {}).values():
        if cache.get("BACKEND", "").endswith("FileBasedCache"):
            cache["LOCATION"] = scratch
    for handler in (getattr(module, "LOGGING", None) or {}).get("handlers", {}).values():
        if "filename" in handler:
            handler["filename"] = os.path.join(scratch, "log")  # noqa: PTH118 - a text, as handlers want it


def replace_cache_servers(module: ModuleType, scratch: str) -> None:
    """Replace caches that are servers.

    A setting keeps the replaced backends, so that they are still imported.
    """
    caches = getattr(module, "CACHES", {})
    replaced = replace_caches(caches, Path(scratch))
    if replaced:
        setattr(module, verification.CACHES, [caches[alias]["BACKEND"] for alias in replaced])
        module.CACHES = caches | replaced  # type: ignore[attr-defined]


def start_django() -> None:
    import django  # noqa: PLC0415 - after the settings, whose errors come first

    django.setup()


def variable_facts(watch: Watch, needed: set[str], before: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the variables that the project read.

    For each: whether the project needs it to start, and where its value came from on this machine.
    """
    in_files = {name: file for file in reversed(env_files) for name in names_in([file])}
    return [
        {
            "name": reading.name,
            "needed": reading.name in needed,
            "place": reading.place,
            "origin": "the environment" if reading.name in before else in_files.get(reading.name, ""),
        }
        for reading in watch.readings.values()
    ]


def failure_facts(step: str, error: BaseException, watch: Watch) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if watch.is_own(frame.filename)]
    at = own[-1] if own else None
    return {
        "step": step,
        "type": type(error).__name__,
        "message": str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error),
        "missing_module": error.name if isinstance(error, ModuleNotFoundError) else None,
        "missing_variables": missing_with_places(step, error, watch),
        "place": f"{Path(at.filename).relative_to(Path.cwd())}:{at.lineno}" if at else None,
    }


def missing_with_places(step: str, error: BaseException, watch: Watch) -> list[tuple[str, str]]:
    """Return every variable that the project lacks, and the place where it is read."""
    if names := missing_in_models(watch):
        missing = names
        places = {item.name: item.place for item in model_readings(watch)}
    else:
        first = missing_variable(error)
        missing = missing_variables(watch, os.environ[SETTINGS_MODULE], first) if first and step == "settings" else []
        missing = missing or ([first] if first else [])
        places = {name: reading.place for name, reading in watch.readings.items()}
    return [(name, places.get(name, "")) for name in missing]


def run() -> None:
    report, static_folder = Path(sys.argv[1]), Path(sys.argv[2])
    if not report.is_relative_to(Path.cwd()):  # else TMPDIR is inside the project
        keep_writes_in_memory(Path.cwd(), report.parent)
    with tempfile.TemporaryDirectory() as folder:
        probe(report, static_folder, folder, stand_ins=bool(sys.argv[3:]))
