"""The record of a run: how many tests each module has, and which of them end differently in a bundle."""

import json
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path

RECORDED = Path(__file__).with_name("recorded.json")
ABSENT = "absent"  # the outcome of a test that is only on the other side
PASSING = ("passed", "skipped")
WORSE = ("passed", "skipped", ABSENT, "failed", "crashed", "stuck")  # each is worse than those before


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a test: passed, failed, skipped, or with its process: crashed, stuck."""

    outcome: str
    detail: str = ""


@dataclass(slots=True)
class Run:
    """The tests of a module on one side, by their names."""

    is_compiled: bool = False
    output: str = ""
    tests: dict[str, Outcome] = field(default_factory=dict)


@dataclass(slots=True)
class Module:
    """The tests of a module."""

    is_compiled: bool
    tests: int  # in the virtual environment
    failing: int  # of these, tests that fail there
    different: dict[str, list[str]] = field(default_factory=dict)  # by test: its outcomes there, and in the bundle


@dataclass(slots=True)
class Record:
    """The modules of a run, and its Python."""

    python: str
    modules: dict[str, Module]

    @property
    def tests(self) -> int:
        return sum(module.tests for module in self.modules.values())

    @property
    def different(self) -> dict[str, list[str]]:
        """The tests that end differently, by their names."""
        return {name: ends for module in self.modules.values() for name, ends in module.different.items()}


def compare(python: Run, bundle: Run) -> Module:
    """Return the record of a module's two runs."""
    names = sorted({*python.tests, *bundle.tests})
    ends = {name: [outcome_of(name, python), outcome_of(name, bundle)] for name in names}
    failing = sum(each.outcome not in PASSING for each in python.tests.values())
    different = {shown(name): pair for name, pair in ends.items() if is_worse(*pair)}
    return Module(bundle.is_compiled, len(python.tests), failing, different)


def is_worse(python: str, bundle: str) -> bool:
    """Return whether a test passes or is skipped in Python, and ends worse in a bundle."""
    return python in (*PASSING, ABSENT) and WORSE.index(bundle) > WORSE.index(python)


def outcome_of(name: str, run: Run) -> str:
    return run.tests.get(name, Outcome(ABSENT)).outcome


def shown(name: str) -> str:
    """Return a name as CPython has it: the project has "case_scope.py" in the place of "test_scope.py"."""
    return name.removeprefix("test.").replace("case_", "test_")


def load(path: Path = RECORDED) -> Record:
    """Return the recorded run."""
    record = json.loads(path.read_text())
    return Record(record["python"], {name: Module(**each) for name, each in record["modules"].items()})


def save(modules: dict[str, Module], path: Path = RECORDED) -> None:
    """Record a run, a module in a line."""
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(asdict(module))}" for name, module in sorted(modules.items()))
    path.write_text(f'{{"python": "{platform.python_version()}", "modules": {{\n{lines}\n}}}}\n')
