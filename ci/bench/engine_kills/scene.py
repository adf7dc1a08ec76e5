"""The processes that are killed, and started again as a service manager does."""

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from ci.bench.engine_kills.engines import Engine
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).parents[3]
HOST = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]  # process ids of its own: another machine
START = ["-m", "ci.bench.engine_kills.start"]
CELERY = ["-m", "celery", "--app", "ci.bench.engine_kills.celery_app", "worker", "--concurrency", "2"]


@dataclass
class Scene:
    """A web process, two workers and, with a broker, a relay. One of the workers seems to be on another machine."""

    engine: Engine
    count: int
    folder: Path
    python: str = sys.executable
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.grant(0)
        self.keep_running()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running.values():
            below = _below(process.pid)
            process.kill()
            for each in below:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            process.wait()

    @property
    def commands(self) -> dict[str, list[str]]:
        """The commands of all processes, by name."""
        python = self.python
        enqueuer = "ci.bench.engine_kills.enqueuer"
        commands = {"web": [python, "-m", enqueuer, str(self.count), str(self.folder / "granted")]}
        if self.engine.name == "celery":
            quiet = ["--loglevel", "CRITICAL", "--hostname"]
            return commands | {name: [python, *CELERY, *quiet, f"{name}@kills"] for name in ("worker", "elsewhere")}
        worker = [python, *START, "worker", "--threads", "2", "-v0"]
        commands |= {"worker": worker, "elsewhere": [*(HOST if os.geteuid() == 0 else []), *worker]}
        if self.engine.has_other_workers:
            other = [python, *START, "nats_worker", "--backend", "engine", "--processes", "2"]
            commands |= {"other": other, "other elsewhere": [*(HOST if os.geteuid() == 0 else []), *other]}
        if self.engine.broker:
            commands["relay"] = [python, *START, "relay", "-v0"]
        return commands

    def grant(self, number: int) -> None:
        """Let the web process promise tasks up to this number."""
        new = self.folder / "new"
        new.write_text(str(number))
        new.replace(self.folder / "granted")

    def keep_running(self) -> None:
        """Start what does not run. The web process ends when all is promised."""
        for name, command in self.commands.items():
            process = self.running.get(name)
            if process is None or process.poll() not in {None, *({0} if name == "web" else set())}:
                self._start(name, command)

    def _start(self, name: str, command: list[str]) -> None:
        environment = os.environ | self.engine.environment
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def main(self, name: str) -> psutil.Process:
        """Return the main process, below that which makes the other machine."""
        if self.commands[name][0] == HOST[0]:
            return wait_until(lambda: self._first_there(name), f"{name} starts", 120)
        return psutil.Process(self.running[name].pid)

    def _first_there(self, name: str) -> psutil.Process | None:
        self.keep_running()  # it may have ended only now
        return next(iter(_below(self.running[name].pid)), None)

    def children(self, name: str, kind: str) -> list[psutil.Process]:
        """Return processes below a worker: those that run tasks for the kind "task", its helpers for "worker"."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [each for each in self.main(name).children() if each.name() == f"kills {kind}"]
        return []

    def stop(self, name: str) -> None:
        """Stop a process and all below it: the machine sleeps."""
        self._signal(name, signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: signal.Signals) -> None:
        for each in [self.main(name), *_below(self.main(name).pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)


def _below(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []
