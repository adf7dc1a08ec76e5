"""What is made while the site is loaded, and used in a request."""

import asyncio
import atexit
import contextvars
import decimal
import gc
import itertools
import logging
import logging.handlers
import multiprocessing
import os
import queue
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import warnings
import weakref
from concurrent.futures import Future

process = os.getpid()
main_thread = threading.main_thread().ident
context_variable = contextvars.ContextVar("habit", default="default")
context_variable.set("set while loaded")
local = threading.local()
local.value = "set while loaded"
decimal.getcontext().rounding = decimal.ROUND_UP
decimal.getcontext().prec = 7
decimal.setcontext(decimal.getcontext())
timer_fired = threading.Event()
timer = threading.Timer(0.05, timer_fired.set)
timer.daemon = True
loop = asyncio.new_event_loop()
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
memory = sqlite3.connect(":memory:", check_same_thread=False)
memory.execute("CREATE TABLE t(a)")
memory.execute("INSERT INTO t VALUES (42)")
temporary = tempfile.NamedTemporaryFile("w+")
temporary.write("kept")
temporary.flush()
records = queue.Queue()
listened = []
counter = itertools.count()
signals = []
future = Future()
condition = threading.Condition()
semaphore = threading.BoundedSemaphore(1)
collected = []


class _Listed(logging.Handler):
    def emit(self, record):
        listened.append(record.getMessage())


listener = logging.handlers.QueueListener(records, _Listed())


def _start():
    """The app's ready() calls this."""
    global helper
    timer.start()
    threading.Thread(target=loop.run_forever, daemon=True, name="loop").start()
    listener.start()
    signal.signal(signal.SIGUSR2, lambda number, frame: signals.append(number))
    signal.signal(signal.SIGHUP, lambda number, frame: signals.append(number))
    helper = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    gc.callbacks.append(lambda phase, info: collected.append(phase))
    warnings.filterwarnings("error", "a habit", UserWarning)
    sys.unraisablehook = _note_unraisable
    threading.Thread(target=_answer_later, daemon=True).start()
    random.seed(7)


unraisable = []


def _note_unraisable(hint):
    unraisable.append(type(hint.exc_value).__name__)


def _answer_later():
    with condition:
        condition.wait_for(lambda: future.running() or future.done(), timeout=60)
    if not future.done():
        future.set_result("answered")


def same_process():
    return process == os.getpid(), main_thread == threading.main_thread().ident


def context_of_decimals():
    context = decimal.getcontext()
    return context.prec, context.rounding, str(decimal.Decimal(1) / 3)


def context_variables():
    return context_variable.get()


def variables_of_the_thread():
    return getattr(local, "value", None)


def timer_of_the_start():
    return timer_fired.wait(10), timer.is_alive()


def loop_in_a_thread():
    async def double(number):
        await asyncio.sleep(0)
        return number * 2

    return asyncio.run_coroutine_threadsafe(double(21), loop).result(10)


def listener_of_logs():
    logger = logging.getLogger("habits.listened")
    logger.propagate = False
    logger.handlers = [logging.handlers.QueueHandler(records)]
    logger.error("heard")
    deadline = time.monotonic() + 10
    while not listened and time.monotonic() < deadline:
        time.sleep(0.01)
    return listened[:1]


def waiting_thread():
    future.set_running_or_notify_cancel()
    with condition:
        condition.notify_all()
    return future.result(timeout=10)


def helper_process():
    helper.stdin.write("hello\n")
    return helper.stdout.readline(), helper.poll()


def socket_of_the_start():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"ping", receiver.getsockname())
    receiver.settimeout(10)
    return receiver.recv(10).decode()


def database_of_the_start():
    return memory.execute("SELECT a FROM t").fetchone()


def temporary_file_of_the_start():
    return os.path.exists(temporary.name), open(temporary.name).read()


def signal_handler():
    os.kill(os.getpid(), signal.SIGUSR2)
    deadline = time.monotonic() + 10
    while not signals and time.monotonic() < deadline:
        time.sleep(0.01)
    return callable(signal.getsignal(signal.SIGUSR2)), signals[:1] == [signal.SIGUSR2]


def hangup_handler():
    os.kill(os.getpid(), signal.SIGHUP)
    deadline = time.monotonic() + 10
    while signal.SIGHUP not in signals and time.monotonic() < deadline:
        time.sleep(0.01)
    return signal.SIGHUP in signals


def handlers_in_a_forked_process():
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        handlers = [signal.getsignal(each) for each in (signal.SIGHUP, signal.SIGUSR2, signal.SIGCHLD)]
        os.write(write_end, " ".join(getattr(each, "__name__", "none") for each in handlers).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write_end)
    with open(read_end) as file:
        return file.read()


def other_signals():
    return [repr(signal.getsignal(each)) for each in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGALRM, signal.SIGXFSZ)]


def collector_calls_back():
    collected.clear()
    gc.collect()
    return collected


def filter_of_warnings():
    try:
        warnings.warn("a habit", UserWarning)
    except UserWarning as warning:
        return str(warning)


def hook_of_unraisable():
    class Bad:
        def __del__(self):
            raise KeyError

    before = len(unraisable)
    del Bad
    gc.collect()
    return len(unraisable) - before, sys.unraisablehook is _note_unraisable


def semaphores():
    taken = semaphore.acquire(timeout=5)
    semaphore.release()
    return taken


def next_of_a_counter():
    return next(counter) >= 0


def finalizers():
    done = []
    thing = type("Thing", (), {})()
    weakref.finalize(thing, done.append, 1)
    del thing
    return done


def atexit_count():
    return isinstance(atexit._ncallbacks(), int)


def parent_of_this_process():
    return os.getppid() > 0, multiprocessing.parent_process() is None, multiprocessing.current_process().name


def threads_seen_by_name():
    return sorted({each.name for each in threading.enumerate()} & {"loop", "consumer", "MainThread"})


def switch_interval():
    return sys.getswitchinterval()


def limit_of_integers():
    return sys.get_int_max_str_digits(), sys.getrecursionlimit()
