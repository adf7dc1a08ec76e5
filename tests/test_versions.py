"""djbundle from its wheel, in clean environments of every Python and Django that it supports.

The project lies outside the repository and does not mention djbundle. The environment contains only the wheel and the
project's Django.
"""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.conftest import PROJECTS
from tests.support.customer import Customer
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.waiting import wait_until
from tests.support.wheel import make_environment, run

COMBINATIONS = [  # the oldest of both; the newest of both are in all other tests
    ("3.12", "django>=5.2,<6"),
    pytest.param("3.12", "django>=6.1,<6.2", marks=pytest.mark.slow),
    pytest.param("3.13", "django>=5.2,<6", marks=pytest.mark.slow),
    pytest.param("3.13", "django>=6.0,<6.1", marks=pytest.mark.slow),
]


def test_wheel_holds_what_a_build_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "djbundle/launcher/launcher.c" in names
    assert "djbundle/runtime/start/bootstrap.py" in names
    assert "djbundle/tasks/migrations/0001_initial.py" in names
    assert "djbundle/py.typed" in names
    assert "djbundle/templates/site.service" in names
    assert [name for name in names if name.startswith(("tests/", "ci/", "sample_shop/"))] == []


@pytest.mark.parametrize(("python", "django"), COMBINATIONS)
def test_small_project_builds_and_serves(wheel: Path, tmp_path: Path, python: str, django: str) -> None:
    extra = "[django52]" if "5.2" in django else ""
    programs = make_environment(tmp_path / "environment", python, f"{wheel}{extra}", django)
    project = Path(shutil.copytree(PROJECTS / "small", tmp_path / "project"))
    (project / "pyproject.toml").unlink()

    report = json.loads(run(programs / "djbundle", "build", project, "-o", tmp_path / "small", "--json"))
    assert report["size"] == (tmp_path / "small").stat().st_size
    packages = {package["name"] for package in report["packages"]}
    assert {"django", "granian", "cronsim", "cryptography", "josepy"} <= packages
    assert not packages & {"djbundle", "nuitka", "brotli"}

    bundle = copy_bundle(tmp_path / "small", tmp_path / "server")
    site = Site(bundle, tmp_path / "data", bare_environment())
    run(bundle, "-c", "from djbundle.runtime.tls import acme, keys; keys.generate_key()")
    versions = json.loads(site.run("version", "--json").stdout)
    assert versions["python"].startswith(f"{python}.")
    assert versions["django"].startswith(django.removeprefix("django>=").partition(",")[0])
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
