"""Which files a project ignores, read from its .gitignore files where git itself cannot be asked."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from djbundle.builder.project.discovery import IGNORED_FOLDERS

NAME = ".gitignore"


@dataclass(frozen=True, slots=True)
class Rules:
    """One file of them; it speaks of what lies in its folder."""

    folder: Path
    lines: GitIgnoreSpec

    def verdict(self, path: Path, *, is_folder: bool) -> bool | None:
        """Whether `path`, absolute, is ignored; None: it is not spoken of."""
        name = path.relative_to(self.folder).as_posix()
        return self.lines.check_file(f"{name}/" if is_folder else name).include


def walk(top: Path, root: Path, above: list[Path]) -> Iterator[tuple[Path, bool]]:
    """Files and links below `top`, relative to `root`, each with whether it is ignored. So are whole folders.

    The rules of the folders `above` count as well, the outermost first. Folders of tools are passed over.
    """
    rules = {top: [found for outer in above if (found := _read(outer))]}
    for place, folders, files in os.walk(top):
        folder = Path(place)
        known = rules[folder]
        if own := _read(folder):
            known = [*known, own]
        links = [each for each in folders if (folder / each).is_symlink()]
        kept = []
        for each in sorted(set(folders) - IGNORED_FOLDERS - set(links)):
            if _is_ignored(folder / each, known, is_folder=True):
                yield (folder / each).relative_to(root), True
            else:
                kept.append(each)
                rules[folder / each] = known
        folders[:] = kept
        for each in (*files, *links):
            yield (folder / each).relative_to(root), _is_ignored(folder / each, known, is_folder=False)


def _read(folder: Path) -> Rules | None:
    file = folder / NAME
    if not file.is_file():
        return None
    return Rules(folder, GitIgnoreSpec.from_lines(file.read_text(errors="replace").splitlines()))


def _is_ignored(path: Path, rules: list[Rules], *, is_folder: bool) -> bool:
    """As the innermost says that speaks of it."""
    verdicts = (each.verdict(path, is_folder=is_folder) for each in reversed(rules))
    return next((verdict for verdict in verdicts if verdict is not None), False)
