"""A worker as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def drain(**environment: str) -> None:
    """Let a worker run all tasks that are due."""
    command = [sys.executable, "-W", "error", "-m", "django", "worker", "--drain", "--verbosity", "0"]
    subprocess.run(command, cwd=REPOSITORY, env=os.environ | environment, check=True, timeout=60, capture_output=True)
