"""Decide which of a project's files go into the bundle, and why the others do not.

These go in: modules, templates, static files, fixtures, translations, files that the start opens, databases that are
only read, and files that `include` names. Other data files go in when git tracks them or when they lie in a package,
unless their name or content suggests a secret. A private key stays out wherever it lies, unless `include` has its full
name.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path, PurePath, PurePosixPath

from djbundle.builder.contents import secret_contents
from djbundle.builder.contents.lookup_databases import LOOKUP, LookupDatabases
from djbundle.builder.contents.secret_names import HIDDEN, Suspicion, is_hidden, suspicion_of_name
from djbundle.builder.contents.suspicions import KINDS, Kind, suspicion_of_members
from djbundle.builder.dependencies.modules import is_test
from djbundle.builder.dependencies.project_imports import imported_from
from djbundle.builder.inspection.inspection import Inspection
from djbundle.builder.project.configuration import file_entries
from djbundle.builder.project.discovery import IGNORED_FOLDERS
from djbundle.builder.project.project import Project, is_source
from djbundle.contract.layout import SERVE_LOCK
from djbundle.errors import ConfigurationError

SOURCES = ("*.py", "*.py[cod]", "*.pyi", "*.po", "*.pot", "*.c", "*.h", "*.pyx", "*.pxd", "*.a", "*.la", "*.o")

TEMPLATE = KINDS["templates"][0]
TEMPLATE_MARKS = ("{{", "{%")  # of Django, Jinja and most others
OPENED, NAMED = "opened by the start", "named by include"
KEEPS_FOLDER = {".gitkeep", ".keep", ".gitignore"}  # git itself has no folders
STATEMENTS = Suspicion("statements for a database, in no package")


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about one file, or about one folder that is ignored as a whole."""

    path: str  # relative to the project
    taken: bool
    reason: str  # what it is: "a template"; or why it stays out
    is_news: bool = False  # its developer would not expect it to stay out


class FileSelection:
    """The decisions about all files of `project`."""

    def __init__(self, project: Project, inspection: Inspection) -> None:
        self.project, self.inspection = project, inspection
        self.opened = inspection.read_as_data()
        self.lookup_databases = LookupDatabases(project, inspection)
        self.patterns = file_entries(project.configuration.include, project.root)
        roots = (inspection.media_root, inspection.static_root)
        self.uploads = tuple(f"{folder.rstrip('/')}/" for folder in roots if folder)
        sources = [*project.sources()]
        # A folder named tests may hold only templates, so it counts as tests only if it has sources.
        self.tests = {parent for path in sources for parent in path.parents if parent.name == "tests"}
        lists = (self.project.files, self.project.listing.ignored)
        # Data directories of a site that was run beside its sources, with its uploads. The project's own folder never
        # counts.
        self.data_directories = {path.parent for each in lists for path in each if path.name == SERVE_LOCK} - {Path()}
        self.packages = {path.parent for path in sources if path.name == "__init__.py"}

    @cached_property
    def decisions(self) -> list[Decision]:
        """All decisions, sorted by path."""
        included = set(self._named_by_include())
        if unmatched := [each for each in self.patterns if not any(_matches(path, each) for path in included)]:
            raise ConfigurationError(
                f'[tool.djbundle] includes "{unmatched[0]}", but the project has no such file',
                "correct the path, or remove it",
            )
        files = {*self.project.files, *included, *self._compiled_translations()}
        decisions = [self._decide(path) for path in files]
        decisions += [self._ignored(path) for path in self.project.listing.ignored if path not in files]
        return sorted(decisions, key=lambda each: each.path)

    @property
    def taken(self) -> list[Path]:
        return [Path(each.path) for each in self.decisions if each.taken]

    @property
    def kept_folders(self) -> set[str]:
        """The folders that git has for the sake of a hidden file in them. They may be empty otherwise."""
        places = (path for path in self.project.files if path.name in KEEPS_FOLDER and not is_hidden(path.parent))
        return {
            str(path.parent)
            for path in places
            if path.parent.parts and not self.project.configuration.excludes(path) and not self._reason_of_place(path)
        }

    def secrets_by_name(self) -> Iterator[Path]:
        """Yield the absolute paths of files left out for their name, whether git ignores them or not."""
        for each in self.decisions:
            path = Path(each.path)
            if not each.taken and (self.project.root / path).is_file() and not self._kind(path):
                suspicion = suspicion_of_name(self._plain(path))
                if suspicion and suspicion.is_secret:
                    yield self.project.root / path

    def takes_link(self, path: Path) -> bool:
        """Return whether a symbolic link that stays inside the project goes in."""
        return not (suspicion_of_name(self._plain(path)) or self.project.configuration.excludes(path))

    def _named_by_include(self) -> Iterator[Path]:
        """Yield the files that `include` names, whether git ignores them or not."""
        if not self.patterns:
            return
        for folder, folders, names in os.walk(self.project.root):
            folders[:] = sorted(set(folders) - IGNORED_FOLDERS)
            for name in names:
                path = (Path(folder) / name).relative_to(self.project.root)
                if self._is_included(path) and (self.project.root / path).is_file():
                    yield path

    def _compiled_translations(self) -> Iterator[Path]:
        """Yield ignored translations. They are made from sources, so git often ignores them."""
        for path in self.project.listing.ignored:
            if path.suffix == ".mo" and self._kind(path) and (self.project.root / path).is_file():
                yield path

    def _is_included(self, path: PurePath) -> bool:
        return any(_matches(path, each) for each in self.patterns)

    def _decide(self, path: Path) -> Decision:
        name = str(path)
        if reason := self._reason_against(path):
            return Decision(name, False, reason)
        if path.suffix == ".py":
            return Decision(name, True, "a module")
        return Decision(name, True, NAMED) if name in self.patterns else self._decide_data(path)

    def _reason_against(self, path: Path) -> str:
        """Return a reason against a file, without reading it; "" if there is none."""
        if self.project.configuration.excludes(path):
            return "named by exclude"
        if path.suffix == ".py":
            is_left_out = is_test(path) and path not in self._imported_tests
            return "a test" if is_left_out else "" if is_source(path) else HIDDEN.reason
        if str(path) in self.patterns:
            return ""
        if any(fnmatch(path.name.lower(), pattern) for pattern in SOURCES):
            return "a source, which a bundle does not read"
        return self._reason_of_place(path)

    def _reason_of_place(self, path: Path) -> str:
        """Return a reason against a data file by the folders that it is in; "" if there is none."""
        if not self.data_directories.isdisjoint(path.parents):
            return "in a data directory, where `serve` has run"
        if not self.tests.isdisjoint(path.parents):
            return "data of tests"
        return "below MEDIA_ROOT or STATIC_ROOT" if str(self.project.root / path).startswith(self.uploads) else ""

    def _decide_data(self, path: Path) -> Decision:
        """Decide about a data file by its folder, its name and its content.

        A file with a secret in its content stays out, whatever its folder.
        """
        name, source = str(path), self.project.root / path
        if self.lookup_databases.has(path):
            return Decision(name, True, LOOKUP)
        kind, is_opened, is_included = self._kind(path), str(source) in self.opened, self._is_included(path)
        suspicion = None if kind else self._suspicion_of_name(path)
        if suspicion and self._is_template(path):
            kind, suspicion = TEMPLATE, None
        if suspicion and (suspicion.is_secret or not (is_opened or is_included)):
            return self._left_out(path, suspicion)
        if certain := secret_contents.certain_secret(source):
            return self._left_out(path, certain, is_news=bool(kind))
        if is_included:
            return Decision(name, True, NAMED)
        return Decision(name, True, kind or OPENED) if kind or is_opened else self._decide_other(path, source)

    def _decide_other(self, path: Path, source: Path) -> Decision:
        """Decide about a data file by its name and content alone."""
        in_package = not self.packages.isdisjoint(path.parents)
        if path.suffix.lower() == ".sql" and not in_package:
            return self._left_out(path, STATEMENTS)
        if not in_package and not self.project.listing.is_tracked(path):
            return Decision(str(path), False, "not tracked by git")
        if suspicion := secret_contents.likely_secret(source) or suspicion_of_members(source):
            return self._left_out(path, suspicion)
        return Decision(str(path), True, "data of a package" if in_package else "data")

    def _left_out(self, path: Path, suspicion: Suspicion, *, is_news: bool = False) -> Decision:
        """Leave a file out.

        It is news if the project opened the file, git tracks it, or `include` matches it: its developer expects it to
        go in.
        """
        listing = self.project.listing
        is_used = str(self.project.root / path) in self.opened or (listing.tracked and listing.is_tracked(path))
        is_news = is_news or self._is_included(path) or (bool(is_used) and not suspicion.is_expected)
        return Decision(str(path), False, suspicion.reason, is_news)

    def _kind(self, path: Path) -> str:
        """Return what kind of file it is by its folder, if its suffix fits that kind; else ""."""
        suffix = path.suffix.lower()
        if is_hidden(path):
            return ""
        for kind, suffixes in self._kinds(path):
            if suffix in suffixes:
                return kind
        return ""

    def _is_template(self, path: Path) -> bool:
        """Return whether a file in a folder of templates has the syntax of one, whatever its suffix: a contact.vcf."""
        if is_hidden(path) or all(kind != TEMPLATE for kind, _ in self._kinds(path)):
            return False
        try:
            text = (self.project.root / path).read_text("utf-8")
        except ValueError:
            return False
        return any(mark in text for mark in TEMPLATE_MARKS)

    def _kinds(self, path: Path) -> Iterator[Kind]:
        for folder in path.parents:
            if kind := self._named_folders.get(folder) or KINDS.get(folder.name):
                yield kind

    @cached_property
    def _imported_tests(self) -> set[Path]:
        """The tests that other modules of the project import, as when a template tag uses a helper of theirs."""
        sources = [*map(PurePosixPath, self.project.sources())]
        tests = [path for path in sources if is_test(path)]
        others = (path for path in sources if not is_test(path) and self._names_tests(path))
        return {*map(Path, imported_from(others, tests, self.project.root))} if tests else set()

    def _names_tests(self, path: PurePath) -> bool:
        """Return whether a source has the word that the name of each test has. Parsing all sources takes long."""
        return b"test" in (self.project.root / path).read_bytes()

    @cached_property
    def _named_folders(self) -> dict[Path, Kind]:
        """The folders that the settings name, relative to the project."""
        root = self.project.root
        return {
            Path(folder).relative_to(root): KINDS[kind]
            for kind, folders in self.inspection.folders.items()
            for folder in folders
            if Path(folder).is_relative_to(root) and Path(folder) != root
        }

    def _suspicion_of_name(self, path: Path) -> Suspicion | None:
        """Return the suspicion about the name of a file.

        If the name says certificate, the content must be one. If it is a link to a file outside of the project, the
        name of that file counts as well.
        """
        full = self.project.root / path
        target = full.resolve()
        own = suspicion_of_name(self._plain(path)) or secret_contents.no_certificate(full)
        if own or target.is_relative_to(self.project.root):
            return own
        return suspicion_of_name(PurePath(*target.parts[-2:]))

    def _plain(self, path: Path) -> PurePath:
        """Return the path without the folders that are packages, because packages may have any name."""
        depth = max((len(folder.parts) for folder in path.parents if folder in self.packages), default=0)
        return PurePath(*path.parts[depth:])

    def _ignored(self, path: Path) -> Decision:
        """Leave out a file that git ignores.

        It is news if the project opened the file: other machines may not have it.
        """
        by = "git" if self.project.listing.git_state == "git" else ".gitignore"
        full = str(self.project.root / path)
        is_read = full in self.opened and not full.startswith(self.uploads)
        suspicion = suspicion_of_name(PurePath(path))
        is_news = is_read and not (suspicion and suspicion.is_expected)
        also = f", and {OPENED}" if is_read else ""
        name = f"{path}/" if (self.project.root / path).is_dir() else str(path)
        return Decision(name, False, f"ignored by {by}{also}", is_news=is_news)


def _matches(path: PurePath, pattern: str) -> bool:
    """Return whether a pattern matches a file, or a folder above it, as `exclude` does."""
    return fnmatch(str(path), pattern) or fnmatch(str(path), f"{pattern}/*")
