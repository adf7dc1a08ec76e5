"""Pages per second of Granian while our worker is idle, computes, or waits."""

import contextlib
import statistics
import time
import urllib.request
from collections.abc import Iterator

from ci.bench.servers import run_wrk
from ci.bench.task_peers.side import Side
from ci.bench.task_peers.table import Table
from djbundle.runtime.options.serve import WORKER_NICENESS
from tests.support.ports import free_port

TASKS = {"idle": ("", 0), "tasks that compute": ("burn", 200), "tasks that wait": ("sleep", 200)}  # milliseconds
GRANIAN = ["-m", "granian", "wsgi:application", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "4"]
CONNECTIONS = 8


def measure_pages(side: Side, seconds: int, rounds: int) -> Table:
    title = f"Pages per second, Granian with two processes, the worker beside it at nice {WORKER_NICENESS}"
    rates: dict[str, list[float]] = {name: [] for name in TASKS}
    with _web(side) as url:
        for _ in range(rounds):
            for name, (task, milliseconds) in TASKS.items():
                _fresh(side)
                if task:
                    side.run("driver.py", "fill", task, 100 * (seconds + 5), milliseconds)
                with side.worker(niceness=WORKER_NICENESS):
                    time.sleep(2)
                    rates[name].append(run_wrk(url, CONNECTIONS, seconds).rate)
                if task and not side.done():
                    raise RuntimeError(f"no {task} ran")
    table = Table("pages", title, ["pages/s", "of idle"])
    idle = statistics.median(rates["idle"])
    for name, each in rates.items():
        for rate in each:
            table.add(f"djbundle, {name}", [rate, rate / idle], side.version, side.peer.DURABLE)
        table.rows[f"djbundle, {name}"].note = f"{statistics.median(each) / idle:.2f} of idle"
    return table


def _fresh(side: Side) -> None:
    """Delete all tasks, but not the file: the web server keeps it open."""
    assert side.peer.DONE
    side.query(f"DELETE FROM {side.peer.DONE[0]}")


@contextlib.contextmanager
def _web(side: Side) -> Iterator[str]:
    side.reset()
    side.run("driver.py", "rows", 200)
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with side.worker([*GRANIAN, "--port", str(port)]):
        side.wait(lambda: _answers(url), 30)
        yield url


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
        return True
    return False
