"""All attacks from the network at once beside 50 honest clients: what fails for those, how long they wait, memory."""

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple, cast

import psutil

from ci.bench.peer import REPOSITORY
from tests.support.attackers import attack
from tests.support.honest import LARGE_SIZE, ClientResults, run_clients
from tests.support.site import Site, bare_environment

CLIENTS = 50
WARMING = 15  # seconds in which honest clients are alone
FIRST_ATTACK = (
    300  # seconds; until then pages shared since the fork are written, and tables of Python grow for the first time
)
SETTLING = 45.0  # seconds in which an idle process gives back what it does not need
COOLING = 90.0  # seconds within which the memory must have been given back
TOLERANCE = 1.1  # times the memory before the attack
MEGABYTE = 1 << 20
OPTIONS = ("--workers", "2", "--no-worker", "--trusted-proxies", "none", "--access-log")
LIMITS = ("--body-timeout", "10", "--send-timeout", "10", "--http1-header-read-timeout", "5000")


class Address(NamedTuple):
    """The part of a site that another process needs."""

    url: str


@dataclass(frozen=True)
class Result:
    alone: ClientResults  # honest clients without attacks
    attacked: ClientResults
    fresh: int  # bytes of all web processes before any attack
    before: int  # after the first attack
    after: int
    restarts: int  # of web processes; there must be none

    @property
    def memory(self) -> float:
        """The ratio of the memory after to the memory before."""
        return self.after / self.before

    @property
    def is_good(self) -> bool:
        return not self.attacked.failures and self.memory <= TOLERANCE and not self.restarts


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run hostile", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of attacks; 1200 stand for a day [60]")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
        result = measure(build_small(Path(folder)), Path(folder), seconds)
    print_result(result)
    sys.exit(0 if result.is_good else 1)


def build_small(work: Path) -> Path:
    """Build the small project as a bundle in `work`."""
    djbundle, project = Path(sys.executable).with_name("djbundle"), REPOSITORY / "tests" / "projects" / "small"
    subprocess.run([djbundle, "build", project, "-o", work / "small", "--no-verify"], check=True, cwd=work)
    return work / "small"


def measure(bundle: Path, work: Path, seconds: float) -> Result:
    """Measure honest clients alone, then under all attacks, and the memory of idle web processes before and after.

    A first attack loads what is loaded only once. It also writes to memory that the processes share since the fork, and
    so makes it their own. Growth from one attack to the next is a leak.
    """
    with Site(bundle, work / "data", bare_environment(HOME=str(work)), *OPTIONS, *LIMITS) as site:
        (site.data / "media").mkdir(exist_ok=True)
        (site.data / "media" / "small.pdf").write_bytes(b"a" * LARGE_SIZE)
        (site.data / "media" / "large.pdf").write_bytes(b"a" * 10 * LARGE_SIZE)
        address, web = Address(site.url), web_processes(site)
        run(address, WARMING, attacked=False)
        time.sleep(SETTLING)
        fresh = memory_of(web)
        run(address, FIRST_ATTACK, attacked=True)
        alone = run(address, WARMING, attacked=False)
        time.sleep(SETTLING)
        before = memory_of(web)
        attacked = run(address, seconds, attacked=True)
        run(address, WARMING, attacked=False)
        after = cooled(web, before)
        return Result(alone, attacked, fresh, before, after, len(set(web) - set(web_processes(site))))


def run(address: Address, seconds: float, *, attacked: bool) -> ClientResults:
    """Run honest clients, and attackers if `attacked`, in separate processes, so that neither waits for the other."""
    context = multiprocessing.get_context("spawn")
    ended = context.Event()
    attackers = context.Process(target=attack_until, args=[address, ended])
    with ProcessPoolExecutor(1, context, initializer=keep, initargs=(ended,)) as apart:
        if attacked:
            attackers.start()
        honest = apart.submit(ask_until_the_end, address)
        threading.Timer(seconds, ended.set).start()
        results = honest.result()
        if attacked:
            attackers.join()
    return results


_ended: list[Event] = []  # an event can be passed to a process only when it is created


def keep(ended: Event) -> None:
    _ended.append(ended)


def ask_until_the_end(address: Address) -> ClientResults:
    return run_clients(address, CLIENTS, cast("threading.Event", _ended[0]))


def attack_until(address: Address, ended: Event) -> None:
    attack(address, cast("threading.Event", ended))


def web_processes(site: Site) -> list[psutil.Process]:
    name = f"{site.bundle.name} web"
    return [each for each in psutil.Process(site.process.pid).children(recursive=True) if each.name() == name]


def memory_of(processes: list[psutil.Process]) -> int:
    """Return how many bytes only these processes use (USS)."""
    return sum(each.memory_full_info().uss for each in processes if each.is_running())


def cooled(processes: list[psutil.Process], before: int) -> int:
    """Wait until the memory has been given back, at most COOLING seconds, and return it."""
    end = time.monotonic() + COOLING
    while (memory := memory_of(processes)) > before * TOLERANCE and time.monotonic() < end:
        time.sleep(1)
    return memory


def print_result(result: Result) -> None:
    print(f"{'':24}{'requests':>10}{'failed':>8}{'median':>11}{'p99':>11}")
    for name, results in (("honest clients, alone", result.alone), ("and under attack", result.attacked)):
        print(
            f"{name:24}{len(results.requests):>10}{results.failures.total():>8}"
            f"{results.percentile(0.5):>8.0f} ms{results.percentile(0.99):>8.0f} ms"
        )
    print(
        f"memory: {result.fresh / MEGABYTE:.1f} MB of a fresh site, {result.before / MEGABYTE:.1f} MB after a first "
        f"attack, {result.after / MEGABYTE:.1f} MB after the long one; ratio of these {result.memory:.2f}, "
        f"at most {TOLERANCE}"
    )
    print(f"web processes that ended: {result.restarts}")
    for failure, count in result.attacked.failures.most_common(20):
        print(f"  {count:>5}  {failure}")


if __name__ == "__main__":
    main()
