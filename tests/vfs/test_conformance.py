"""Below the virtual root, every call gives the same result as on a read-only disk."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.vfs.conftest import VIRTUAL, RunPython

CALLS = Path(__file__).with_name("calls.py")


def answers(run: RunPython, root: object, scratch: Path) -> dict[str, Any]:
    scratch.mkdir()
    return dict(json.loads(run(CALLS, root, scratch).stdout))


def test_every_call_is_answered_as_on_disk(
    in_memory: RunPython, on_disk: RunPython, disk: tuple[Path, Path], tmp_path: Path
) -> None:
    expected = answers(on_disk, disk[1], tmp_path / "one")
    answered = answers(in_memory, VIRTUAL, tmp_path / "two")
    assert len(expected) > 3000
    differences = {
        name: (answered.get(name), expected.get(name))
        for name in answered.keys() | expected.keys()
        if answered.get(name) != expected.get(name)
    }
    assert differences == {}, f"{len(differences)} of {len(expected)}"


def test_every_function_of_libc_answers_as_on_disk(
    in_memory: RunPython, on_disk: RunPython, disk: tuple[Path, Path], tmp_path: Path
) -> None:
    library = tmp_path / "calls.so"
    source = Path(__file__).with_name("calls.c")
    subprocess.run(["gcc", "-Wall", "-O1", "-fPIC", "-shared", source, "-o", library], check=True)
    code = f"import _files, ctypes; _files.show_project(b'/djb', b''); ctypes.CDLL('{library}').run(b'%s')"
    expected = on_disk("-c", code % disk[1]).stdout.splitlines()
    lines = in_memory("-c", code % VIRTUAL).stdout.splitlines()
    assert len(expected) > 150
    assert lines == expected
