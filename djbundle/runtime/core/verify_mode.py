"""A start of the bundle by `djbundle verify`, which visits it where nothing else is."""

import os
import sys
from pathlib import Path
from typing import Any

TRIAL_VARIABLE = "DJBUNDLE_TRIAL"
ABSENT_PROGRAMS = "absent-programs"  # in the data directory, one in a line; the visitor reads it


def is_trial() -> bool:
    """Whether `djbundle verify` has started this bundle."""
    return bool(os.environ.get(TRIAL_VARIABLE))


def note_absent_programs(data: Path) -> None:
    """Write down which programs this process would start and does not find. Whoever catches the error may raise one
    of its own, which does not tell.
    """
    import shutil  # noqa: PLC0415 - a start that is no trial needs none of this

    file = data / ABSENT_PROGRAMS

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "subprocess.Popen":
            return
        program, environment = os.fsdecode(arguments[0]), arguments[3]
        if shutil.which(program, path=(environment or os.environ).get("PATH")) is None:
            with file.open("a") as lines:
                lines.write(f"{program}\n")

    sys.addaudithook(note)
