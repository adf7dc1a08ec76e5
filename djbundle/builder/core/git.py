"""What git knows of a project; nothing where the project is in no repository. Where git refuses, so does the build."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Literal

from djbundle.errors import GitError

SHORT = 7  # characters of a commit that git shows
NO_REPOSITORY = "not a git repository (or any"  # how git says so, in English
FOREIGN = "dubious ownership"
ENGLISH = {"LC_ALL": "C", "LANGUAGE": "C", "GIT_OPTIONAL_LOCKS": "0"}

OTHERS = ("ls-files", "-z", "--others", "--exclude-standard")

Knowledge = Literal["git", "no repository", "no git"]


def knowledge_of(root: Path) -> Knowledge:
    """Who can say which files belong to the project. Raises GitError where git is there and refuses to."""
    if not shutil.which("git"):
        return "no git" if _repository_above(root) else "no repository"
    result = _run(root, "rev-parse", "--is-inside-work-tree")
    said = result.stderr.decode(errors="replace").strip()
    if result.returncode == 0:
        return "git" if result.stdout.strip() == b"true" else "no repository"
    if NO_REPOSITORY in said:
        return "no repository"
    raise _refusal(root, said)


def _refusal(root: Path, said: str) -> GitError:
    if FOREIGN in said:
        top = _repository_above(root) or root
        return GitError(
            f"git refuses to look at {top}, which belongs to another user ({top.stat().st_uid}; this one is"
            f" {os.geteuid()}): nobody knows what is tracked and what is ignored (dubious ownership)",
            f"git config --global --add safe.directory {top}",
        )
    last = said.splitlines()[-1] if said else "without a word"
    return GitError(
        f"git does not tell which files belong to the project: {last}",
        "have  git status  work there, or build from a copy without .git, where .gitignore counts alone",
    )


def _repository_above(root: Path) -> Path | None:
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)


def tracked_files(root: Path) -> tuple[str, ...]:
    """Those below `root`, relative to it, submodules included. Raises GitError."""
    return _names(root, "ls-files", "-z", "--cached", "--recurse-submodules")


def other_files(root: Path) -> tuple[str, ...]:
    """Those that are neither tracked nor ignored; of a repository in this one only its folder. Raises GitError."""
    return _names(root, *OTHERS)


def ignored_files(root: Path) -> tuple[str, ...]:
    """Those that are not tracked but ignored, and folders in which all is. Raises GitError."""
    return _names(root, *OTHERS, "--ignored", "--directory")


def _names(root: Path, *arguments: str) -> tuple[str, ...]:
    result = _run(root, *arguments, ".")
    if result.returncode:
        raise _refusal(root, result.stderr.decode(errors="replace").strip())
    return tuple(os.fsdecode(name) for name in result.stdout.split(b"\0") if name)


def find_commit(root: Path) -> str | None:
    """The one of the work tree, ``+dirty`` behind it when something is changed; None where there is none yet."""
    found = _run(root, "rev-parse", "--verify", "--quiet", "HEAD")
    commit = found.stdout.decode().strip()
    if found.returncode or not commit:
        return None
    return f"{commit}+dirty" if _run(root, "status", "--porcelain", ".").stdout else commit


def shortened(commit: str) -> str:
    name, changed, how = commit.partition("+")
    return f"{name[:SHORT]}{changed}{how}"


def _run(root: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, env={**os.environ, **ENGLISH}, capture_output=True, check=False)
