"""The second opinion after a crawl: try in the project itself, from its sources, what fails in the bundle.

If it fails there in the same way, it is a fault of the project: the build warns and continues. If it works there, the
bundle is to blame. The project gets a copy of the crawl's databases and no network, and its writes are discarded
(comparison_probe.py). Where isolation is impossible, the project is not tried.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from djbundle.builder.project.installed import project_command
from djbundle.builder.project.project import Project
from djbundle.builder.verify.crawl_record import Problem, Visit

COMMANDS = ("check", "migrate")
IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError")
PATIENCE = 120.0  # seconds for the whole comparison


@dataclass(frozen=True, slots=True)
class Comparison:
    """The project, the variables of its build (`environment`), and its collected static files (`static`)."""

    project: Project
    environment: Mapping[str, str]
    static: Path

    def sort(self, seen: Visit, data: Path) -> None:
        """Turn problems into warnings if the project has them outside of a bundle too.

        A page that does not answer stays a problem: each request for it takes a thread or a process from all other
        requests. `data` is the data directory of the crawled bundle.
        """
        asked = [each for each in seen.problems if each.request or each.what in COMMANDS]
        outside = self.ask(asked, seen.told, data) if asked else {}
        problems, seen.problems = seen.problems, []
        for problem in problems:
            is_known = is_same(problem, outside.get(problem.what, ""))
            known = replace(problem, said=f"{problem.said} (outside of a bundle too)") if is_known else problem
            if is_known and not problem.fate:
                seen.warnings.append(f"{known.what}: {known.said}")
            else:
                seen.problems.append(known)

    def ask(self, problems: list[Problem], told: Mapping[str, Any], data: Path) -> dict[str, str]:
        """Return the outcome of each of `problems` outside of the bundle: the error, or "" if there is none."""
        work = data.with_name("outside")
        databases = {
            alias: str(work / name) for alias, name in told.get("databases", {}).items() if (data / name).is_file()
        }
        shutil.copytree(data, work, ignore=shutil.ignore_patterns("*.sock"))
        questions = {
            "commands": [each.what for each in problems if each.what in COMMANDS],
            "requests": [
                {"what": each.what, "path": each.request.path, "superuser": each.request.superuser}
                for each in problems
                if each.request
            ],
            "databases": databases,
            "static": str(self.static),
            "host": told.get("host", ""),
            "superuser": told.get("superuser", ""),
            "is_https": told.get("redirects_to_https", False),
        }
        answer = work / "answer.json"
        (work / "questions.json").write_text(json.dumps(questions))
        own = {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(work)}
        try:
            subprocess.run(
                [*project_command("from djbundle.builder.verify.comparison_probe import run; run()"), str(work)],
                cwd=self.project.root,
                env={**os.environ, **self.project.settings_variables(), **self.environment, **own},
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {}
        return json.loads(answer.read_bytes()) if answer.exists() else {}


def is_same(problem: Problem, outside: str) -> bool:
    """Return whether the project fails in the same way as its bundle.

    For a page, the class of the error must be the same; its message may name another place. For a command, any failure
    is enough. A missing module must be the same one, because a module may be what the bundle lacks.
    """
    if not problem.request:
        return bool(outside)
    if problem.fate:
        return problem.fate == outside
    if not problem.trace:
        return problem.said.rpartition(" ")[2] == outside  # the status
    failed = problem.said.partition(":")[0]
    return problem.said == outside if failed in IMPORT_ERRORS else failed == outside.partition(":")[0]
