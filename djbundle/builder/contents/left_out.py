"""Report the files that a build leaves out."""

import filecmp
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rich.markup import escape

from djbundle.builder.contents.file_selection import Decision, FileSelection
from djbundle.builder.contents.secret_names import Suspicion
from djbundle.builder.contents.suspicions import secrets_among_static_files
from djbundle.builder.core.console import Console
from djbundle.builder.project.project import Project

SHOWN_FILES = 8  # surprising files that are listed
EXPECTED = ("a test", "data of tests", "a source, which a bundle does not read", "named by exclude")
LIST_COMMAND = "djbundle check --files"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The files that were left out. Static files have the names under which they were collected."""

    files: list[Decision]  # the project's files, without sources and tests
    static: list[Decision]  # collected static files
    note: str  # how the project's files were found, if there is a repository but no git

    @classmethod
    def of(cls, selection: FileSelection, static: Path) -> Self:
        """Return the files that were left out; `static` is the folder of collected static files."""
        suspicions = dict(secrets_among_static_files(static)) | dict(copies_of_secrets(selection, static))
        return cls(
            [each for each in selection.decisions if not each.taken and each.reason not in EXPECTED],
            [Decision(str(path), False, suspicion.reason, is_news=True) for path, suspicion in suspicions.items()],
            note_of(selection.project),
        )


def copies_of_secrets(selection: FileSelection, static: Path) -> Iterator[tuple[Path, Suspicion]]:
    """Yield static files that have the content of a file left out for its name: links to it, or copies."""
    secrets: dict[int, list[Path]] = {}
    for path in selection.secrets_by_name():
        secrets.setdefault(path.stat().st_size, []).append(path)
    for source in static.rglob("*") if secrets else ():
        size = source.stat().st_size if source.is_file() else 0
        for secret in secrets.get(size, ()) if size else ():
            if filecmp.cmp(secret, source, shallow=False):
                yield source.relative_to(static), Suspicion(f"a copy of {secret.relative_to(selection.project.root)}")


def note_of(project: Project) -> str:
    if project.listing.git_state != "no git":
        return ""
    return (
        "git is not installed here: .gitignore decides what belongs to the project, and tracked files are unknown"
        " (install git, and its answer counts)"
    )


def print_left_out(left_out: LeftOut, console: Console) -> None:
    """Print each file that its developer would miss, the number of all, and the command that lists them."""
    if left_out.note:
        console.print(f"[yellow]warning:[/] {escape(left_out.note)}")
    warnings = [*(each for each in left_out.files if each.is_news), *left_out.static]
    for each in warnings[:SHOWN_FILES]:
        console.print(f"[yellow]warning:[/] {escape(printable(each.path))} is left out: {escape(each.reason)}")
    if len(warnings) > SHOWN_FILES:
        console.print(f"... and {len(warnings) - SHOWN_FILES} more")
    if number := len(left_out.files) + len(left_out.static):
        files = "1 file is" if number == 1 else f"{number} files are"
        console.print(f"{'':10}{files} left out, and why:  [bold]{LIST_COMMAND}[/]")


def printable(text: str) -> str:
    """Escape unprintable characters, because file names may contain terminal control sequences."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
