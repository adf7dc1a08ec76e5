"""Find paths in the project's sources that are relative to the folder of manage.py.

A bundle is started anywhere. It finds such files for reading, see vfs/elsewhere.c. What is written by a relative path
lies where the bundle is started. Only texts that name something in the project are reported.
"""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from djbundle.builder.dependencies import modules
from djbundle.builder.project.project import Project
from djbundle.builder.scan import Finding, name_of, nodes_of, written_path

READERS = frozenset(
    {"open", "Path", "listdir", "scandir", "walk", "exists", "isfile", "isdir", "glob", "iglob", "read_csv", "chdir"}
)


def find_relative_paths(project: Project) -> list[Finding]:
    """Return the places that name a file or folder of the project by a relative path. None of them fails."""
    findings: list[Finding] = []
    for path in project.sources():
        if not modules.is_test(path):
            for node in nodes_of(project.root / path):
                findings += [
                    Finding(f"{path}:{line}", cause, fix) for line, cause, fix in _relative_paths(node, project)
                ]
    return findings


def _relative_paths(node: ast.AST, project: Project) -> Iterator[tuple[int, str, str]]:
    if not isinstance(node, ast.Call) or name_of(node) not in READERS or not node.args:
        return
    name = _literal(node.args[0])
    if name is None or not _is_in_project(name, project.root):
        return
    if written_path(node) is not None:
        cause = f'writes "{name}" where the bundle is started, and not into the project'
        yield node.lineno, cause, "write below MEDIA_ROOT, or name the folder by a setting"
    else:
        cause = f'names "{name}" from the folder of manage.py; wherever a bundle is started, it looks there for reading'
        yield node.lineno, cause, f'BASE_DIR / "{name}" is found without a search'


def _literal(argument: ast.expr) -> str | None:
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None


def _is_in_project(name: str, root: Path) -> bool:
    """Return whether a text is a relative path into the project. For a pattern, its first folder is looked for."""
    path = PurePosixPath(name)
    if not name or "\0" in name or path.is_absolute() or ".." in path.parts or path == PurePosixPath("."):
        return False
    return (root / (path.parts[0] if "*" in name else path)).exists()
