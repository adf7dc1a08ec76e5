"""The filter for machine code loses nothing, and improves compression."""

import shutil
import subprocess
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from djbundle.builder.native import compiler, elf
from djbundle.builder.native.branches import replace_distances

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
# Bytes with frequent branches, and with instructions that have a distance.
STARTS = [0xE8, 0xE9, 0xFF, 0x15, 0x25, 0x48, 0x4F, 0x8B, 0x8D, 0x0F, 0x28, 0x6F, 0x05, 0x3D, 0, 1, 0x7F]
code = st.binary(max_size=200) | st.lists(st.sampled_from(STARTS), max_size=200).map(bytes)


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
    compress = zstandard.ZstdCompressor(level=10).compress
    assert len(compress(replaced)) < 0.95 * len(compress(original))


@pytest.mark.parametrize(
    "instruction",
    [
        *("e8", "e9", "ff15", "ff25"),  # call, jmp
        *("488b05", "4c8d3d", "48890d", "4c631d", "483b05"),  # mov, lea, mov, movsxd, cmp
        *("0f1005", "0f283d", "0f5805", "0f2e0d", "0f6f05", "0f5425", "0f5c05", "0f5e05"),  # movups, movaps, addps, ...
    ],
)
def test_instructions_that_use_one_address_look_the_same(restore: Path, instruction: str) -> None:
    """The first is followed by 32 bytes of others, the second by none."""
    start = bytes.fromhex(instruction)
    length = len(start) + 4
    target = 1000
    code = b"".join(
        (
            *(start, (target - length).to_bytes(4, "little"), bytes(32)),
            *(start, (target - length - 32 - length).to_bytes(4, "little")),
        )
    )
    replaced = replace_distances(code)
    assert replaced[:length] == replaced[length + 32 :] == start + target.to_bytes(4, "little")
    assert restored(restore, replaced) == code


def test_far_targets_are_left_alone() -> None:
    code = bytes.fromhex("e8") + (1 << 24).to_bytes(4, "little") + bytes(20)
    assert replace_distances(code) == code
