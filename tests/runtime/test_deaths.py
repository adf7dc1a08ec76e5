"""The log reports the reason for which a process has died."""

import os
import time

import pytest

from djbundle.runtime.process.child import Child
from djbundle.runtime.process.exit_reason import describe_exit


def fail() -> int:
    raise RuntimeError("the first thing\nthat it does")


def test_last_error(capfd: pytest.CaptureFixture[str]) -> None:
    child = Child("web", "shop web", fail)
    child.start(time.monotonic())
    _, status = os.waitpid(child.pid, 0)
    last_error = child.last_error.take()
    assert describe_exit(os.waitstatus_to_exitcode(status), last_error, is_out_of_memory=True) == (
        "ended with code 1, RuntimeError: the first thing that it does"
    )
    assert child.last_error.take() == ""
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("code", "is_out_of_memory", "expected"),
    [
        (3, False, "ended with code 3"),
        (-9, False, "was killed by SIGKILL"),
        (-9, True, "was killed by SIGKILL: there was no memory left"),
        (-11, True, "was killed by SIGSEGV: a library written in C has crashed"),
    ],
)
def test_signals(code: int, is_out_of_memory: bool, expected: str) -> None:
    assert describe_exit(code, "", is_out_of_memory=is_out_of_memory) == expected
