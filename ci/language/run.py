"""Run modules of tests in a bundle and in the virtual environment, each in a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from ci.language.record import Module, Outcome, Run, compare

INSIDE = Path(__file__).with_name("inside")  # what runs in a bundle
SLOW = ("_threading", "_statistics", "_math", "_inspect", "_io", "_exceptions", "_import")
LIMIT = 240.0  # seconds, for the tests of a module
PROCESSES = 3  # that may end before their tests are over
COMPILED = "CompiledLoader"


def run_module(interpreter: Path, runner: Path, project: Path, module: str) -> Run:
    """Run the tests of a module. If the process ends early, another one runs the rest."""
    run = Run()
    with tempfile.TemporaryDirectory(prefix="language-", ignore_cleanup_errors=True) as folder:
        results = Path(folder, "results")
        for _ in range(PROCESSES):
            begin = len(records_of(results))
            end, run.output = run_process(
                [str(interpreter), "-X", "faulthandler", str(runner)], project, module, results
            )
            records = records_of(results)
            note(run, records, end)
            if any("done" in each for each in records) or len(records) == begin:
                break
    return run


def run_process(command: list[str], project: Path, module: str, results: Path) -> tuple[str, str]:
    """Return how the process ended, and the last it has written."""
    work, temporary = results.with_name("work"), results.with_name("temporary")
    work.mkdir(exist_ok=True)
    temporary.mkdir(exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL", "DJ"))}
    environment = inherited | {"HOME": str(work), "TMPDIR": str(temporary), "LANG": "C.UTF-8"}
    with (
        results.with_name("output").open("w+b") as output,
        subprocess.Popen(
            [*command, str(project), module, str(results)],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            end = f"ended with {process.wait(LIMIT)}"
        except subprocess.TimeoutExpired:
            end = "stuck"
        kill_session(process.pid)
        output.seek(0)
        return end, output.read().decode(errors="replace")[-3000:]


def kill_session(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def records_of(results: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def note(run: Run, records: Iterable[dict[str, str]], end: str) -> None:
    """Add to the run what its processes have told."""
    begun: list[str] = []
    for record in records:
        run.is_compiled = run.is_compiled or record.get("loader") == COMPILED
        if "begin" in record:
            begun.append(record["begin"])
        elif "end" in record:
            run.tests[record["end"]] = Outcome(record["outcome"], record["detail"])
    for name in begun:
        if name not in run.tests:
            run.tests[name] = Outcome("stuck" if end == "stuck" else "crashed", f"{end}\n{run.output}")


@dataclass(frozen=True, slots=True)
class Sides:
    """A project on its two sides: its sources in the virtual environment, and its bundle."""

    bundle: Path
    project: Path
    runner: Path  # the program that runs a module's tests
    details: Path  # the folder that gets the texts of failures

    def run(self, modules: Iterable[str], jobs: int) -> Iterator[tuple[str, Module]]:
        """Yield each module with what its runs have shown. `jobs` modules run at a time, the slowest first."""
        self.details.mkdir(exist_ok=True)
        with ThreadPoolExecutor(jobs) as pool:
            in_order = sorted(modules, key=lambda name: not name.endswith(SLOW))
            runs = {pool.submit(self._run_twice, name): name for name in in_order}
            for run in as_completed(runs):
                yield runs[run], run.result()

    def _run_twice(self, module: str) -> Module:
        """Run a module on both sides. If a test ends differently, run it again: what differs only once is chance."""
        first = self._run_once(module)
        if not first.different:
            return first
        again = self._run_once(module)
        again.different = {name: ends for name, ends in again.different.items() if name in first.different}
        return again

    def _run_once(self, module: str) -> Module:
        interpreters = (Path(sys.executable), self.bundle)
        python, other = (run_module(each, self.runner, self.project, module) for each in interpreters)
        (self.details / f"{module}.json").write_text(json.dumps([asdict(python), asdict(other)]))
        return compare(python, other)
