"""The second opinion after a crawl: try in the project itself, from its sources, what fails in the bundle.

If it fails there in the same way, it is a fault of the project: the build warns and continues. If it works there, the
bundle is at fault. The project gets a copy of the crawl's databases and no network, and its writes are discarded
(comparison_probe.py). Where isolation is impossible, the project is not tried.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from djbundle.builder.project.installed import project_command
from djbundle.builder.project.project import Project
from djbundle.builder.verify.crawl_record import CrawlRecord, Problem
from djbundle.builder.verify.kept_databases import kept

COMMANDS = ("check", "migrate")
PLAN_FILE, OUTCOMES_FILE = "plan.json", "outcomes.json"  # see comparison_probe.py
IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError")
COMPARISON_TIMEOUT = 120.0  # seconds for the whole comparison


@dataclass(frozen=True, slots=True)
class Comparison:
    """The project, the variables of its build (`environment`), and its collected static files (`static`)."""

    project: Project
    environment: Mapping[str, str]
    static: Path

    def sort_problems(self, record: CrawlRecord, data: Path) -> None:
        """Turn problems into warnings if the project has them outside of a bundle too.

        A page that does not answer stays a problem, because each request for it occupies a thread or ends a process.
        `data` is the data directory of the crawled bundle.
        """
        comparable = [each for each in record.problems if each.request or each.what in COMMANDS]
        outcomes = self.outcomes_outside(comparable, record.site_facts, data) if comparable else {}
        problems, record.problems = record.problems, []
        for problem in problems:
            is_of_project = is_same(problem, outcomes.get(problem.what, ""))
            message = f"{problem.message} (outside of a bundle too)" if is_of_project else problem.message
            if is_of_project and not problem.fate:
                record.warnings.append(f"{problem.what}: {message}")
            else:
                record.problems.append(replace(problem, message=message))

    def outcomes_outside(self, problems: list[Problem], site_facts: Mapping[str, Any], data: Path) -> dict[str, str]:
        """Return the outcome of each of `problems` outside of the bundle: the error, or "" if there is none.

        What does not fail in the same way is tried again on the databases as they were before the crawl.
        """
        names = site_facts.get("databases", {}).items()
        after = {alias: Path(name) for alias, name in names if (data / name).is_file()}
        outcomes = self.try_outside(problems, site_facts, data, after)
        others = [each for each in problems if each.request and not is_same(each, outcomes.get(each.what, ""))]
        before = {alias: kept(data, alias).relative_to(data) for alias in after if kept(data, alias).is_file()}
        if not others or not before:
            return outcomes
        earlier = self.try_outside(others, site_facts, data, before)
        return outcomes | {
            each.what: earlier[each.what] for each in others if is_same(each, earlier.get(each.what, ""))
        }

    def try_outside(
        self, problems: list[Problem], site_facts: Mapping[str, Any], data: Path, databases: Mapping[str, Path]
    ) -> dict[str, str]:
        """Return the outcome of each of `problems` with these databases: paths relative to `data`, by alias."""
        work = Path(tempfile.mkdtemp(prefix="outside-", dir=data.parent))
        shutil.copytree(data, work, ignore=shutil.ignore_patterns("*.sock"), dirs_exist_ok=True)
        plan = {
            "commands": [each.what for each in problems if each.what in COMMANDS],
            "requests": [
                {"what": each.what, "path": each.request.path, "superuser": each.request.superuser}
                for each in problems
                if each.request
            ],
            "databases": {alias: str(work / name) for alias, name in databases.items()},
            "static": str(self.static),
            "host": site_facts.get("host", ""),
            "superuser": site_facts.get("superuser", ""),
            "is_https": site_facts.get("redirects_to_https", False),
        }
        outcomes = work / OUTCOMES_FILE
        (work / PLAN_FILE).write_text(json.dumps(plan))
        overrides = {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(work)}
        try:
            subprocess.run(
                [*project_command("from djbundle.builder.verify.comparison_probe import run; run()"), str(work)],
                cwd=self.project.root,
                env={**os.environ, **self.project.settings_variables(), **self.environment, **overrides},
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=COMPARISON_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {}
        return json.loads(outcomes.read_bytes()) if outcomes.exists() else {}


def is_same(problem: Problem, outcome: str) -> bool:
    """Return whether the project fails in the same way as its bundle.

    For a page, the class of the error must be the same; its message may name another place. For a command, any failure
    is enough. A missing module must be the same one, because a module may be what the bundle lacks.
    """
    if not problem.request:
        return bool(outcome)
    if problem.fate:
        return problem.fate == outcome
    if not problem.trace:
        return problem.message.rpartition(" ")[2] == outcome  # the status
    error = problem.message.partition(":")[0]
    return problem.message == outcome if error in IMPORT_ERRORS else error == outcome.partition(":")[0]
