"""The filter for machine code loses nothing, and improves compression."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djbundle.builder.native import compiler, elf
from djbundle.builder.native.branches import replace_distances
from djbundle.common import zstd

PROGRAM = """
#include "platform/branches.h"
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    static uint8_t code[64 << 20];
    size_t size = fread(code, 1, sizeof code, stdin);
    restore_branches(code, size);
    return fwrite(code, 1, size, stdout) != size;
}
"""
# Bytes with frequent branches.
code = st.binary(max_size=200) | st.lists(st.sampled_from([0xE8, 0xE9, 0, 0xFF, 1, 0x7F]), max_size=200).map(bytes)


@pytest.fixture(scope="module")
def restore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile a program that undoes the filter from stdin to stdout, with the launcher's own code."""
    folder = tmp_path_factory.mktemp("restore")
    (folder / "main.c").write_text(PROGRAM)
    launcher = Path(compiler.__file__).parents[2] / "launcher"
    command: list[str | Path] = [
        "gcc",
        "-O1",
        f"-I{launcher}",
        folder / "main.c",
        launcher / "platform" / "x86_64" / "branches.c",
        "-o",
        folder / "restore",
    ]
    subprocess.run([*command, "-fsanitize=address,undefined"], check=True)
    return folder / "restore"


def restored(restore: Path, data: bytes) -> bytes:
    return subprocess.run([restore], input=data, capture_output=True, check=True).stdout


@given(code=code)
def test_any_bytes_come_back(restore: Path, code: bytes) -> None:
    assert restored(restore, replace_distances(code)) == code


def test_a_library_comes_back_and_is_smaller(restore: Path) -> None:
    library = Path(shutil.which("gcc") or "").resolve()
    offset, size = elf.code_range(library)
    assert size > 100_000
    original = library.read_bytes()[offset : offset + size]
    replaced = replace_distances(original)
    assert restored(restore, replaced) == original
    assert len(zstd.compress(replaced, level=10)) < len(zstd.compress(original, level=10))
