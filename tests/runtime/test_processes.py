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


FORKING = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
from djbundle.common.processes import end_copies_of_pool_threads

end_copies_of_pool_threads()
copies = []

def fork_and_come_back():
    time.sleep(0.2)  # the others wait behind this one
    copies.append(os.fork())
    if sys.argv[1] == "exits" and not copies[0]:
        sys.exit()

def note(number):
    os.write(1, b"%d\\n" % number)

def use_another_pool():
    if not os.fork():
        with ThreadPoolExecutor(1) as pool:
            pool.submit(note, 99).result()
        os._exit(7)
    _, status = os.wait()
    note(os.waitstatus_to_exitcode(status))

with ThreadPoolExecutor(1) as pool:
    pool.submit(fork_and_come_back)
    for number in range(3):
        pool.submit(note, number)
_, status = os.waitpid(copies[0], 0)
note(os.waitstatus_to_exitcode(status))
use_another_pool()
"""


@pytest.mark.parametrize("way", ["returns", "exits"])
def test_work_that_waits_in_a_pool_is_done_once(way: str) -> None:
    """A copy of the process, which the work before has forked, ends. A process that has a pool of its own goes on."""
    output = subprocess.check_output([sys.executable, "-c", FORKING, way], text=True, timeout=60)
    assert output.split() == ["0", "1", "2", "0", "99", "7"]
