"""Asks git about a project: for its files and its commit.

Without a repository, there is no commit and no list. If git refuses to answer, the build fails.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Literal

from djbundle.errors import GitError

SHORT_LENGTH = 7  # characters of a short commit hash
NO_REPOSITORY = "not a git repository (or any"  # git's message for it, in English
DUBIOUS_OWNERSHIP = "dubious ownership"
ENGLISH = {"LC_ALL": "C", "LANGUAGE": "C", "GIT_OPTIONAL_LOCKS": "0"}

LIST_OTHERS = ("ls-files", "-z", "--others", "--exclude-standard")

GitState = Literal["git", "no repository", "no git"]


def git_state(root: Path) -> GitState:
    """Return whether git can list the project's files, and if not, why.

    Raises GitError if git is installed and refuses to answer.
    """
    if not shutil.which("git"):
        return "no git" if _repository_above(root) else "no repository"
    result = _run(root, "rev-parse", "--is-inside-work-tree")
    stderr = result.stderr.decode(errors="replace").strip()
    if result.returncode == 0:
        return "git" if result.stdout.strip() == b"true" else "no repository"
    if NO_REPOSITORY in stderr:
        return "no repository"
    raise _refusal(root, stderr)


def _refusal(root: Path, stderr: str) -> GitError:
    if DUBIOUS_OWNERSHIP in stderr:
        top = _repository_above(root) or root
        return GitError(
            f"git refuses to look at {top}, which belongs to another user ({top.stat().st_uid}; this one is"
            f" {os.geteuid()}): so tracked and ignored files are unknown (dubious ownership)",
            f"git config --global --add safe.directory {top}",
        )
    last = stderr.splitlines()[-1] if stderr else "no message"
    return GitError(
        f"git does not tell which files belong to the project: {last}",
        "have  git status  work there, or build from a copy without .git, where .gitignore counts alone",
    )


def _repository_above(root: Path) -> Path | None:
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)


def tracked_files(root: Path) -> tuple[str, ...]:
    """Return the tracked files below `root`, relative to it, including submodules. Raises GitError."""
    return _names(root, "ls-files", "-z", "--cached", "--recurse-submodules")


def other_files(root: Path) -> tuple[str, ...]:
    """Return the files that are neither tracked nor ignored. Raises GitError.

    For a repository nested in this one, only its folder is returned.
    """
    return _names(root, *LIST_OTHERS)


def ignored_files(root: Path) -> tuple[str, ...]:
    """Return the ignored files, and the folders in which all files are ignored. Raises GitError."""
    return _names(root, *LIST_OTHERS, "--ignored", "--directory")


def _names(root: Path, *arguments: str) -> tuple[str, ...]:
    result = _run(root, *arguments, ".")
    if result.returncode:
        raise _refusal(root, result.stderr.decode(errors="replace").strip())
    return tuple(os.fsdecode(name) for name in result.stdout.split(b"\0") if name)


def find_commit(root: Path) -> str | None:
    """Return the commit of the work tree, or None if there is no commit yet.

    If files have changed since, "+dirty" is appended.
    """
    result = _run(root, "rev-parse", "--verify", "--quiet", "HEAD")
    commit = result.stdout.decode().strip()
    if result.returncode or not commit:
        return None
    return f"{commit}+dirty" if _run(root, "status", "--porcelain", ".").stdout else commit


def shortened(commit: str) -> str:
    commit_hash, plus, suffix = commit.partition("+")
    return f"{commit_hash[:SHORT_LENGTH]}{plus}{suffix}"


def _run(root: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, env={**os.environ, **ENGLISH}, capture_output=True, check=False)
