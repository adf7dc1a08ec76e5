"""Read which files a project ignores from its .gitignore files, when git itself cannot be asked."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from djbundle.builder.project.discovery import IGNORED_FOLDERS

FILE_NAME = ".gitignore"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one .gitignore file, which apply to its folder."""

    folder: Path
    lines: GitIgnoreSpec

    def verdict(self, path: Path, *, is_folder: bool) -> bool | None:
        """Return whether `path`, which is absolute, is ignored; None if no rule matches."""
        name = path.relative_to(self.folder).as_posix()
        return self.lines.check_file(f"{name}/" if is_folder else name).include


def walk(top: Path, root: Path, above: list[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield files and links below `top`, relative to `root`, each with whether it is ignored.

    A folder that is ignored as a whole is yielded itself, without its files. The rules in the folders `above` count as
    well, outermost first. Folders of tools are skipped.
    """
    rules = {top: [outer_rules for outer in above if (outer_rules := _read(outer))]}
    for place, folders, files in os.walk(top):
        folder = Path(place)
        applying = rules[folder]
        if own := _read(folder):
            applying = [*applying, own]
        links = [each for each in folders if (folder / each).is_symlink()]
        entered = []
        for each in sorted(set(folders) - IGNORED_FOLDERS - set(links)):
            if _is_ignored(folder / each, applying, is_folder=True):
                yield (folder / each).relative_to(root), True
            else:
                entered.append(each)
                rules[folder / each] = applying
        folders[:] = entered
        for each in (*files, *links):
            yield (folder / each).relative_to(root), _is_ignored(folder / each, applying, is_folder=False)


def _read(folder: Path) -> Rules | None:
    file = folder / FILE_NAME
    if not file.is_file():
        return None
    return Rules(folder, GitIgnoreSpec.from_lines(file.read_text(errors="replace").splitlines()))


def _is_ignored(path: Path, rules: list[Rules], *, is_folder: bool) -> bool:
    """Return the verdict of the innermost rules that match."""
    verdicts = (each.verdict(path, is_folder=is_folder) for each in reversed(rules))
    return next((verdict for verdict in verdicts if verdict is not None), False)
