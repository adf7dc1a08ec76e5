"""Recognises an ``emptyDir`` of Kubernetes: a folder of mode 777 that only the containers of one pod can reach."""

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")  # proc_pid_mountinfo(5)
# Where the kubelet keeps these folders, whatever its own folder is. Only root of the node may enter the folders above.
EMPTY_DIR = re.compile(r"/pods/[^/]+/volumes/kubernetes\.io~empty-dir/[^/]+")
ESCAPE = re.compile(r"\\([0-7]{3})")


def is_pod_volume(folder: Path, mounts: Path = MOUNTS) -> bool:
    """Return whether an ``emptyDir`` is mounted at this folder.

    The kernel tells which folder of its file system a mount shows. Only root can mount, so no other user can pretend.
    """
    try:
        lines = os.fsdecode(mounts.read_bytes()).splitlines()
    except OSError:
        return False
    fields = (line.split(" ") for line in lines)
    shown = [_unescaped(each[3]) for each in fields if _unescaped(each[4]) == str(folder)]
    root = shown[-1] if shown else ""  # the last mount hides those before it
    match = EMPTY_DIR.search(root)
    return match is not None and match.end() == len(root)


def _unescaped(field: str) -> str:
    return ESCAPE.sub(lambda match: chr(int(match[1], 8)), field)
