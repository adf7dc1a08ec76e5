"""The kernel's report of a process is read correctly, whatever name the process has."""

import os
import subprocess
import sys

import pytest

from djbundle.common.processes import start_time, state
from djbundle.runtime.process.process_tree import walk_processes

RENAME = "import sys; open('/proc/self/comm', 'wb').write(bytes.fromhex(sys.argv[1])); print(flush=True); input()"


@pytest.mark.parametrize("name", [b"\xff\xfe", b") R 1 (", "é".encode()[:1]])
def test_a_name_of_any_bytes(name: bytes) -> None:
    command = [sys.executable, "-c", RENAME, name.hex()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        assert start_time(process.pid).isdecimal()
        assert state(process.pid) in ("R", "S")
        assert [each.pid for each in walk_processes(process.pid)] == [process.pid]
        process.stdin.close()


def test_a_process_that_is_gone() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert start_time(child) == state(child) == ""
    assert list(walk_processes(child)) == []
