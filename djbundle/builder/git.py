"""What git knows of a project; nothing where there is no git, or the project is in none."""

import subprocess
from pathlib import Path

SHORT = 7  # characters of a commit that git shows


def list_files(root: Path) -> list[str]:
    """What a ``git add .`` would take, relative to `root`."""
    return [
        name
        for name in git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", ".").split("\0")
        if name
    ]


def find_commit(root: Path) -> str | None:
    """The one of the work tree, ``+dirty`` behind it when something is changed."""
    commit = git(root, "rev-parse", "HEAD").strip()
    if not commit:
        return None
    return f"{commit}+dirty" if git(root, "status", "--porcelain", ".") else commit


def shortened(commit: str) -> str:
    name, changed, how = commit.partition("+")
    return f"{name[:SHORT]}{changed}{how}"


def git(root: Path, *arguments: str) -> str:
    """What it says; "" where it has nothing to say."""
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=True).stdout.decode()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ""
