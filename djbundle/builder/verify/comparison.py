"""The second opinion after a crawl: try in the project itself, from its sources, what fails in the bundle.

If it fails there in the same way, it is a fault of the project: the build warns and continues. If it works there, the
bundle is at fault. If the comparison has no outcome for it, neither is known, and the report says why. The project gets
a copy of the crawl's databases and no network, and its writes are discarded (comparison_probe.py). Where isolation is
impossible, the project is not tried.
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
from djbundle.builder.verify.outcomes import NOT_COMPARED, NOT_STARTED, Outcomes, gap_of, read_outcomes

COMMANDS = ("check", "migrate")
PLAN_FILE, OUTCOMES_FILE = "plan.json", "outcomes.jsonl"  # see comparison_probe.py
MIN_TIMEOUT = 120.0  # seconds for a comparison after a short crawl
CRAWL_FACTOR = 4  # a comparison may take so many times as long as the crawl: each page has a process without caches


@dataclass(frozen=True, slots=True)
class Comparison:
    """The project, the variables of its build (`environment`), and its collected static files (`static`)."""

    project: Project
    environment: Mapping[str, str]
    static: Path

    def sort_problems(self, record: CrawlRecord, data: Path) -> None:
        """Turn problems into warnings if the project has them outside of a bundle too.

        A page that does not answer stays a problem, because each request for it occupies a thread or ends a process.
        So does a problem that could not be compared; these come last. `data` is the data directory of the crawled
        bundle.
        """
        comparable = [each for each in record.problems if each.request or each.what in COMMANDS]
        outcomes = self.outcomes_outside(comparable, record, data) if comparable else Outcomes()
        problems, record.problems = record.problems, []
        uncompared: list[Problem] = []
        for problem in problems:
            if outcomes.has_same(problem):
                message = f"{problem.message} (outside of a bundle too)"
                if problem.fate:
                    record.problems.append(replace(problem, message=message))
                else:
                    record.warnings.append(f"{problem.what}: {message}")
            elif problem in comparable and (gap := outcomes.gap_for(problem)):
                uncompared.append(replace(problem, message=f"{problem.message} ({NOT_COMPARED}: {gap})"))
            else:
                record.problems.append(problem)
        record.problems += uncompared

    def outcomes_outside(self, problems: list[Problem], record: CrawlRecord, data: Path) -> Outcomes:
        """Return the outcomes of `problems` outside of the bundle.

        What does not fail in the same way is tried again on the databases as they were before the crawl.
        """
        names = record.site_facts.get("databases", {}).items()
        after = {alias: Path(name) for alias, name in names if (data / name).is_file()}
        outcomes = self.try_outside(problems, record, data, after)
        others = [each for each in problems if each.request and not outcomes.has_same(each)]
        before = {alias: kept(data, alias).relative_to(data) for alias in after if kept(data, alias).is_file()}
        if not others or not before or NOT_STARTED in outcomes.found:
            return outcomes
        second = Outcomes(gap=outcomes.gap) if outcomes.gap else self.try_outside(others, record, data, before)
        return outcomes.updated(others, second)

    def try_outside(
        self, problems: list[Problem], record: CrawlRecord, data: Path, databases: Mapping[str, Path]
    ) -> Outcomes:
        """Return the outcomes of `problems` with these databases: paths relative to `data`, by alias."""
        work = Path(tempfile.mkdtemp(prefix="outside-", dir=data.parent))
        shutil.copytree(data, work, ignore=shutil.ignore_patterns("*.sock"), dirs_exist_ok=True)
        (work / PLAN_FILE).write_text(json.dumps(self.plan(problems, record.site_facts, work, databases)))
        overrides = {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(work)}
        timeout = timeout_after(record)
        try:
            done = subprocess.run(
                [*project_command("from djbundle.builder.verify.comparison_probe import run; run()"), str(work)],
                cwd=self.project.root,
                env={**os.environ, **self.project.settings_variables(), **self.environment, **overrides},
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return read_outcomes(work / OUTCOMES_FILE, f"it ran out of its {timeout:.0f} s")
        return read_outcomes(work / OUTCOMES_FILE, gap_of(done))

    def plan(
        self, problems: list[Problem], site_facts: Mapping[str, Any], work: Path, databases: Mapping[str, Path]
    ) -> dict[str, Any]:
        """Return what comparison_probe.py reads."""
        return {
            "commands": [each.what for each in problems if each.what in COMMANDS],
            "requests": [
                {
                    "what": each.what,
                    "path": each.request.path,
                    "superuser": each.request.superuser,
                    "hangs": each.fate == "hangs",
                }
                for each in problems
                if each.request
            ],
            "databases": {alias: str(work / name) for alias, name in databases.items()},
            "static": str(self.static),
            "host": site_facts.get("host", ""),
            "superuser": site_facts.get("superuser", ""),
            "is_https": site_facts.get("redirects_to_https", False),
        }


def timeout_after(record: CrawlRecord) -> float:
    """Return the seconds that a comparison may take. The crawl shows how slow this project is on this machine."""
    return max(MIN_TIMEOUT, CRAWL_FACTOR * record.seconds)
