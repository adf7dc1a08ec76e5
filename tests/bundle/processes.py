"""The processes of a running site, found by their names; and a check of commands that refuse to run."""

import subprocess

import psutil

from tests.support.site import Site
from tests.support.waiting import wait_until


def assert_failed(result: "subprocess.CompletedProcess[str]", code: int, cause: str) -> None:
    """Assert that a command failed with an error of two lines, perhaps after it had reported steps."""
    assert result.returncode == code, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 2, result.stderr
    assert cause in lines[0]
    assert lines[1].startswith("  fix: ")


def assert_refused(result: subprocess.CompletedProcess[str], code: int, cause: str) -> None:
    """Check for one line with the cause, one with the fix, and the exit code of the error class."""
    assert result.returncode == code, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 2, result.stderr
    assert lines[0].startswith("error: ")
    assert cause in lines[0]
    assert lines[1].startswith("  fix: ")
    assert result.stdout == ""


def tree_of(site: Site) -> list[psutil.Process]:
    """Return the supervisor and all processes below it."""
    top = psutil.Process(site.process.pid)
    return [top, *top.children(recursive=True)]


def with_role(site: Site, role: str, count: int = 1) -> list[psutil.Process]:
    """Return the processes called "NAME role" once there are `count` of them; roles: "app", "web" and "worker"."""
    name = f"{site.bundle.name} {role}"
    return wait_until(
        lambda: matching if len(matching := [each for each in tree_of(site) if has_name(each, name)]) == count else [],
        f"{count} processes {name}",
    )


def has_name(process: psutil.Process, name: str) -> bool:
    try:
        return bool(process.name() == name) and is_alive(process)
    except psutil.NoSuchProcess:
        return False


def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(map(is_alive, processes))


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
