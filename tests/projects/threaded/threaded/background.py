"""Doubles numbers in a thread."""

import os
import queue
import threading

numbers, doubles = queue.Queue(), queue.Queue()


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


STARTS = {"plain": start, "restarted": start_again_after_forks}
