"""``djbundle verify``, also the last step of a build: start the bundle in a sandbox, and request its pages."""

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from djbundle.builder.core.sandbox import (
    DATA,
    ProgressCallback,
    SandboxError,
    SandboxPaths,
    may_isolate,
    run_in_sandbox,
)
from djbundle.builder.inspection.inspection import ReadVariable
from djbundle.builder.project.env_files import values_in
from djbundle.builder.verify.comparison import Comparison
from djbundle.builder.verify.crawl import Crawler
from djbundle.builder.verify.crawl_record import CrawlRecord, Problem
from djbundle.builder.verify.migrated import MigratedData, pack
from djbundle.builder.verify.outcomes import NOT_COMPARED
from djbundle.contract.layout import VIRTUAL_ROOT
from djbundle.errors import OutputError, VerificationError

SHOWN_LINES = 12  # last lines of a traceback that are shown
HINTS = (
    (re.compile(r"(outside of a bundle too)"), "correct the page: it does so from the sources too"),
    (
        re.compile(r"^(it did not start within)"),
        "build again while the machine has less to do, or start the bundle by hand",
    ),
    (re.compile(r"its process (was killed|ended)"), "find what the page calls last: start the bundle, and request it"),
    (re.compile(r"no answer began within (\d+) s"), "see what the page waits for: an answer has to begin within {0} s"),
    (
        re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'"),
        "include the package that has {0}:  --include NAME",
    ),
    (
        re.compile(r"TemplateDoesNotExist: (\S+)"),
        "make sure that {0} lies in a folder of TEMPLATES, and is not excluded",
    ),
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
        "leave {0} out of the bundle, so that it lies in the data directory:  --exclude {0}",
    ),
    (re.compile(r"KeyError: '([A-Z][A-Z0-9_]+)'"), "give the variable:  --env {0}=VALUE"),
    (re.compile(r"the environment variables? (\w+)"), "give the variable:  --env {0}=VALUE"),
    (
        re.compile(rf"{NOT_COMPARED}: it ran out of its (\d+) s"),
        "build again while the machine has less to do, or see in the traceback whether the project is to blame",
    ),
    (re.compile(rf"({NOT_COMPARED})"), "see in the traceback whether the project or the bundle is to blame"),
)


def verify(
    bundle: Path,
    environment: Mapping[str, str],
    comparison: Comparison | None = None,
    migrated: MigratedData | None = None,
    report_progress: ProgressCallback = lambda _share: None,
) -> CrawlRecord:
    """Crawl the bundle. Raises OutputError if there is no such file, and VerificationError if the crawl ends early.

    With `comparison`, failures that also happen outside of the bundle become warnings. With `migrated`, migrations that
    ran before are taken from the cache.
    """
    if not bundle.is_file():
        raise OutputError(f"there is no file {bundle}", "name the bundle that djbundle build has written")
    with _data_directory() as data:
        # Only if isolated: otherwise the databases may hold the path of this folder.
        is_new = migrated and may_isolate() and not migrated.restore(data)

        def crawl(paths: SandboxPaths, report_progress: ProgressCallback) -> CrawlRecord:
            return Crawler(paths, environment, report_progress, pack if is_new else None).crawl()

        record = _run(bundle, data, crawl, report_progress)
        if migrated and is_new:
            migrated.store(data)
        if comparison and record.is_empty:
            comparison.sort_problems(record, data)
        return record


def check(bundle: Path, comparison: Comparison) -> CrawlRecord:
    """Run Django's checks in the bundle and nothing else; failures outside of it become warnings."""
    with _data_directory() as data:

        def check(paths: SandboxPaths, report_progress: ProgressCallback) -> CrawlRecord:
            return Crawler(paths, comparison.environment, report_progress).check_only()

        record = _run(bundle, data, check, lambda _share: None)
        if record.is_empty:
            comparison.sort_problems(record, data)
        return record


@contextlib.contextmanager
def _data_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="djbundle-verify-") as folder:
        (data := Path(folder) / DATA).mkdir(mode=0o700)
        yield data


def _run(
    bundle: Path,
    data: Path,
    function: Callable[[SandboxPaths, ProgressCallback], CrawlRecord],
    report_progress: ProgressCallback,
) -> CrawlRecord:
    try:
        return run_in_sandbox(bundle.absolute(), data.parent, function, report_progress)
    except SandboxError as error:
        raise VerificationError(
            f"the crawl of {bundle} ended early: {error}", "start it by hand, and request its pages"
        ) from error


def environment_of_build(variables: Sequence[ReadVariable], options: Mapping[str, str]) -> dict[str, str]:
    """Return the value of each variable on this machine: of `options`, of the environment or of its .env file.

    Without isolation, return only variables that the settings require, so that the crawled site reaches no server.
    """
    used = variables if may_isolate() else [each for each in variables if each.needed]
    values = {}
    for each in used:
        value = os.environ.get(each.name) or (values_in(each.origin).get(each.name) if each.origin else None)
        if value is not None:
            values[each.name] = value
    return {**values, **options}


def to_json(record: CrawlRecord) -> str:
    """Return the result of the crawl as JSON."""
    fields = asdict(record)
    del fields["site_facts"], fields["seconds"]
    keys = {"message": "said"}  # the key that scripts read
    fields["problems"] = [{keys.get(name, name): value for name, value in each.items()} for each in fields["problems"]]
    return json.dumps(fields, indent=1)


def raise_for_problems(record: CrawlRecord, advice: str = "correct it, and build again", escape: str = "") -> None:
    """Raise VerificationError for the first problem, if there is any.

    `advice` is the fix if no hint is known; `escape` is appended as the way around.
    """
    if record.problems:
        first, *others = record.problems
        more = f", and {len(others)} more" if others else ""
        raise VerificationError(f"{first.what} fails: {first.message}{more}", (hint(first) or advice) + escape)


def hint(problem: Problem) -> str:
    """Return the likely fix, or "".

    The trace is searched after the message, because for a command it has all of the output.
    """
    for text in (problem.message, problem.trace):
        for pattern, advice in HINTS:
            if match := pattern.search(text):
                return advice.format(match[1])
    return ""


def report_lines(record: CrawlRecord) -> list[str]:
    """Return the problems, the warnings and the summary as lines of text."""
    return [*problem_lines(record), *(f"warning: {each}" for each in record.warnings), summary(record)]


def problem_lines(record: CrawlRecord) -> list[str]:
    """Return lines for each problem, with the end of its traceback."""
    lines: list[str] = []
    for problem in record.problems:
        lines += [
            f"{problem.what}: {problem.message}",
            *(f"  | {line}" for line in problem.trace.splitlines()[-SHOWN_LINES:]),
        ]
    return lines


def summary(record: CrawlRecord) -> str:
    where = (
        "in an empty root, without a network" if record.is_empty else "beside all else, since nothing isolates it here"
    )
    task = ", a task run" if record.tasks else ""
    return f"{record.pages} pages and {record.files} files crawled{task}, {where}"
