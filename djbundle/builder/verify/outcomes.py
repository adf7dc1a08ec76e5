"""The outcomes of a comparison say what the project did from its sources. See comparison.py."""

import contextlib
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from djbundle.builder.core.tracebacks import error_in_output
from djbundle.builder.verify.crawl_record import Problem

ERROR = re.compile(r"[A-Za-z_][\w.]*:")  # the class of an error, before its message
IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError")
NOT_COMPARED = "not compared with the sources"
HANGS = "hangs"  # the outcome of a page that does not answer in time
NOT_STARTED = "not started"  # in place of the name of a page: the project does not start, with the error


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes by what was tried: the error, the status, or "" if nothing failed.

    `gap` says why there is no outcome for the others; it is "" if there is one for each.
    """

    found: Mapping[str, str] = field(default_factory=dict)
    gap: str = ""

    def has_same(self, problem: Problem) -> bool:
        return is_same(problem, self.found.get(problem.what, self.found.get(NOT_STARTED, "")))

    def gap_for(self, problem: Problem) -> str:
        """Return why it is not known how the project behaves here; or "" if it is known."""
        if problem.what not in self.found:
            error = self.found.get(NOT_STARTED)
            return f"the project does not start there: {error}" if error else self.gap
        if self.found[problem.what] == HANGS and not problem.fate:
            return "it did not answer there in time"
        return ""

    def updated(self, problems: Sequence[Problem], other: "Outcomes") -> "Outcomes":
        """Return these outcomes with the `other` ones, which a second try of `problems` had.

        What the second try does not know, is not known.
        """
        known = {what: outcome for what, outcome in self.found.items() if what not in {each.what for each in problems}}
        return Outcomes({**known, **other.found}, other.gap)


def read_outcomes(file: Path, gap: str) -> Outcomes:
    """Return the outcomes that comparison_probe.py wrote before it ended."""
    found: dict[str, str] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        with contextlib.suppress(ValueError):  # it was ended in the middle of the line
            what, outcome = json.loads(line)
            found[what] = outcome
    return Outcomes(found, gap)


def gap_of(done: "subprocess.CompletedProcess[str]") -> str:
    """Return why a comparison that has ended may lack outcomes."""
    if not done.returncode:
        return ""
    return f"it could not be made: {error_in_output(done.stderr) or f'its process ended with code {done.returncode}'}"


def is_same(problem: Problem, outcome: str) -> bool:
    """Return whether the project fails in the same way as its bundle.

    For a page, the class of the error must be the same; its message may name another place. A site that logs no errors
    only shows that there was one: 500. A missing module must be the same one, because a module may be what the bundle
    lacks. For a command, any failure is enough.
    """
    if not problem.request:
        return bool(outcome)
    if problem.fate:
        return problem.fate == outcome
    if not problem.trace:
        status = problem.message.rpartition(" ")[2]
        return status == outcome or (status == "500" and bool(ERROR.match(outcome)))
    error = problem.message.partition(":")[0]
    return problem.message == outcome if error in IMPORT_ERRORS else error == outcome.partition(":")[0]
