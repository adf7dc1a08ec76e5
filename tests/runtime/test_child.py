"""Code in a child process: its result comes back, and nothing else."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from djbundle.common.child import MAX_SIZE, ChildDiedError, run_in_child


@pytest.mark.parametrize("result", ["", "+", "done", "é" * 10])
def test_result(result: str) -> None:
    assert run_in_child(lambda: result) == result


def test_long_result_is_cut() -> None:
    assert run_in_child(lambda: "a" * 100_000) == "a" * (MAX_SIZE - 1)


def test_nothing_of_the_child_stays() -> None:
    def change() -> str:
        os.environ["OF_THE_CHILD"] = "1"
        return str(os.getpid())

    assert run_in_child(change) != str(os.getpid())
    assert "OF_THE_CHILD" not in os.environ


def test_child_that_dies() -> None:
    with pytest.raises(ChildDiedError):
        run_in_child(lambda: str(1 // 0))
    with pytest.raises(ChildDiedError, match="code 3"):
        run_in_child(lambda: os._exit(3))
    with pytest.raises(ChildDiedError, match="code -9"):
        run_in_child(lambda: str(os.kill(os.getpid(), signal.SIGKILL)))


def test_child_that_hangs_is_killed(tmp_path: Path) -> None:
    def hang() -> str:
        (tmp_path / "pid").write_text(str(os.getpid()))
        time.sleep(60)
        return ""

    with pytest.raises(TimeoutError):
        run_in_child(hang, timeout=1)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
