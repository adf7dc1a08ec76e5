"""A bundle reports which programs it misses during a crawl."""

import os
import subprocess
import sys
from pathlib import Path

from djbundle.contract import verification

STARTS = """
import subprocess, sys
from pathlib import Path
from djbundle.runtime.core.verify_mode import record_absent_programs
record_absent_programs(Path(sys.argv[1]))
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
    noted = tmp_path / verification.ABSENT_PROGRAMS
    assert noted.read_text().splitlines() == ["git", "/bin/absent", "/no/such"]
