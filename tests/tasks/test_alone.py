"""A project that wants the tasks alone: of all that djbundle requires, only Django and cronsim are installed."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import PROJECTS, REPOSITORY

INSTALLED = {"asgiref", "cronsim", "django", "djbundle", "sqlparse"}
# Python imports this module at each start. It finds no other package.
SITE = """
import sys

class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing)
"""
STATE = "from djbundle.tasks.models import TaskRecord; print(TaskRecord.objects.get().status)"


def missing_modules() -> set[str]:
    """Return the modules of all distributions here but INSTALLED."""
    owners = importlib.metadata.packages_distributions()
    return {name for name, among in owners.items() if INSTALLED.isdisjoint(each.lower() for each in among)}


def test_a_worker_runs_a_task_without_what_builds_bundles(tmp_path: Path) -> None:
    project = Path(shutil.copytree(PROJECTS / "small", tmp_path / "small"))
    missing = missing_modules()
    assert {"granian", "nuitka", "cryptography", "servestatic"} <= missing
    (tmp_path / "sitecustomize.py").write_text(SITE.format(missing=missing))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(REPOSITORY)))}

    def manage(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        result = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    manage("migrate", "--verbosity", "0")
    manage("shell", "-c", "from notes.tasks import write_note; write_note.enqueue('alone')")
    manage("worker", "--until-idle")
    assert "SUCCESSFUL" in manage("shell", "-c", STATE)
    assert "tasks" in manage("tasks", "list")
