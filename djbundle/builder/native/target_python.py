"""The Python of a bundle for another machine, as uv installs it. It is only unpacked: nothing of it is started here."""

import re
import subprocess
import sys
from pathlib import Path

from djbundle.builder.core.cache import PYTHONS, default_folder
from djbundle.builder.core.programs import uv
from djbundle.builder.machines.machine import Machine
from djbundle.errors import TargetError

NUMBERS = re.compile(r"\d+")


def install_python(machine: Machine) -> Path:
    """Return the folder of a Python for the machine, with the minor version that runs the build.

    Install it in the cache, unless it is there. Raise TargetError if uv cannot.
    """
    folder = default_folder() / PYTHONS
    version, system = "cpython-{}.{}".format(*sys.version_info), f"linux-{machine.name}-gnu"
    if installed := _newest(folder, f"{version}.*-{system}"):
        return installed
    command = [uv(), "python", "install", "--no-bin", "--install-dir", str(folder), f"{version}-{system}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed := _newest(folder, f"{version}.*-{system}"):
        return installed
    raise TargetError(
        f"uv could not install a Python for {machine.name}: {' '.join(result.stderr.split()).removeprefix('error: ')}",
        "connect this machine to the internet, or name the folder into which one was unpacked:  --target-python DIR",
    )


def _newest(folder: Path, pattern: str) -> Path | None:
    """Return the newest of the installed ones with such a name; None if there is none."""
    installed = [path for path in folder.glob(pattern) if not path.is_symlink()]
    return max(installed, key=lambda path: [int(number) for number in NUMBERS.findall(path.name)], default=None)
