"""The connections of threads that have ended. What a task or a page leaves is in tests/tasks and tests/bundle."""

import subprocess
import sys

from tests.conftest import REPOSITORY


def test_a_program_with_connections_ends_without_a_word() -> None:
    """Python deletes the names of modules before the last objects. The program is one in which that order matters."""
    command = [sys.executable, "-m", "ci.reference", "--check"]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
