"""Threads that are started while the site is loaded: they run beside the requests, as under gunicorn."""

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor

inbox, outbox = queue.Queue(), queue.Queue()
pool = ThreadPoolExecutor(2)
ticks = []
held, is_held, enough = threading.Lock(), threading.Event(), threading.Event()


def _start():
    """Start them all: the app's ready() calls this."""
    global timer
    threading.Thread(target=_consume, daemon=True, name="consumer").start()
    threading.Thread(target=_hold, daemon=True).start()
    is_held.wait()
    pool.submit(int).result()
    timer = threading.Thread(target=_tick, daemon=True)
    timer.start()


def _consume():
    while True:
        outbox.put(inbox.get() * 2)


def _hold():
    with held:
        is_held.set()
        enough.wait()


def _tick():
    while True:
        ticks.append(1)
        time.sleep(0.01)


def consumer():
    inbox.put(21)
    return outbox.get(timeout=10)


def executor():
    return pool.submit(sum, [1, 2, 3]).result(timeout=10)


def scheduler():
    before = len(ticks)
    deadline = time.monotonic() + 10
    while len(ticks) == before and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(ticks) > before, timer.is_alive()


def lock():
    """A thread holds it while the site is loaded, and gives it back when it is asked."""
    enough.set()
    is_free = held.acquire(timeout=5)
    if is_free:
        held.release()
    return is_free


def living():
    return sorted(each.name for each in threading.enumerate() if each.name == "consumer")
