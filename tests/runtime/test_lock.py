"""The lock of a data directory after its holder was killed."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from djbundle.errors import DataDirectoryBusyError
from djbundle.runtime.process import lock

# Takes the lock and exits; its child lives on until its input is closed.
HOLDER = """
import os, sys
from pathlib import Path
from djbundle.runtime.process import lock

lock.lock_data_directory(Path(sys.argv[1]))
if os.fork():
    os._exit(0)
os.read(0, 1)
"""


@pytest.fixture
def kept_alive(tmp_path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that keeps the child of an exited lock holder alive until it is closed."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE) as process:
        process.wait()
        assert lock.is_served(tmp_path)
        assert process.stdin is not None
        yield process.stdin


def test_its_last_processes_are_waited_for(
    kept_alive: IO[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This happens after SIGKILL, when a service manager restarts the server at once."""
    monkeypatch.setattr(time, "sleep", lambda _seconds: kept_alive.close())
    monkeypatch.setattr(lock, "LOCK_TIMEOUT", 60.0)
    assert lock.lock_data_directory(tmp_path)


@pytest.mark.usefixtures("kept_alive")
def test_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LOCK_TIMEOUT", 0.1)
    with pytest.raises(DataDirectoryBusyError):
        lock.lock_data_directory(tmp_path)
