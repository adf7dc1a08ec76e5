"""Find the files that belong to a project: those that git tracks, and those that it does not ignore.

If the project is in no repository, or git is not installed, only .gitignore counts, and no file is known to be tracked.
Virtual environments, folders of tools and bundles of earlier builds never belong to the project.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from djbundle.builder.core import git
from djbundle.builder.project import gitignore
from djbundle.builder.project.discovery import IGNORED_FOLDERS
from djbundle.contract.file_format import UNFINISHED_PREFIX, is_bundle

ENVIRONMENT_MARKER = "pyvenv.cfg"  # it marks the folder of a virtual environment, whatever its name


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a project. All paths are relative to its root."""

    git_state: git.GitState = "no repository"
    files: tuple[Path, ...] = ()
    tracked: frozenset[Path] | None = None  # None if unknown
    ignored: tuple[Path, ...] = ()  # files, and folders that are ignored as a whole

    def is_tracked(self, path: Path) -> bool:
        """Return whether a file counts as tracked.

        It does if tracking is unknown, and inside a tracked link or a submodule.
        """
        return self.tracked is None or path in self.tracked or not self.tracked.isdisjoint(path.parents)


def list_project(root: Path, above: list[Path]) -> Listing:
    """List the project's files. Raises GitError.

    The .gitignore files of the folders `above` count as well, when git is not used.
    """
    git_state = git.git_state(root)
    if git_state == "git":
        tracked, others = git.tracked_files(root), git.other_files(root)
        # For a project that its repository ignores as a whole, as dotfiles repositories do, git lists nothing.
        if tracked or others:
            files = _expanded([*map(Path, tracked), *map(Path, others)], root)
            return Listing("git", files, frozenset(map(Path, tracked)), _sorted(git.ignored_files(root)))
        git_state = "no repository"
    walked = [*gitignore.walk(root, root, above)]
    files = _expanded([path for path, is_ignored in walked if not is_ignored], root)
    return Listing(git_state, files, None, _sorted(path for path, is_ignored in walked if is_ignored))


def _sorted(names: Iterable[str | Path]) -> tuple[Path, ...]:
    return tuple(sorted(path for path in map(Path, names) if not _is_of_tools(path)))


def _expanded(names: list[Path], root: Path) -> tuple[Path, ...]:
    return tuple(sorted(set(_files(names, root))))


def _files(names: list[Path], root: Path) -> Iterator[Path]:
    environments = {path.parent for path in names if path.name == ENVIRONMENT_MARKER}
    environments -= {Path()}  # the project may lie in one
    for path in names:
        if _is_of_tools(path) or not environments.isdisjoint(path.parents):
            continue
        if (root / path).is_file() or inner_target(root, path):
            if not is_bundle(root / path):
                yield path
        elif (root / path).is_dir():  # a linked folder or a nested repository: its content counts as the project's
            yield from _files_of_folder(path, root)


def _files_of_folder(folder: Path, root: Path) -> Iterator[Path]:
    """Yield the files of a folder, relative to `root`, without those that the folder itself ignores."""
    for path, is_ignored in gitignore.walk(root / folder, root, []):
        if not is_ignored and (root / path).is_file() and not is_bundle(root / path):
            yield path


def _is_of_tools(path: Path) -> bool:
    return any(part in IGNORED_FOLDERS or part.startswith(UNFINISHED_PREFIX) for part in path.parts)


def inner_target(root: Path, path: Path) -> str | None:
    """Return the target of a symbolic link that stays in the project, else None.

    A source is always a module, link or not.
    """
    full = root / path
    if path.suffix == ".py" or not full.is_symlink():
        return None
    target = str(full.readlink())
    inside = full.resolve().is_relative_to(root.resolve())
    return target if inside and not target.startswith("/") else None
