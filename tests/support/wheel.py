"""Clean environments with djbundle's wheel, as users have them."""

import subprocess
import sys
from pathlib import Path

UV = str(Path(sys.executable).with_name("uv"))


def find_python(version: str) -> str:
    """Return an interpreter that really starts; uv downloads one if there is none."""
    own = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"))
    for candidate in (f"python{version}", *map(str, own)):
        try:
            # Not the interpreter of an environment that is active here: uv skips it.
            code = "import os, sys; print(os.path.realpath(sys.executable))"
            result = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return result.stdout.strip()
    return version


def run(*command: object) -> str:
    """Run a program, and return what it prints. The test fails if the program does."""
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=900)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def make_environment(folder: Path, python: str, *packages: object) -> Path:
    """Make a virtual environment with these packages, and return the folder of its programs."""
    run(UV, "venv", "--quiet", "--no-project", "--python", find_python(python), folder)
    run(UV, "pip", "install", "--quiet", "--python", folder / "bin/python", *packages)
    return folder / "bin"
