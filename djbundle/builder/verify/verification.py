"""``djbundle verify``, also the last step of a build: start the bundle in a sandbox, and request its pages."""

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from djbundle.builder.core.sandbox import DATA, Place, SandboxError, Tell, may_isolate, run_in_sandbox
from djbundle.builder.inspection.inspection import ReadVariable
from djbundle.builder.project.env_files import values_in
from djbundle.builder.verify.comparison import Comparison
from djbundle.builder.verify.crawl import Visitor
from djbundle.builder.verify.crawl_record import Problem, Visit
from djbundle.builder.verify.migrated import Migrated, pack
from djbundle.contract.layout import VIRTUAL_ROOT
from djbundle.errors import OutputError, VerificationError

SHOWN = 12  # last lines of a traceback that are shown
HINTS = (
    (re.compile(r"(outside of a bundle too)"), "correct the page: it does so from the sources too"),
    (re.compile(r"its process (was killed|ended)"), "find what the page calls last: start the bundle, and ask for it"),
    (re.compile(r"no answer began within (\d+) s"), "see what the page waits for: an answer has to begin within {0} s"),
    (
        re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'"),
        "include the package that has {0}:  --include NAME",
    ),
    (re.compile(r"TemplateDoesNotExist: (\S+)"), "see that {0} lies in a folder of TEMPLATES, and is not excluded"),
    (
        re.compile(rf"FileNotFoundError: .*'{VIRTUAL_ROOT}/(\S+)'"),
        "see why it was left out:  djbundle check --files,  and name it if it belongs there:  --include {0}",
    ),
    (re.compile(r"FileNotFoundError: .*'(/\S+)'"), "do without {0}, which an empty container does not have"),
    (
        re.compile(rf"Read-only file system: '{VIRTUAL_ROOT}/(\S+)'"),
        "have {0} lie below MEDIA_ROOT or another setting: those move to the data directory",
    ),
    (
        re.compile(rf"{VIRTUAL_ROOT}/(\S+) is not writ"),  # a check of the project may print this
        "leave {0} out of the bundle, and it lies in the data directory:  --exclude {0}",
    ),
    (re.compile(r"KeyError: '([A-Z][A-Z0-9_]+)'"), "give the variable:  --env {0}=VALUE"),
    (re.compile(r"the environment variables? (\w+)"), "give the variable:  --env {0}=VALUE"),
)


def verify(
    bundle: Path,
    environment: Mapping[str, str],
    comparison: Comparison | None = None,
    migrated: Migrated | None = None,
    tell: Tell = lambda _share: None,
) -> Visit:
    """Crawl the bundle. Raises OutputError if there is no such file, and VerificationError if the crawl breaks off.

    With `comparison`, failures that also happen outside of the bundle become warnings. With `migrated`, migrations that
    ran before are taken from the cache.
    """
    if not bundle.is_file():
        raise OutputError(f"there is no file {bundle}", "name the bundle that djbundle build has written")

    with tempfile.TemporaryDirectory(prefix="djbundle-verify-") as folder:
        work = Path(folder)
        (data := work / DATA).mkdir(mode=0o700)
        # Only if isolated: otherwise the databases may hold the path of this folder.
        is_new = migrated and may_isolate() and not migrated.lay_out(data)

        def visit(place: Place, tell: Tell) -> Visit:
            return Visitor(place, environment, tell, pack if is_new else None).visit()

        try:
            seen = run_in_sandbox(bundle.absolute(), work, visit, tell)
        except SandboxError as error:
            raise VerificationError(f"the visit of {bundle} broke off: {error}", "look at it by hand") from error
        if migrated and is_new:
            migrated.keep(data)
        if comparison and seen.is_empty:
            comparison.sort(seen, data)
        return seen


def environment_of_build(variables: Sequence[ReadVariable], given: Mapping[str, str]) -> dict[str, str]:
    """Return the value of each variable on this machine, from the environment or from its .env file.

    Without isolation, return only variables that the settings require, so that the crawled site reaches no server.
    """
    wanted = variables if may_isolate() else [each for each in variables if each.needed]
    found = {}
    for each in wanted:
        value = os.environ.get(each.name) or (values_in(each.origin).get(each.name) if each.origin else None)
        if value is not None:
            found[each.name] = value
    return {**found, **given}


def to_json(seen: Visit) -> str:
    """Return the result of the crawl as JSON."""
    facts = asdict(seen)
    del facts["told"]
    return json.dumps(facts, indent=1)


def refuse(seen: Visit, advice: str = "correct it, and build again", escape: str = "") -> None:
    """Raise VerificationError for the first problem, if there is any.

    `advice` is the fix if no hint is known; `escape` is appended as the way around.
    """
    if seen.problems:
        first, *others = seen.problems
        more = f", and {len(others)} more" if others else ""
        raise VerificationError(f"{first.what} fails: {first.said}{more}", (hint(first) or advice) + escape)


def hint(problem: Problem) -> str:
    """Return the likely fix, or "".

    The trace is searched after the message, because for a command it has all of the output.
    """
    for text in (problem.said, problem.trace):
        for pattern, advice in HINTS:
            if found := pattern.search(text):
                return advice.format(found[1])
    return ""


def describe(seen: Visit) -> list[str]:
    """Return the problems, the warnings and the summary as lines of text."""
    return [*describe_problems(seen), *(f"warning: {each}" for each in seen.warnings), summary(seen)]


def describe_problems(seen: Visit) -> list[str]:
    """Return lines for each problem, with the end of its traceback."""
    lines: list[str] = []
    for problem in seen.problems:
        lines += [f"{problem.what}: {problem.said}", *(f"  | {line}" for line in problem.trace.splitlines()[-SHOWN:])]
    return lines


def summary(seen: Visit) -> str:
    where = (
        "in an empty root, without a network" if seen.is_empty else "beside all else, since nothing isolates it here"
    )
    task = ", a task run" if seen.tasks else ""
    return f"{seen.pages} pages and {seen.files} files seen{task}, {where}"
