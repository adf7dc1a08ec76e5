"""The filters for machine code lose nothing, and improve compression."""

import ctypes
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djbundle.builder.machines import machine_named
from djbundle.builder.native import compiler, elf
from djbundle.builder.native.branches import replace_distances
from djbundle.common import zstd
from tests.support.machines import NAMES, Bench, bench_of

PROGRAM = """
#include "platform/branches.h"
#include <stdio.h>
int main(void)
{
    static uint8_t code[64 << 20];
    size_t size = fread(code, 1, sizeof code, stdin);
    restore_branches(code, size);
    return fwrite(code, 1, size, stdout) != size;
}
"""
LAUNCHER = Path(compiler.__file__).parents[2] / "launcher"
# Bytes with frequent branches of either machine, and with instructions that have a distance.
STARTS = [
    *(0xE8, 0xE9, 0xFF, 0x15, 0x25, 0x48, 0x4F, 0x8B, 0x8D, 0x0F, 0x28, 0x6F, 0x05, 0x3D, 0, 1, 0x7F),
    *(0x94, 0x97, 0x90, 0xB0, 0xD0, 0xF0, 0x1F, 0x60),
]
code = st.binary(max_size=200) | st.lists(st.sampled_from(STARTS), max_size=200).map(bytes)


@pytest.fixture(scope="module", params=NAMES)
def bench(request: pytest.FixtureRequest) -> Bench:
    return bench_of(request.param)


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def decoder(name: str, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile the inverse of a machine's filter for this machine: it is C that runs anywhere."""
    library = tmp_path_factory.mktemp("decoder") / "decoder.so"
    source = LAUNCHER / "platform" / name / "branches.c"
    command = ["gcc", "-O1", "-fPIC", "-shared", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    subprocess.run([*command, f"-I{LAUNCHER}", source, "-o", library], check=True)
    return ctypes.CDLL(str(library))


@given(code=code)
def test_any_bytes_come_back(decoder: ctypes.CDLL, name: str, code: bytes) -> None:
    buffer = ctypes.create_string_buffer(replace_distances(code, machine_named(name)), len(code))
    decoder.restore_branches(buffer, ctypes.c_size_t(len(code)))
    assert buffer.raw == code


def test_a_library_comes_back_and_is_smaller(bench: Bench, tmp_path: Path) -> None:
    """The launcher's own code undoes the filter, on the machine that it is for."""
    (tmp_path / "main.c").write_text(PROGRAM)
    restore, source = tmp_path / "restore", LAUNCHER / "platform" / bench.machine.name / "branches.c"
    sanitizers = [] if bench.is_emulated else ["-fsanitize=address,undefined"]
    bench.link("-O1", f"-I{LAUNCHER}", tmp_path / "main.c", source, *sanitizers, "-o", restore)
    library = bench.library("libc.so.6")
    offset, size = elf.code_range(library, bench.machine)
    assert size > 100_000
    original = library.read_bytes()[offset : offset + size]
    replaced = replace_distances(original, bench.machine)
    assert bench.run(restore, input=replaced).stdout == original
    assert len(zstd.compress(replaced, level=10)) < 0.97 * len(zstd.compress(original, level=10))


def test_code_of_another_machine_is_left_alone(bench: Bench) -> None:
    """The launcher has the filter of its own machine only."""
    others = [machine_named(name) for name in NAMES if name != bench.machine.name]
    assert others
    assert [elf.code_range(bench.library("libc.so.6"), each) for each in others] == [(0, 0)] * len(others)


@pytest.mark.parametrize(
    "instruction",
    [
        *("e8", "e9", "ff15", "ff25"),  # call, jmp
        *("488b05", "4c8d3d", "48890d", "4c631d", "483b05"),  # mov, lea, mov, movsxd, cmp
        *("0f1005", "0f283d", "0f5805", "0f2e0d", "0f6f05", "0f5425", "0f5c05", "0f5e05"),  # movups, movaps, addps, ...
    ],
)
def test_instructions_that_use_one_address_look_the_same(instruction: str) -> None:
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
    replaced = replace_distances(code, machine_named("x86_64"))
    assert replaced[:length] == replaced[length + 32 :] == start + target.to_bytes(4, "little")


def test_far_targets_are_left_alone() -> None:
    code = bytes.fromhex("e8") + (1 << 24).to_bytes(4, "little") + bytes(20)
    assert replace_distances(code, machine_named("x86_64")) == code
