"""``djbundle check``: report what a build would include, and what would fail in a bundle. Compiles nothing."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from djbundle.builder.contents.file_selection import Decision, FileSelection
from djbundle.builder.contents.left_out import note_of, printable
from djbundle.builder.contents.secret_contents import certain_secret
from djbundle.builder.copyleft import find_copyleft
from djbundle.builder.core.cache import Cache, default_folder
from djbundle.builder.dependencies import modules
from djbundle.builder.dependencies.bytecode_rules import Reason
from djbundle.builder.dependencies.package_selection import Dependency, find_dependencies
from djbundle.builder.inspection.inspection import Inspection, ReadVariable
from djbundle.builder.machine_ties import find_machine_ties, settings_files
from djbundle.builder.native import sqlite
from djbundle.builder.native.refusals import choose_modules
from djbundle.builder.options import BuildOptions
from djbundle.builder.project.installed import files_of
from djbundle.builder.project.project import Project
from djbundle.builder.project.python_version import experimental_note
from djbundle.builder.relative_paths import find_relative_paths
from djbundle.builder.scan import DEVELOPMENT_APPS, Finding, scan
from djbundle.builder.versions import check_versions

SHOWN_FILES = 5  # missing files shown at most
# Warnings of `check --deploy` about settings that the bundle changes by itself.
CHANGED_BY_BUNDLE = frozenset({"security.W009", "security.W018", "security.W020"})


@dataclass(frozen=True, slots=True)
class Package:
    name: str
    version: str
    reason: str
    size: int  # bytes, as installed


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of a check; `to_json` returns what ``--json`` prints."""

    name: str
    version: str
    root: str
    settings: str
    settings_reason: str
    environment: str
    django: str
    interface: str
    apps: list[str]
    public_uploads: str  # URL path at which a bundle serves uploads publicly, or ""
    compiled: int  # number of modules
    bytecode: list[Finding]  # modules that are not compiled, with the line that is the reason
    packages: list[Package]
    variables: list[ReadVariable]
    problems: list[Finding]  # things that would fail in a bundle
    advice: list[Finding]
    copyleft: list[Finding]  # what is under GPL or AGPL, and what that means
    machine_ties: list[Finding]  # things that keep the site on one machine; no faults
    files: list[Decision]  # the project's files

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def check_project(options: BuildOptions) -> Check:
    """Check the project. Raises the errors that a build would raise."""
    check_versions()
    project, inspection = options.inspect()
    sqlite.check_sqlite(inspection.databases)
    files = FileSelection(project, inspection).decisions
    choice = choose_modules(project, Cache(default_folder()))
    dependencies = find_dependencies(project, inspection)
    sources = (path for path in project.sources() if not modules.is_test(path) and "migrations" not in path.parts)
    return Check(
        name=project.name,
        version=project.version,
        root=str(project.root),
        settings=project.settings_module,
        settings_reason=project.settings_reason,
        environment=options.packages,
        django=inspection.django,
        interface=inspection.interface.upper(),
        apps=inspection.apps,
        public_uploads=inspection.media_url,
        compiled=len(choice.compiled),
        bytecode=[*_bytecode(choice.bytecode)],
        packages=[_package(each) for each in dependencies],
        variables=inspection.variables,
        problems=scan(project.root, sources, settings_files(project), has_sources=not project.configuration.protect),
        advice=[
            *_development_apps(inspection, project),
            *_missing_files(inspection),
            *_left_out(project, files),
            *find_relative_paths(project),
            *_failed_checks(inspection),
            *_threads(inspection),
            *_deployment(inspection),
            *_python(),
        ],
        copyleft=[*find_copyleft(dependencies, inspection.libraries)],
        machine_ties=find_machine_ties(project, inspection, {each.name for each in dependencies}),
        files=files,
    )


def _bytecode(reasons: Mapping[PurePosixPath, list[Reason]]) -> Iterator[Finding]:
    """Yield the reasons why modules stay bytecode. These need no fix: the modules do what they do in Python."""
    for name, each in sorted(reasons.items()):
        yield from (Finding(f"{name}:{reason.line}", reason.cause, "") for reason in each)


def _package(dependency: Dependency) -> Package:
    files = files_of(dependency.distribution)
    size = sum(Path(file.path).stat().st_size for file in files if not file.name.endswith(".pyc"))
    return Package(dependency.name, dependency.version, dependency.reason, size)


def _development_apps(inspection: Inspection, project: Project) -> Iterator[Finding]:
    for name in sorted(DEVELOPMENT_APPS & {app.partition(".")[0] for app in inspection.apps}):
        yield Finding(project.settings_module, f'"{name}" is for development', "leave it out where DEBUG is off")


def _missing_files(inspection: Inspection) -> Iterator[Finding]:
    if missing := inspection.missing_static_files:
        more = f" and {len(missing) - SHOWN_FILES} more" if len(missing) > SHOWN_FILES else ""
        cause = f"style sheets name missing files: {', '.join(missing[:SHOWN_FILES])}{more}"
        yield Finding("static files", cause, "add these files, or correct the style sheets")


def _left_out(project: Project, files: list[Decision]) -> Iterator[Finding]:
    """Yield files that are left out and may be missed, and included modules that hold a private key."""
    if note := note_of(project):
        yield Finding("files", note, "install git")
    for each in files:
        if each.is_news:
            name = printable(each.path)
            yield Finding(name, f"is left out: {each.reason}", f'if it belongs there:  --include "{name}"')
    for each in files:
        if each.taken and each.path.endswith(".py") and certain_secret(project.root / each.path):
            yield Finding(each.path, "holds a private key, which anybody can read in a bundle", "give it at run time")


def _failed_checks(inspection: Inspection) -> Iterator[Finding]:
    for each in inspection.failed_checks:
        yield Finding("manage.py check", each.partition("\n")[0], "correct it: `python manage.py check` says more")


def _threads(inspection: Inspection) -> Iterator[Finding]:
    """Yield what the project starts while it is loaded: threads and programs. `serve` has them too, and more memory."""
    for name, place in dict.fromkeys(map(tuple, inspection.threads)):
        yield Finding(
            place or "a library",
            f"the {name} is started while the site is loaded, so each process loads the site for itself",
            "start it at its first use, then the processes share the memory of the site; see serve --preload",
        )


def _python() -> Iterator[Finding]:
    """Yield what a developer must know of this version of Python."""
    if note := experimental_note():
        yield Finding("Python", note, "nothing needs to be done; Nuitka knows Python 3.14 and earlier best")
    if note := sqlite.note():
        fix = sqlite.FORK_LESS if note == sqlite.HIDDEN else sqlite.NEWER_PYTHON
        yield Finding("SQLite", note, fix)


def _deployment(inspection: Inspection) -> Iterator[Finding]:
    """Yield the findings of Django's own deployment checks."""
    for item in inspection.deployment:
        if item["id"] not in CHANGED_BY_BUNDLE:
            cause = " ".join(item["message"].split())
            yield Finding(
                item["id"], cause, " ".join((item["hint"] or "").split()) or "see Django's deployment checklist"
            )
