"""The options of ``serve``, named as Granian's are."""

import os
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import dataclass
from pathlib import Path

CGROUP_CPU = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class ServeOptions:
    host: str
    port: int  # 0: one that is free
    workers: int
    blocking_threads: int  # of each worker; for WSGI
    migrate: bool
    run_worker: bool
    grace: int  # seconds
    access_log: bool


def add_serve_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--bind", default="127.0.0.1:8000", type=parse_address, metavar="HOST:PORT", help="default: %(default)s")
    add("--workers", type=parse_count, default=count_cpus(), help="web processes; default: one for each CPU")
    add("--blocking-threads", type=parse_count, default=4, help="threads of each web process; default: %(default)s")
    add("--no-migrate", dest="migrate", action="store_false", help="leave the database as it is")
    add("--no-worker", dest="run_worker", action="store_false", help="run no background tasks")
    add(
        "--grace",
        type=parse_count,
        default=30,
        metavar="SECONDS",
        help="to finish work when stopped; default: %(default)s",
    )
    add("--access-log", action="store_true", help="print a line for each request")


def parse_serve_options(program: str, arguments: list[str]) -> ServeOptions:
    parser = ArgumentParser(prog=f"{program} serve", allow_abbrev=False)
    add_serve_options(parser)
    options = vars(parser.parse_args(arguments))
    host, port = options.pop("bind")
    return ServeOptions(host=host, port=port, **options)


def parse_address(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[::1]:PORT``, or ``:PORT`` for every address of the machine."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ArgumentTypeError(f'"{text}" is not an address; write HOST:PORT, as in 0.0.0.0:8000')
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - what was asked for


def parse_count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f'"{text}" is not a number above 0')
    return int(text)


def count_cpus(limit: Path = CGROUP_CPU) -> int:
    """The CPUs that this process may use: by affinity, and by the quota of its container (cgroup v2)."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = limit.read_text().split()
    except (OSError, ValueError):
        return allowed
    return allowed if quota == "max" else max(1, min(allowed, round(int(quota) / int(period))))
