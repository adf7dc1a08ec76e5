"""Tasks that harm what their process shares with the worker: files, processes, limits."""

import asyncio
import os
import signal
import socket
import stat
import sys
import threading
import time
from pathlib import Path

from djbundle.tasks.typed import task


@task
def note(folder: str, name: str) -> None:
    """Write one line for each run, after a moment."""
    time.sleep(0.01)
    with Path(folder, name).open("a") as file:
        file.write("run\n")


@task
def close_all_files() -> None:
    """Close all files, as code does that makes a daemon."""
    os.closerange(3, 4096)


@task
def put_another_file_in_place(folder: str) -> None:
    """Close all files, and open others, which get the same numbers."""
    os.closerange(3, 256)
    for number in range(64):
        os.open(f"{folder}/file-{number}", os.O_RDWR | os.O_CREAT)


@task
def write_to_all_sockets() -> None:
    """Write what is no message into each socket."""
    for number in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                os.write(number, b"\x7f" * 100)
        except OSError:
            continue


@task
def fork_and_go_on() -> None:
    """Fork without exec, and come back in both processes."""
    os.fork()


@task
def fork_and_exit() -> None:
    if not os.fork():
        sys.exit()


@task
async def fork_and_go_on_later() -> None:
    """Do the same in the event loop."""
    await asyncio.sleep(0)
    os.fork()


@task
def start_endless_threads() -> None:
    for _ in range(20):
        threading.Thread(target=time.sleep, args=[1e6]).start()


@task
def block_all_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))


@task
def remove_the_folder(folder: str) -> None:
    """Leave the process in a folder that is gone."""
    os.chdir(folder)
    Path(folder).rmdir()


@task
def give_up_time() -> None:
    """Make every new socket time out at once."""
    socket.setdefaulttimeout(1e-6)


@task
def return_much() -> str:
    return "x" * (100 << 20)


@task
def print_much() -> None:
    for _ in range(100):
        print("x" * (1 << 20))


@task(timeout=3.0)
def fork_and_fork() -> None:
    """Become 128 processes."""
    for _ in range(7):
        os.fork()
    time.sleep(1000)


@task
def die_a_moment_later() -> None:
    """End well, and take the process along while the next task runs."""
    threading.Timer(0.05, os.abort).start()


@task
def kill_the_worker() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(1000)
