"""Benchmarks run for minutes, so no test runs them; but the names that they import from one another exist."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("ci", "ci/bench", "ci/bench/task_peers", "ci/model")  # deeper folders run in environments of their own
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts) for each in FOLDERS for path in (ROOT / each).glob("*.py")
]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_it_can_be_imported(name: str) -> None:
    importlib.import_module(name)
