"""The machines that bundles run on: one table knows them, and what is compiled for them suits their kernels."""

import re
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from djbundle.builder.core.cache import Cache
from djbundle.builder.machines import MACHINES, machine_named, this_machine
from djbundle.builder.native import compiler, elf
from djbundle.errors import ToolMissingError, UnsupportedMachineError
from tests.conftest import REPOSITORY
from tests.support.machines import NAMES, Bench, bench_of

NAMED = re.compile(r"x86[-_]?64|amd64|aarch64|arm64", re.IGNORECASE)
MAY_NAME = ("djbundle/builder/machines/", "djbundle/launcher/platform/")
SEARCHED = ("builder", "launcher", "vfs", "interpreter", "compiled", "sqlite", "contract")


@pytest.fixture(scope="module", params=NAMES)
def bench(request: pytest.FixtureRequest) -> Bench:
    return bench_of(request.param)


def test_nothing_else_names_a_machine() -> None:
    files = [path for name in SEARCHED for path in sorted((REPOSITORY / "djbundle" / name).rglob("*.[pch]*"))]
    sources = [path for path in files if path.suffix in (".py", ".c", ".h")]
    assert len(sources) > 150
    named = [str(path.relative_to(REPOSITORY)) for path in sources if NAMED.search(path.read_text())]
    assert [path for path in named if not path.startswith(MAY_NAME)] == []
    assert len(named) > 4


def test_each_machine_has_its_folder_in_the_launcher() -> None:
    platform = REPOSITORY / "djbundle" / "launcher" / "platform"
    folders = {path.name: sorted(each.name for each in path.iterdir()) for path in platform.iterdir() if path.is_dir()}
    assert sorted(folders) == NAMES
    assert len(set(map(tuple, folders.values()))) == 1


def test_unknown_machine() -> None:
    with pytest.raises(UnsupportedMachineError, match="riscv64"):
        machine_named("riscv64")


def test_every_part_suits_each_kernel(bench: Bench, tmp_path: Path) -> None:
    """A segment that is aligned to smaller pages than those of the kernel cannot be mapped."""
    machine, cache = bench.machine, Cache(tmp_path / "cache")
    parts = [compiler.compile_launcher(machine, cache), compiler.compile_vfs(machine, cache)]
    parts.append(elf.slim(parts[-1], cache, elf.Linking("other.so")))  # stripped and changed by the programs for it
    for path in parts:
        with path.open("rb") as file:
            binary = ELFFile(file)
            assert binary["e_machine"] == machine.elf
            assert all(each["p_align"] >= machine.largest_page for each in binary.iter_segments("PT_LOAD"))
    assert elf.read_dynamic(parts[-1]).soname == "other.so"


def test_compiler_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    other = next(machine for machine in MACHINES.values() if machine != this_machine())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolMissingError) as caught:
        compiler.find_compiler(other)
    assert other.name in caught.value.cause
    assert caught.value.fix.endswith(f"gcc-{other.triplet.replace('_', '-')}")


def test_launcher_does_without_libc(bench: Bench, tmp_path: Path) -> None:
    launcher = compiler.compile_launcher(bench.machine, Cache(tmp_path / "cache"))
    assert elf.read_dynamic(launcher) == elf.NOTHING_NEEDED
    listed = subprocess.run(["readelf", "-lW", launcher], capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in listed
