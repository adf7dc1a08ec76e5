"""A bundle finds the programs of packages, and the libraries that packages look for by name."""

import json
import os
from pathlib import Path

import pytest

from tests.conftest import build
from tests.support.site import Site, bare_environment
from tests.support.wheel import make_environment, run

SETTINGS = """
SECRET_KEY = "only for tests, and longer than fifty characters, as Django wants it"
INSTALLED_APPS = ["django.contrib.contenttypes"]
ROOT_URLCONF = "site_.urls"
"""
URLS = """
import ninja
import numpy
import threadpoolctl

urlpatterns = []
"""
MANAGE = """
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_.settings")
if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""
ASK = """
import json, os, shutil, subprocess
import numpy, threadpoolctl
from django.conf import settings

def version(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options).stdout

def libraries():
    found = threadpoolctl.threadpool_info()
    return sorted([each["user_api"], os.path.basename(each["filepath"]), each["num_threads"]] for each in found)

numpy.ones((9, 9)) @ numpy.ones((9, 9))
with threadpoolctl.threadpool_limits(1):
    limited = libraries()
found = shutil.which("ninja")
print(json.dumps([
    os.path.basename(found), os.access(found, os.X_OK),
    version("ninja", "--version"), version(found, "--version"), version("ninja --version", shell=True),
    [each[:2] for each in libraries()], limited,
]))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project beside an environment with a program and with libraries that have threads."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "site_").mkdir()
    for name, text in (("__init__", ""), ("settings", SETTINGS), ("urls", URLS)):
        (folder / "site_" / f"{name}.py").write_text(text)
    (folder / "manage.py").write_text(MANAGE)
    make_environment(folder / ".venv", "3.13", "django>=6.1,<6.2", "numpy", "threadpoolctl", "ninja")
    return folder


def test_programs_and_libraries_are_found_as_in_an_active_environment(project: Path, tmp_path: Path) -> None:
    programs = project / ".venv" / "bin"
    active = f"PATH={programs}:{os.defpath}"
    expected = json.loads(run("env", active, programs / "python", project / "manage.py", "shell", "-v0", "-c", ASK))
    bundle = build(project, tmp_path / "site")
    site = Site(bundle, tmp_path / "data", bare_environment(HOME=str(tmp_path)))
    answer = json.loads(site.shell(ASK))
    assert answer == expected
    assert answer[-1], "numpy has a library with threads"
