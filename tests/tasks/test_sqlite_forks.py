"""A process that was forked while other threads used SQLite can use SQLite."""

import subprocess
import sys

FORKS = 300
PROGRAM = f"""
import os, signal, sqlite3, sys, threading
from djbundle.common.sqlite_forks import make_forks_safe

def query():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE place (name TEXT)")
    connection.execute("INSERT INTO place VALUES ('here')")
    connection.close()

def always():
    while True:
        query()

if sys.argv[1] == "safe":
    make_forks_safe()
for _ in range(4):
    threading.Thread(target=always, daemon=True).start()
for _ in range({FORKS}):
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # by its default action the process ends
        query()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        print("hangs")
        break
os._exit(0)
"""


def run(how: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, how]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


def test_forked_processes_can_use_sqlite() -> None:
    assert run("safe") == ""


def test_without_the_locks_one_of_them_hangs() -> None:
    """This proves that the test above can fail."""
    assert run("unsafe") == "hangs\n"
