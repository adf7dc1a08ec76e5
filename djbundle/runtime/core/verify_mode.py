"""Verify mode: a start of the bundle by `djbundle verify`, which crawls the site in an empty environment."""

import os
import sys
from pathlib import Path
from typing import Any

from djbundle.contract import variables, verification


def is_verify_mode() -> bool:
    """Return whether `djbundle verify` has started this bundle."""
    return bool(os.environ.get(variables.VERIFY_MODE))


def record_absent_programs(data: Path) -> None:
    """Record the programs that this process tries to start but cannot find.

    Code that catches the error may raise another one, which does not name the program.
    """
    import shutil  # noqa: PLC0415 - a start outside verify mode needs none of this

    file = data / verification.ABSENT_PROGRAMS

    def record(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "subprocess.Popen":
            return
        program, environment = os.fsdecode(arguments[0]), arguments[3]
        if shutil.which(program, path=(environment or os.environ).get("PATH")) is None:
            with file.open("a") as lines:
                lines.write(f"{program}\n")

    sys.addaudithook(record)


def record_url(data: Path, url: str) -> None:
    """Record the address at which the site serves. The file appears whole."""
    partial = data / f"{verification.URL}.partial"
    partial.write_text(url)
    partial.replace(data / verification.URL)
