"""The workers of the backend under test, as processes that are started, stopped and killed."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from djbundle.tasks.conformance.promise import Refused

OURS = f"{shlex.quote(sys.executable)} -m django worker"
GRACE = 60.0  # seconds for a worker that is asked to end


class Workers:
    """Processes that run tasks, by the commands that start one of each kind. No command: there are no workers."""

    def __init__(self, commands: Sequence[str], log: Path) -> None:
        self._commands = [shlex.split(command) for command in commands]
        self._log = log
        self._processes: list[subprocess.Popen[bytes]] = []

    def require(self) -> None:
        """Raise Refused if there are no workers."""
        if not self._commands:
            raise Refused("there is no worker: tasks run where they are enqueued")

    def ensure(self) -> None:
        """Have one worker of each kind run."""
        if not self._processes or any(process.poll() is not None for process in self._processes):
            self.kill()
            self.start()

    def start(self) -> None:
        """Start a worker of each kind, beside those that run."""
        with self._log.open("ab") as log:
            for command in self._commands:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
                self._processes.append(process)

    def stop(self) -> None:
        """Ask all to end, and wait until they have. Kill those that do not."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                break
        self.kill()

    def kill(self) -> None:
        """Kill all, with all processes below them, as when the machine loses its power."""
        trees = [pid for process in self._processes if process.poll() is None for pid in _tree(process.pid)]
        for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped ones do not see the others die
            for pid in trees:
                _send(pid, number)
        for process in self._processes:
            process.wait()
        self._processes.clear()


def _tree(pid: int) -> Iterator[int]:
    """Yield the process and all below it."""
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:  # it has ended
            continue
        for child in children:
            yield from _tree(int(child))


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
