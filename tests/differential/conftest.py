"""One project and its bundle: cases of ours, and some of CPython's own tests."""

import shutil
from pathlib import Path

import pytest

from ci.language.project import add_tests
from tests.conftest import build

PROJECT = Path(__file__).with_name("project")
# A small part of ci/language, from each group: some of these are compiled, and some stay bytecode.
PYTHON_TESTS = ("test_augassign", "test_except_star", "test_genexps", "test_metaclass", "test_scope", "test_slice")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shutil.copytree(PROJECT, tmp_path_factory.mktemp("differential") / "project")
    return add_tests(folder, PYTHON_TESTS)


@pytest.fixture(scope="session")
def bundle(project: Path, bundles: Path) -> Path:
    return build(project, bundles / "differential" / "site")
