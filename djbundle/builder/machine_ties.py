"""Find what ties a project to one machine: settings, and code that keeps files there.

None of these fails in a bundle. It hinders the day when the site is to run on several machines. Only what a line itself
proves is reported.
"""

import ast
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from djbundle.builder.dependencies import modules
from djbundle.builder.inspection.inspection import Inspection
from djbundle.builder.project.discovery import file_of_module
from djbundle.builder.project.project import Project
from djbundle.builder.scan import PROJECT_FOLDERS, Finding, name_of, names_in, nodes_of, written_path
from djbundle.common.machine_ties import NAMES

STORAGE = "FileSystemStorage"
STORES = {"sqlite3": "connect", "shelve": "open", "dbm": "open"}  # modules that open a file of their own, and how
DRIVERS = {  # packages with which a variable can move what a setting names, and the extra of djbundle that has one
    "DATABASES": ({"psycopg", "psycopg2", "psycopg2-binary"}, "postgres"),
    "CACHES": ({"redis"}, "redis"),
    "SESSION_ENGINE": ({"redis"}, "redis"),
    "STORAGES": ({"django-storages"}, "s3"),
}
USE_A_STORAGE = "keep it in a storage of STORAGES, which MEDIA_URL can move"


def find_machine_ties(project: Project, inspection: Inspection, packages: Collection[str]) -> list[Finding]:
    """Return the ties of the settings, then those of the code. `packages` are the distributions in the bundle."""
    places = places_of_settings(project)
    of_settings = [
        Finding(places.get(setting, ""), cause, with_driver(setting, fix, packages))
        for setting, cause, fix in inspection.machine_ties
    ]
    return [*of_settings, *ties_of_code(project)]


def with_driver(setting: str, fix: str, packages: Collection[str]) -> str:
    """Return the fix, with what must be installed before it if the bundle would have no driver."""
    drivers, extra = DRIVERS.get(setting, (set(), ""))
    if not extra or "_URL" not in fix or not drivers.isdisjoint(packages):
        return fix
    return f'pip install "djbundle[{extra}]" in the project, build, and {fix}'


def settings_files(project: Project) -> list[Path]:
    """Return the settings file, then the other files in its settings package; relative to the root."""
    file = file_of_module(project.root, project.settings_module)
    if file is None:
        return []
    beside = sorted(file.parent.glob("*.py")) if file.parent.name == "settings" else []
    return [path.relative_to(project.root) for path in dict.fromkeys((file, *beside))]


def places_of_settings(project: Project) -> dict[str, str]:
    """Return the file and line at which each setting in NAMES is set; the file alone where it has Django's default."""
    files = settings_files(project)
    places = dict.fromkeys(NAMES, str(files[0]) if files else project.settings_module)
    for path in reversed(files):
        for node in nodes_of(project.root / path):
            places |= {name: f"{path}:{node.lineno}" for name in _assigned(node) if name in places}  # type: ignore[attr-defined]
    return places


def _assigned(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement assigns: ``CACHES = ...``, ``CACHES["default"] = ...``."""
    targets: Sequence[ast.expr] = ()
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = (node.target,)
    for target in targets:
        while isinstance(target, ast.Subscript):
            target = target.value  # noqa: PLW2901 - down to the name
        if isinstance(target, ast.Name):
            yield target.id


def ties_of_code(project: Project) -> list[Finding]:
    settings = settings_files(project)
    findings = []
    for path in project.sources():
        if modules.is_test(path) or "migrations" in path.parts or path in settings:
            continue
        for node in nodes_of(project.root / path):
            findings += [Finding(f"{path}:{node.lineno}", *tie) for tie in _ties(node)]  # type: ignore[attr-defined]
    return findings


def _ties(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.ClassDef) and any(STORAGE in names_in(base) for base in node.bases):
        yield "is a storage of files", "let it be a storage of STORAGES, so that MEDIA_URL can move it"
    if not isinstance(node, ast.Call):
        return
    if name_of(node) == STORAGE:
        yield "keeps files on this machine, whatever MEDIA_URL names", USE_A_STORAGE
    target = written_path(node)
    if target is not None and name_of(node) != "replace" and _comes_from_settings(target):  # a text has replace() too
        yield "writes a file of this machine", USE_A_STORAGE
    for module, function in STORES.items():
        if ast.unparse(node.func) == f"{module}.{function}":
            yield f"opens a file of {module}", "keep it in a model or in a cache"


def _comes_from_settings(path: ast.expr) -> bool:
    """Return whether a path is built from a setting. One in the project would fail in a bundle: see scan.py."""
    names = names_in(path)
    return "settings" in names and names.isdisjoint(PROJECT_FOLDERS)
