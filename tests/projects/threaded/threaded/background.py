"""Doubles numbers in a thread."""

import atexit
import os
import queue
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

numbers, doubles = queue.Queue(), queue.Queue()
programs, kept = [], []


def consume():
    while True:
        doubles.put(numbers.get() * 2)


def start():
    threading.Thread(target=consume, name="consumer", daemon=True).start()


def start_again_after_forks():
    start()
    os.register_at_fork(after_in_child=start_anew)


def start_anew():
    global numbers, doubles
    numbers, doubles = queue.Queue(), queue.Queue()
    start()


def end_late():
    """Leave work for the end of the process: what an executor was given, and what is registered for it."""
    folder = Path(os.environ["HOME"])
    kept.append(tempfile.TemporaryDirectory(dir=folder, prefix="kept-"))
    kept.append(ThreadPoolExecutor(1))
    atexit.register(write_own, folder)


def write_own(folder):
    (folder / f"registered-{os.getpid()}").touch()


def write_late():
    """Have the executor write a file, later than the answer."""
    file = Path(os.environ["HOME"], f"executed-{os.getpid()}")
    kept[1].submit(lambda: (time.sleep(1), file.touch()))
    return kept[0].name


def start_program():
    """Start another program. It is a child of the process that loads the site, and of no other."""
    start_again_after_forks()
    programs.append(subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1))


STARTS = {"plain": start, "restarted": start_again_after_forks, "program": start_program, "late": end_late}
