"""``manage.py runserver`` runs tasks: the worker starts, reloads and stops with it."""

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.test import override_settings

from djbundle.tasks.management import runserver
from tests.support.ports import free_port
from tests.support.waiting import wait_until

PROJECT = Path(__file__).parents[1] / "projects" / "small"


class Runserver:
    """A copy of the small project, served by Django."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        outer = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "TASKS_TEST"))}
        self.environment = outer | environment
        self._manage("migrate", "--verbosity", "0").wait()
        self.process = self._manage("runserver", f"127.0.0.1:{self.port}", *options)
        wait_until(self.answers, "it serves")

    def _manage(self, *arguments: str) -> subprocess.Popen[bytes]:
        # A background job of a shell ignores Ctrl-C, and so do its children.
        command = ["env", "--default-signal=INT", sys.executable, "manage.py", *arguments]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, start_new_session=True)

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return str(answer.read().decode())

    def answers(self) -> bool:
        try:
            return bool(self.get("/"))
        except (urllib.error.URLError, ConnectionError):
            return False

    def workers(self) -> list[psutil.Process]:
        """Return the processes that claim tasks, not those that run them."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        workers = [each for each in children if "worker" in each.cmdline()]
        return [each for each in workers if each.parent() not in workers]

    def everything(self) -> list[psutil.Process]:
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


StartRunserver = Callable[..., Runserver]


@pytest.fixture
def start_runserver(tmp_path: Path) -> Iterator[StartRunserver]:
    started: list[Runserver] = []

    def start(*options: str, **environment: str) -> Runserver:
        folder = shutil.copytree(PROJECT, tmp_path / "small")
        started.append(Runserver(folder, *options, **environment))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            for each in server.everything():
                each.kill()
        server.process.wait()


def test_reload_and_end(start_runserver: StartRunserver) -> None:
    server = start_runserver()
    server.get("/write/?text=first-one")
    wait_until(lambda: "first-one" in server.get("/"), "the task is run")
    (old,) = server.workers()

    tasks = server.folder / "notes" / "tasks.py"
    tasks.write_text(tasks.read_text().replace("text=text", "text=text.upper()"))
    wait_until(lambda: not is_alive(old), "the old worker ends")
    wait_until(server.answers, "it serves again")
    server.get("/write/?text=second-one")
    wait_until(lambda: "SECOND-ONE" in server.get("/"), "the task is run with new code")
    assert len(server.workers()) == 1

    processes = server.everything()
    os.killpg(server.process.pid, signal.SIGINT)  # as Ctrl-C does
    assert server.process.wait(20) == 0
    wait_until(lambda: not any(is_alive(each) for each in processes), "nobody is left")


@pytest.mark.parametrize("options", [[], ["--noreload"]])
def test_killed_server_leaves_nobody(start_runserver: StartRunserver, options: list[str]) -> None:
    server = start_runserver(*options)
    (worker,) = wait_until(server.workers, "the worker starts")
    processes = [worker, *worker.children(recursive=True)]
    parent = worker.parent()
    assert parent
    parent.kill()
    wait_until(lambda: not any(is_alive(each) for each in processes), "the worker ends with it")


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch, settings_with_debug: None) -> None:
    """Make this process look like the serving one of runserver."""
    monkeypatch.setattr(sys, "argv", ["manage.py", "runserver", "--pythonpath", "lib", "8000"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.setenv("RUN_MAIN", "true")


@pytest.fixture
def settings_with_debug() -> Iterator[None]:
    with override_settings(DEBUG=True):
        yield


def test_started_with_the_same_manage_py(serving: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert runserver.must_start_worker()
    monkeypatch.chdir(tmp_path)
    Path("manage.py").touch()
    command = runserver.worker_command()
    assert command[0] == sys.executable
    assert command[command.index("manage.py") + 1] == "worker"
    assert command[-2:] == ["--pythonpath", "lib"]


OTHER_TASKS = {"default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}}
WITHOUT = {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend", "OPTIONS": {"RUNSERVER": False}}}


@pytest.mark.parametrize("changes", [{"DEBUG": False}, {"TASKS": OTHER_TASKS}, {"TASKS": WITHOUT}])
def test_settings_that_start_none(serving: None, changes: dict[str, Any]) -> None:
    with override_settings(**changes):
        assert not runserver.must_start_worker()


def test_variable_that_starts_none(serving: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJBUNDLE_RUNSERVER_WORKER", "0")
    assert not runserver.must_start_worker()


@pytest.mark.parametrize("argv", [["manage.py", "test"], ["gunicorn", "small.wsgi"], ["pytest"]])
def test_other_programs_start_none(serving: None, monkeypatch: pytest.MonkeyPatch, argv: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert not runserver.must_start_worker()


def test_the_autoreloader_itself_starts_none(serving: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUN_MAIN")
    assert not runserver.must_start_worker()
