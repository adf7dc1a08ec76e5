"""Ways to serve a site, and what wrk says of them."""

import contextlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from tests.support.ports import free_port

WORKERS, THREADS = 2, 4
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class ServerSetup:
    """A way to serve. Each command is a process of its own, such as web server and task worker."""

    name: str
    commands: Sequence[Sequence[str | Path]]  # {port} stands for the port
    cwd: Path
    environment: Mapping[str, str]

    @contextlib.contextmanager
    def running(self) -> Iterator["RunningServer"]:
        port, began = free_port(), time.monotonic()
        processes = []
        for command in self.commands:
            words = [str(word).replace("{port}", str(port)) for word in command]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            processes.append(subprocess.Popen(words, cwd=self.cwd, env=self.environment, **quiet))  # type: ignore[call-overload]
        try:
            yield RunningServer(f"http://127.0.0.1:{port}", began, processes)
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait(30)


@dataclass(frozen=True)
class Load:
    count: int  # responses
    rate: float  # responses per second
    p99: float  # milliseconds
    client: float  # milliseconds of CPU for each response
    server: float = 0.0  # likewise, if it is known


@dataclass(frozen=True)
class RunningServer:
    url: str
    began: float  # monotonic seconds
    processes: Sequence["subprocess.Popen[bytes]"]

    def wait_for(self, path: str) -> float:
        """Ask until a response comes. Return the time when it came, in monotonic seconds."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if ended := next((process for process in self.processes if process.poll() is not None), None):
                raise RuntimeError(f"{ended.args!r} has ended")
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url + path, timeout=5) as response:
                response.read()
                return time.monotonic()
            time.sleep(0.002)
        raise TimeoutError(self.url + path)

    def all_processes(self) -> set[psutil.Process]:
        """Return all processes and their descendants."""
        tops = [psutil.Process(process.pid) for process in self.processes]
        return {process for top in tops for process in (top, *top.children(recursive=True))}

    def memory(self) -> float:
        """Return the bytes of all processes; pages that several share count once (PSS)."""
        return float(sum(process.memory_full_info().pss for process in self.all_processes()))

    def processor(self) -> float:
        """Return the CPU seconds that the living processes have used."""
        times = [process.cpu_times() for process in self.all_processes()]
        return sum(each.user + each.system for each in times)

    def load(self, path: str, connections: int, seconds: int, *headers: str) -> Load:
        """Measure with wrk, and add the server's CPU per response. Raises RuntimeError if a request failed."""
        before = self.processor()
        load = run_wrk(self.url + path, connections, seconds, *headers)
        return replace(load, server=1000 * (self.processor() - before) / load.count)


def run_wrk(url: str, connections: int, seconds: int, *headers: str) -> Load:
    """Run wrk with as many threads as servers have workers: one thread alone is saturated before they are.

    Raises RuntimeError if a request failed.
    """
    command = ["wrk", "--latency", "--threads", str(WORKERS), "--connections", str(connections)]
    command += ["--duration", f"{seconds}s"]
    for header in headers:
        command += ["--header", header]
    before = _processor_of_children()
    output = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    used = _processor_of_children() - before
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    count = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    p99_match = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    assert count
    assert rate
    assert p99_match
    p99 = float(p99_match[1]) * MILLISECONDS[p99_match[2]]
    return Load(int(count[1]), float(rate[1]), p99, client=1000 * used / int(count[1]))


def _processor_of_children() -> float:
    """Return the CPU seconds that exited children have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def need(*programs: str) -> None:
    """Exit with an error if one of the programs is missing."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        sys.exit(f"error: not on the PATH: {', '.join(missing)}\n  fix: apt install {' '.join(missing)}")
