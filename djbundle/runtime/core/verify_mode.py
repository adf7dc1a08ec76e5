"""Verify mode: a start of the bundle by `djbundle verify`, which crawls the site in an empty environment."""

import os
import sys
from pathlib import Path
from typing import Any

VERIFY_MODE_VARIABLE = "DJBUNDLE_TRIAL"
ABSENT_PROGRAMS = "absent-programs"  # in the data directory, one per line; `djbundle verify` reads it


def is_verify_mode() -> bool:
    """Return whether `djbundle verify` has started this bundle."""
    return bool(os.environ.get(VERIFY_MODE_VARIABLE))


def record_absent_programs(data: Path) -> None:
    """Record the programs that this process tries to start but cannot find.

    Code that catches the error may raise another one, which does not name the program.
    """
    import shutil  # noqa: PLC0415 - a start outside verify mode needs none of this

    file = data / ABSENT_PROGRAMS

    def record(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "subprocess.Popen":
            return
        program, environment = os.fsdecode(arguments[0]), arguments[3]
        if shutil.which(program, path=(environment or os.environ).get("PATH")) is None:
            with file.open("a") as lines:
                lines.write(f"{program}\n")

    sys.addaudithook(record)
