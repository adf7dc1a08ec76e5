"""Generated sequences of calls: after any calls, the next one gives the same result as on a read-only disk."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vfs.conftest import LONG, VIRTUAL

SCRIPT = Path(__file__).with_name("sequences.py")
NAMES = [
    *("file.txt", "empty", "folder", "inner", "deep.txt", "up.txt", "with space", "ünïcode", "ß.txt", ".hidden"),
    *("to-file", "to-folder", "up", "dangling", "loop", "chain-3", "chain-39", "chain-40", "chain-45"),
    *("odd", "ROOT", "missing", LONG, f"{LONG}n", "", "."),
]
READING = [
    os.O_RDONLY,
    os.O_RDONLY | os.O_DIRECTORY,
    os.O_RDONLY | os.O_NOFOLLOW,
    os.O_PATH,
    os.O_RDONLY | os.O_NONBLOCK,
]
WRITING = [
    os.O_WRONLY,
    os.O_RDWR,
    os.O_WRONLY | os.O_CREAT,
    os.O_RDWR | os.O_CREAT | os.O_EXCL,
    os.O_RDONLY | os.O_TRUNC,
]

names = st.sampled_from(NAMES)
anything = st.lists(st.one_of(names, names, st.just("..")), min_size=1, max_size=6).map("/".join)
starts = st.sampled_from(["", "", "/ROOT/", "/ROOT/odd/", "/ROOT/odd/folder/", "/../ROOT/odd/", "//ROOT//odd/./"])
paths = st.builds("".join, st.tuples(starts, anything))
# Without "..", and from the root: such a path stays in the tree, since the links of the tree stay in it too.
inside = st.lists(names.filter(lambda name: name != "ROOT"), min_size=1, max_size=4).map(
    lambda parts: "/ROOT/odd/" + "/".join(parts)
)
numbers = st.integers(0, 5)
calls = st.one_of(
    st.tuples(st.sampled_from(["stat", "lstat", "list_folder", "scan", "readlink", "realpath", "read"]), paths),
    st.tuples(st.just("chdir"), paths),
    st.tuples(st.just("access"), paths, st.integers(0, 7)),
    st.tuples(st.just("getcwd")),
    st.tuples(st.just("open"), paths, st.sampled_from(READING)),
    st.tuples(st.sampled_from(["fstat", "fchdir", "list_open", "next", "dup", "close"]), numbers),
    st.tuples(st.just("fread"), numbers, st.integers(0, 40)),
    st.tuples(st.sampled_from(["stat_at", "readlink_at"]), numbers, paths),
    st.tuples(st.just("open_at"), numbers, paths, st.sampled_from(READING)),
    st.tuples(st.sampled_from(["mkdir", "unlink", "rmdir", "chmod", "utime"]), inside),
    st.tuples(st.sampled_from(["rename", "symlink"]), inside, inside),
    st.tuples(st.just("create"), inside, st.sampled_from(WRITING)),
)


class Worker:
    """A process that makes the calls it is sent."""

    def __init__(self, bundle: Path, root: object, environment: dict[str, str]) -> None:
        command = [str(bundle), str(SCRIPT), str(root), "/nowhere"]
        environment = {"PATH": os.defpath, **environment}
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def answers(self, sequence: list[Any]) -> list[Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(sequence) + "\n")
        self._process.stdin.flush()
        return list(json.loads(self._process.stdout.readline()))

    def stop(self) -> None:
        self._process.communicate(timeout=20)


@pytest.fixture(scope="module")
def workers(odd: Path, disk: tuple[Path, Path]) -> Iterator[tuple[Worker, Worker]]:
    in_memory = Worker(odd, VIRTUAL, {})
    on_disk = Worker(odd, disk[1], {"DJBUNDLE_EXTRACT": str(disk[0])})
    yield in_memory, on_disk
    in_memory.stop()
    on_disk.stop()


@settings(max_examples=1000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(sequence=st.lists(calls, min_size=1, max_size=25))
def test_sequences(workers: tuple[Worker, Worker], sequence: list[Any]) -> None:
    in_memory, on_disk = (worker.answers(sequence) for worker in workers)
    assert list(zip(sequence, in_memory, strict=True)) == list(zip(sequence, on_disk, strict=True))
