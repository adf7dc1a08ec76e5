"""djbundle from its wheel, in clean environments of every Python and Django that it supports.

The project lies outside of the repository and says nothing about djbundle; the environment holds the wheel, the
project's Django and nothing else.
"""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ci.customer import Customer
from ci.site import Site, bare_environment, copy_bundle
from tests.conftest import PROJECTS, REPOSITORY
from tests.waiting import wait_until

UV = str(Path(sys.executable).with_name("uv"))
COMBINATIONS = [
    ("3.12", "django>=5.2,<6"),
    ("3.12", "django>=6.1,<6.2"),
    ("3.13", "django>=5.2,<6"),
    ("3.13", "django>=6.0,<6.1"),
]


def find_python(version: str) -> str:
    """One that really starts; uv downloads it where there is none."""
    for candidate in (f"python{version}", *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"))):
        try:
            subprocess.run([candidate, "-c", ""], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return str(candidate)
    return version


def run(*command: object) -> str:
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=900)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--quiet", "--wheel", "--out-dir", folder, REPOSITORY)
    return next(folder.glob("*.whl"))


def test_wheel_holds_what_a_build_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "djbundle/launcher/launcher.c" in names
    assert "djbundle/runtime/bootstrap.py" in names
    assert "djbundle/tasks/migrations/0001_initial.py" in names
    assert "djbundle/py.typed" in names
    assert [name for name in names if name.startswith(("tests/", "ci/", "sample_shop/"))] == []


@pytest.mark.parametrize(("python", "django"), COMBINATIONS)
def test_small_project_builds_and_serves(wheel: Path, tmp_path: Path, python: str, django: str) -> None:
    environment = tmp_path / "environment"
    run(UV, "venv", "--quiet", "--no-project", "--python", find_python(python), environment)
    extra = "[django52]" if "5.2" in django else ""
    run(UV, "pip", "install", "--quiet", "--python", environment / "bin/python", f"{wheel}{extra}", django)
    project = Path(shutil.copytree(PROJECTS / "small", tmp_path / "project"))
    (project / "pyproject.toml").unlink()

    report = json.loads(run(environment / "bin/djbundle", "build", project, "-o", tmp_path / "small", "--json"))
    assert report["size"] == (tmp_path / "small").stat().st_size

    bundle = copy_bundle(tmp_path / "small", tmp_path / "server")
    site = Site(bundle, tmp_path / "data", bare_environment())
    told = json.loads(site.run("version", "--json").stdout)
    assert told["python"].startswith(f"{python}.")
    assert told["django"].startswith(django.removeprefix("django>=").partition(",")[0])
    with site:
        customer = Customer(site.url)
        customer.get("/write/?text=by-the-worker")
        page = wait_until(
            lambda: text if "by-the-worker" in (text := customer.get("/").text) else "", "the worker writes the note"
        )
        assert "GOOD MORNING!" in page
        assert "alpha beta gamma" in page
        assert customer.get("/static/notes/notes.css").status == 200
        assert customer.get("/admin/login/").status == 200
    assert site.run("count_notes").stdout.strip() == "1"
