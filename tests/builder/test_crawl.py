"""The message of a failed command, in one line; and the user as whom the crawler logs in."""

import ast
import datetime
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import models
from django.utils import timezone

from djbundle import stand_ins
from djbundle.builder.core.sandbox import SandboxPaths
from djbundle.builder.core.tracebacks import error_in_output, last_traceback
from djbundle.builder.verify import crawl
from djbundle.builder.verify.crawl import START_TIMEOUT, Crawler
from djbundle.builder.verify.diagnosis import Diagnosis
from djbundle.builder.verify.in_bundle_scripts import SITE_FACTS_SCRIPT
from djbundle.contract import verification


@pytest.fixture
def _settings() -> None:
    """Configure settings, which fields need, unless another test has done so."""
    if not settings.configured:
        settings.configure()


TRACEBACK = """Traceback (most recent call last):
  File "git/__init__.py", line 296, in <module>
    refresh()
ImportError: Bad git executable.
The git executable must be specified in one of the following ways:
    - be included in your $PATH
"""
CHECKS = """SystemCheckError: System check identified some issues:

ERRORS:
?: (shop.E001) There is no gateway.
\tHINT: Set GATEWAY.

WARNINGS:
?: (shop.W001) It is late.
"""


@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        ("a warning\nerror: the disk is full\n  fix: free some room\n", "the disk is full"),
        (TRACEBACK, "ImportError: Bad git executable."),
        (f"{TRACEBACK}\nDuring handling of the above exception:\n\n{TRACEBACK}", "ImportError: Bad git executable."),
        (TRACEBACK.replace("ImportError", "Retrying (1): later\nImportError"), "ImportError: Bad git executable."),
        (CHECKS, "?: (shop.E001) There is no gateway."),
        (CHECKS.replace("ERRORS", "CRITICALS"), "?: (shop.E001) There is no gateway."),
        ("some words\nCommandError: no such thing\n", "CommandError: no such thing"),
        ("", ""),
    ],
)
def test_error_in_output(stderr: str, message: str) -> None:
    assert error_in_output(stderr) == message


@pytest.mark.parametrize(
    ("message", "trace", "reason"),
    [
        ("KeyError: 'page'", "", ""),
        ("django.utils.datastructures.MultiValueDictKeyError: 'page'", "", "it needs a parameter ('page')"),
        ("OSError: no", "socket.gaierror: Name or service not known", "it needs the network, which is not there"),
        ("ConnectionError: Connection refused", "", "it needs the network, which is not there"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'a.json'", "in open", ""),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/bin/sh'",
            "Name or service not known",
            "it starts the program /bin/sh, which an empty root does not have",
        ),
        (
            "ImportError: Failed to initialize: Bad git executable.",
            TRACEBACK,
            "it starts the program git, which an empty root does not have",
        ),
        ("ImportError: it did not start", TRACEBACK, "it starts the program git"),
        ("ModuleNotFoundError: No module named 'git'", "", ""),
        ("ImportError: cannot import name 'git2'", '  File "git/cmd.py", line 1, in git', ""),
        ("?: (shop.E001) no gateway.", CHECKS.replace("late", "without git"), ""),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'a.json'", "", ""),
    ],
)
def test_what_no_crawl_can_have_is_diagnosed(message: str, trace: str, reason: str, tmp_path: Path) -> None:
    diagnosis = Diagnosis(tmp_path)
    (tmp_path / verification.ABSENT_PROGRAMS).write_text("file\n/bin/sh\ngit\n")
    assert diagnosis.reason_for(message, trace).startswith(reason)
    assert bool(diagnosis.reason_for(message, trace)) is bool(reason)


def test_cache_that_does_more_than_djangos_is_diagnosed(tmp_path: Path) -> None:
    diagnosis = Diagnosis(tmp_path)
    message = "NotImplementedError: This backend does not support this feature"
    assert diagnosis.reason_for(message, "") == ""
    diagnosis.caches.append("django_redis.cache.RedisCache")
    assert "needs a function of its cache" in diagnosis.reason_for(message, "")
    assert diagnosis.reason_for("NotImplementedError: a cache of the project", "") == ""
    lacking = f"AttributeError: '{stand_ins.CACHE.rpartition('.')[2]}' object has no attribute 'lock'"
    assert "needs a function of its cache" in diagnosis.reason_for(lacking, "")


def test_noise_of_other_threads_is_no_reason() -> None:
    first = "Traceback (most recent call last):\n  File 'a'\nsocket.gaierror: Name or service not known\n"
    middle = "\nThe above exception was the direct cause of the following exception:\n\n"
    noise = "Retrying: Temporary failure in name resolution\n"
    last = "Traceback (most recent call last):\n  File 'b'\nModuleNotFoundError: No module named 'c'\n"
    assert "Name or service" in last_traceback(f"{noise}{first}{middle}{last}{noise}")
    assert "Temporary" not in last_traceback(f"{noise}{first}{middle}{last}{noise}")
    assert "Name or service" not in last_traceback(f"{first}{noise}{last}")
    assert "File 'b'" in last_traceback(f"{first}{noise}{last}")
    assert last_traceback("no traceback") == ""


@pytest.mark.parametrize(("check_seconds", "timeout"), [(1.0, START_TIMEOUT), (100.0, 400.0)])
def test_time_of_a_start_follows_from_the_checks(tmp_path: Path, check_seconds: float, timeout: float) -> None:
    crawler = Crawler(SandboxPaths(tmp_path / "shop", tmp_path, is_empty=True), {}, lambda _share: None)
    crawler.check_seconds = check_seconds
    assert crawler.start_timeout() == timeout


@pytest.mark.parametrize(
    ("code", "message"),
    [("import time; time.sleep(1000)", "it did not start within 0 s"), ("exit(3)", "it ended with code 3")],
)
def test_site_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str) -> None:
    monkeypatch.setattr(crawl, "START_TIMEOUT", 0.0 if "sleep" in code else 60.0)
    crawler = Crawler(SandboxPaths(tmp_path / "shop", tmp_path, is_empty=True), {}, lambda _share: None)
    crawler.log.file.touch()
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        assert crawler.wait_until_ready(process) is None
        process.kill()
    assert [each.message for each in crawler.record.problems] == [message]


def function_of_script(name: str) -> Callable[[Any], Any]:
    """Return the function of that name from the text that runs in the bundle."""
    (function,) = [each for each in ast.parse(SITE_FACTS_SCRIPT).body if getattr(each, "name", "") == name]
    known: dict[str, Any] = {"datetime": datetime, "timezone": timezone, "uuid": uuid}
    exec(compile(ast.Module([function], []), "script", "exec"), known)
    return known[name]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("allowed", "host"),
    [(["*"], "localhost"), (["::1", ".shop.example", "a"], "shop.example"), (["[::1]", "127.0.0.1"], "127.0.0.1")],
)
def test_crawler_calls_the_site_by_a_name_of_its_own(allowed: list[str], host: str) -> None:
    assert function_of_script("host")(allowed) == host


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (models.EmailField, {}),
        (models.CharField, {"max_length": 5}),
        (models.CharField, {"max_length": 1, "choices": [("group", [("a", "A"), ("b", "B")])]}),
        (models.DateField, {}),
        (models.DateTimeField, {}),
        (models.PositiveSmallIntegerField, {}),
        (models.DecimalField, {"max_digits": 4, "decimal_places": 2}),
        (models.BooleanField, {}),
        (models.UUIDField, {}),
    ],
)
@pytest.mark.usefixtures("_settings")
def test_superuser_has_what_the_project_requires(kind: Callable[..., Any], options: dict[str, Any]) -> None:
    field = kind(**options)
    field.clean(function_of_script("value_for")(field), None)
