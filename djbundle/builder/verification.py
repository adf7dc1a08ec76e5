"""``djbundle verify``: a bundle is started where nothing else is, and every page that can be is asked for."""

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from djbundle.builder.sandbox import Place, SandboxError, run_in_sandbox
from djbundle.builder.visit import Problem, Visit, Visitor
from djbundle.errors import OutputError, VerificationError

SHOWN = 12  # last lines of a traceback
HINTS = (
    (
        re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'"),
        "include the package that has {0}:  --include NAME",
    ),
    (re.compile(r"TemplateDoesNotExist: (\S+)"), "see that {0} lies in a folder of TEMPLATES, and is not excluded"),
    (re.compile(r"FileNotFoundError: .*'(/\S+)'"), "see that git tracks {0}, and that it is not excluded"),
    (re.compile(r"KeyError: '([A-Z][A-Z0-9_]+)'"), "give the variable:  --env {0}=VALUE"),
    (re.compile(r"the environment variables? (\w+)"), "give the variable:  --env {0}=VALUE"),
)


def verify(bundle: Path, environment: Mapping[str, str]) -> Visit:
    """Visit it; raises OutputError where there is no such file, VerificationError where that cannot be done."""
    if not bundle.is_file():
        raise OutputError(f"there is no file {bundle}", "name the bundle that djbundle build has written")

    def visit(place: Place) -> Visit:
        return Visitor(place, environment).visit()

    with tempfile.TemporaryDirectory(prefix="djbundle-verify-") as work:
        try:
            return run_in_sandbox(bundle.absolute(), Path(work), visit)
        except SandboxError as error:
            raise VerificationError(f"the visit of {bundle} broke off: {error}", "look at it by hand") from error


def to_json(seen: Visit) -> str:
    return json.dumps(asdict(seen), indent=1)


def refuse(seen: Visit) -> None:
    """Raises VerificationError, of the first problem, if there is any."""
    if seen.problems:
        first, *others = seen.problems
        more = f", and {len(others)} more" if others else ""
        raise VerificationError(f"{first.what} fails: {first.said}{more}", hint(first))


def hint(problem: Problem) -> str:
    for pattern, advice in HINTS:
        if found := pattern.search(f"{problem.said}\n{problem.trace}"):
            return advice.format(found[1])
    return "correct it, and build again"


def describe(seen: Visit) -> list[str]:
    """Lines for people: problems with the end of their tracebacks, warnings, and what was seen."""
    lines: list[str] = []
    for problem in seen.problems:
        lines += [f"{problem.what}: {problem.said}", *(f"  | {line}" for line in problem.trace.splitlines()[-SHOWN:])]
    lines += [f"warning: {each}" for each in seen.warnings]
    where = (
        "in an empty root, without a network" if seen.is_empty else "beside all else, since nothing isolates it here"
    )
    lines.append(f"{seen.pages} pages and {seen.files} files seen, {where}")
    return lines
