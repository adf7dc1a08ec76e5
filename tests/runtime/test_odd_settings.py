"""Rules of the settings overlay take every value that Django takes: empty, None, lazy, a tuple, or Django's default."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.wheel import UV, run

REPOSITORY = Path(__file__).parents[2]
OTHER_VERSIONS = ["django>=5.2,<6", "django>=6.0,<6.1"]


def test_odd_settings_of_the_newest_django(tmp_path: Path) -> None:
    assert report(tmp_path) == ""


@pytest.mark.parametrize("version", OTHER_VERSIONS)
def test_odd_settings_of_other_versions(tmp_path: Path, version: str) -> None:
    run(UV, "pip", "install", "--quiet", "--no-deps", "--target", tmp_path / "packages", version)
    assert report(tmp_path, PYTHONPATH=str(tmp_path / "packages")) == ""


def report(folder: Path, **environ: str) -> str:
    """Return what the rules, or Django afterwards, have refused."""
    command = [sys.executable, "-m", "tests.runtime.odd_settings", str(folder / "sites")]
    plain = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=plain | environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
