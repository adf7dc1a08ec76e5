"""Runs this bundle once more, in a process of its own: what needs Django, for a command that runs without it."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from djbundle.errors import DjbundleError
from djbundle.runtime.core.bundle import Bundle

COMMAND_TIMEOUT = 3600.0  # seconds: migrations of a new database may take long
FIX = "  fix: "
# Variables by which the live site talks to its manager, and which name the sockets that it got from there.
OF_SERVICE = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "PORT")
NAME_OF_ERROR = re.compile(r"(error|djbundle\.errors\.\w+): ")


def environment_without_service() -> dict[str, str]:
    """Return the environment of this process without what the manager of the service gave to it alone."""
    return {name: value for name, value in os.environ.items() if name not in OF_SERVICE}


def run_own(
    bundle: Bundle, *words: str, error: type[DjbundleError], environment: Mapping[str, str] | None = None
) -> str:
    """Run a command of this bundle, and return its output. Raise `error` with the command's error if it fails.

    `environment` is added to that of this process.
    """
    result = subprocess.run(
        [sys.executable, *words],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT,
        check=False,
    )
    if result.returncode:
        cause, fix = cause_and_fix(result.stderr or f"it ended with code {result.returncode}")
        is_command = words[0] != "-c"
        raise error(f"`{Path(bundle.program).name} {words[0]}`: {cause}" if is_command else cause, fix)
    return result.stdout


def cause_and_fix(text: str) -> tuple[str, str]:
    """Return what a command says about its failure: two lines of its own, or the end of a traceback."""
    lines = text.strip().splitlines()
    fixes = [number for number, line in enumerate(lines) if line.startswith(FIX)]
    fix = lines[fixes[-1]].removeprefix(FIX) if fixes else "correct that, and try again; nothing has changed"
    last = lines[fixes[-1] - 1] if fixes and fixes[-1] else lines[-1]
    cause = next((line for line in lines if line.startswith("error: ")), last)
    return NAME_OF_ERROR.sub("", cause), fix
