"""A project is built to the same bytes in another folder, by another environment with the same packages."""

import os
import subprocess
from pathlib import Path

import pytest

from ci.bench.large_project import write_project
from tests.conftest import run_build
from tests.support.wheel import make_environment, run

PACKAGES = "django>=6.1,<6.2", "pyyaml", "redis", "werkzeug"
IMPORT = "import django.contrib.admin.options, redis.cluster, werkzeug.routing"


def build(folder: Path, python: Path) -> bytes:
    """Write and build a project with caches of its own, and return the bundle."""
    write_project(folder / "project", 20, ["yaml", "redis", "werkzeug"])
    caches = {"DJBUNDLE_BUILD_CACHE": str(folder / "cache"), "XDG_CACHE_HOME": str(folder), "HOME": str(folder)}
    environment = os.environ | caches | {"SOURCE_DATE_EPOCH": "1700000000"}
    built = run_build(folder / "project", "--python", python, "-o", folder / "bundle", env=environment)
    assert built.returncode == 0, built.stderr
    return (folder / "bundle").read_bytes()


@pytest.mark.slow
def test_two_builds(tmp_path: Path) -> None:
    """All modules of one environment have bytecode by compileall; some of the other have it by imports."""
    one, other = tmp_path / "one", tmp_path / "another-folder"
    compiled, imported = (make_environment(each / "environment", "3.13", *PACKAGES) / "python" for each in (one, other))
    run(compiled, "-m", "compileall", "-q", one / "environment" / "lib")
    writes = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([imported, "-c", IMPORT], env=writes, check=True)
    assert build(one, compiled) == build(other, imported)
