"""Runs podman, inside another container too."""

import subprocess
from pathlib import Path

CONFIGURATION = """
[containers]
default_ulimits = []
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
"""
VARIABLE = "CONTAINERS_CONF"


def write_configuration(folder: Path) -> Path:
    """Write the configuration file that VARIABLE is to name."""
    file = folder / "containers.conf"
    file.write_text(CONFIGURATION)
    return file


def podman(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False, timeout=300)
    assert not check or result.returncode == 0, result.stderr
    return result
