"""CPython's own tests end in a bundle as in Python, but for what docs/python-tests.md has with its reason."""

import subprocess
import sys
from pathlib import Path

import pytest

from ci.language import record, tables
from ci.language.project import modules_of
from ci.language.reasons import unexplained
from ci.language.run import INSIDE, Sides
from tests.conftest import REPOSITORY
from tests.differential.conftest import PYTHON_TESTS

MAX_SHARE = 0.01  # of the tests may end differently


def test_the_document_has_what_is_recorded() -> None:
    text = tables.DOCUMENT.read_text()
    assert tables.filled(text, record.load()) == text, "python -m ci.language --no-run --write"


def test_every_difference_has_a_reason() -> None:
    modules = record.load().modules
    assert unexplained(modules) == {}
    assert tables.count_different(modules.values()) <= MAX_SHARE * sum(module.tests for module in modules.values())


def test_some_of_the_tests(project: Path, bundle: Path, tmp_path: Path) -> None:
    sides = Sides(bundle, project, INSIDE / "module.py", tmp_path)
    modules = dict(sides.run(modules_of(project, PYTHON_TESTS), jobs=2))
    assert unexplained(modules) == {}
    assert {module.is_compiled for module in modules.values()} == {True, False}
    assert sum(module.tests for module in modules.values()) > 100


@pytest.mark.slow
def test_all_of_the_tests(tmp_path: Path) -> None:
    """Every test that ends differently is in the document."""
    command = [sys.executable, "-m", "ci.language", "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
