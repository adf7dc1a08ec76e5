"""A build reports failed checks of Django before it compiles the project and compresses the bundle."""

from pathlib import Path

import pytest

from djbundle.builder import pipeline
from djbundle.builder.core.console import Console
from djbundle.builder.options import BuildOptions
from djbundle.builder.verify import draft
from djbundle.errors import VerificationError

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent.parent
SECRET_KEY = "django-insecure-draft"
ROOT_URLCONF = "site_.urls"
INSTALLED_APPS = ["site_"]
"""
CHECK = """
from django.conf import settings
from django.core.checks import Error, register

@register()
def prices_are_there(**_kwargs):
    there = (settings.BASE_DIR / "site_" / "prices.csv").exists()
    return [] if there else [Error("there are no prices", id="site_.E001")]
"""
URLS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda _request: HttpResponse("front"))]
"""
MANAGE = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_.settings")
"""
STEP = "check a draft of it"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(draft, "SLOW_BYTES", -1)
    folder = tmp_path / "project"
    (folder / "site_").mkdir(parents=True)
    (folder / "manage.py").write_text(MANAGE)
    files = {"__init__.py": CHECK, "settings.py": SETTINGS, "urls.py": URLS, "prices.csv": "spade,12\n"}
    for name, text in files.items():
        (folder / "site_" / name).write_text(text)
    return folder


def steps_of_build(project: Path, *exclude: str) -> tuple[list[str], VerificationError | None]:
    """Build, and return the steps that came to their end, and the error."""
    console = Console(quiet=True)
    options = BuildOptions(project=project, output=project.parent / "dist" / "site", exclude=exclude)
    try:
        pipeline.build(options, console)
    except VerificationError as error:
        return [each.name for each in console.steps], error
    return [each.name for each in console.steps], None


def test_check_that_fails_in_the_bundle_ends_the_build_before_the_slow_steps(project: Path) -> None:
    steps, error = steps_of_build(project, "site_/prices.csv")
    assert error
    assert error.cause == "check fails: ?: (site_.E001) there are no prices"
    assert steps[-1] == "collect packages, data and libraries"
    assert not (project.parent / "dist").exists()


def test_check_that_passes_lets_the_build_go_on(project: Path) -> None:
    steps, error = steps_of_build(project)
    assert not error
    assert steps[3:] == [
        STEP,
        "compress them",
        "compile the project to C",
        "write the bundle",
        "crawl its pages",
    ]


def test_short_build_goes_without_a_draft(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own bundle is checked."""
    monkeypatch.setattr(draft, "SLOW_BYTES", 1 << 40)
    steps, error = steps_of_build(project, "site_/prices.csv")
    assert error
    assert STEP not in steps
    assert steps[-1] == "write the bundle"
