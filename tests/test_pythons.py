"""Every version of Python that djbundle supports: ci/pythons builds the sample shop there, and runs the unit tests."""

import subprocess

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14", "3.15", "hidden"])
def test_shop_and_unit_tests(version: str) -> None:
    subprocess.run([REPOSITORY / "ci" / "pythons", version], check=True)
