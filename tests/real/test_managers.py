"""Environments of Poetry, PDM and Pipenv, in the folders where these tools keep them."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import PROJECTS
from tests.support.wheel import UV, find_python, make_environment, run

DJANGO = "django>=6.0,<6.1"  # not the one that djbundle's own environment has
PYPROJECT = '[project]\nname = "small"\nversion = "1"\nrequires-python = ">=3.12"\n'


@dataclass(frozen=True)
class Manager:
    name: str
    commands: tuple[str, ...]  # make its environment; {python} is the interpreter
    place: str = ""  # the command that prints the environment's folder
    files: dict[str, str] = field(default_factory=dict)


MANAGERS = (
    Manager("poetry", ("poetry env use {python}", "poetry lock"), "poetry env info -p"),
    Manager("pdm", ("pdm use -f {python}",), "pdm venv --path in-project"),
    Manager("pipenv", ("pipenv --python {python}",), "pipenv --venv", {"Pipfile": "[packages]\n"}),
)


@pytest.mark.parametrize("manager", MANAGERS, ids=lambda each: each.name)
def test_its_environment_is_found(manager: Manager, tool: Path, tmp_path: Path) -> None:
    programs = make_environment(tmp_path / "manager", "3.13", manager.name)
    project = Path(shutil.copytree(PROJECTS / "small", tmp_path / "project"))
    (project / "pyproject.toml").write_text(PYPROJECT)
    for name, text in manager.files.items():
        (project / name).write_text(text)
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    environment |= {"HOME": str(tmp_path), "PATH": f"{programs}:{os.environ['PATH']}", "PYENV_VERSION": ""}

    def call(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    python = shutil.which(find_python("3.13")) or find_python("3.13")
    for command in manager.commands:
        call(*command.format(python=python).split())
    place = call(*manager.place.split())
    run(UV, "pip", "install", "--quiet", "--python", f"{place}/bin/python", DJANGO)
    packages = json.loads(call(tool, "check", project, "--json"))["packages"]
    django = next(each for each in packages if each["name"] == "django")
    assert django["version"].startswith("6.0.")
