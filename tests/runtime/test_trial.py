"""A bundle reports which programs it misses during a crawl."""

import os
import subprocess
import sys
from pathlib import Path

from djbundle.builder.verify import crawl, diagnosis
from djbundle.runtime.core import verify_mode

STARTS = """
import subprocess, sys
from pathlib import Path
from djbundle.runtime.core.verify_mode import note_absent_programs
note_absent_programs(Path(sys.argv[1]))
for command in (["git", "--version"], [b"/bin/absent"], [sys.executable, "-c", ""], Path("/no/such")):
    try:
        subprocess.run(command)
    except FileNotFoundError:
        pass
subprocess.run("exit 0", shell=True)
"""


def test_programs_that_are_not_there_are_written_down(tmp_path: Path) -> None:
    environment = os.environ | {"PATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", STARTS, tmp_path], env=environment, check=True)
    noted = tmp_path / verify_mode.ABSENT_PROGRAMS
    assert noted.read_text().splitlines() == ["git", "/bin/absent", "/no/such"]


def test_crawler_and_bundle_mean_the_same() -> None:
    assert diagnosis.ABSENT_PROGRAMS == verify_mode.ABSENT_PROGRAMS
    assert verify_mode.TRIAL_VARIABLE in crawl.VERIFY_MODE
