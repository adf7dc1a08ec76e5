"""The machines that bundles run on, for tests of the C parts: this one, and others under emulation (qemu-user)."""

import functools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from djbundle.builder.machines import MACHINES, machine_named, this_machine
from djbundle.builder.machines.machine import Machine
from djbundle.builder.native import compiler
from djbundle.errors import ToolMissingError

EXIT = {  # a program that exits with 0, as the kernel starts it
    "aarch64": "mov x0, xzr; mov x8, #93; svc #0",
    "x86_64": "mov $60, %eax; xor %edi, %edi; syscall",
}


@dataclass(frozen=True)
class Bench:
    """Compiles and runs programs for a machine."""

    machine: Machine

    @property
    def is_emulated(self) -> bool:
        return self.machine != this_machine()

    @functools.cached_property
    def compiler(self) -> str:
        return compiler.find_compiler(self.machine)

    def compile(self, *arguments: str | Path) -> None:
        subprocess.run([self.compiler, *arguments], check=True)

    def link(self, *arguments: str | Path) -> None:
        """Compile and link a program that finds the loader and the libraries of the compiler where they are."""
        folder = f"/usr/{self.machine.triplet}/lib"
        paths = [f"-Wl,--dynamic-linker={folder}/{self.machine.loader}", f"-Wl,-rpath,{folder}"]
        self.compile(*arguments, *(paths if self.is_emulated else []))

    def library(self, name: str) -> Path:
        """Return the library of this name that the compiler links with."""
        command = [self.compiler, f"-print-file-name={name}"]
        return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()).resolve()

    @property
    def runner(self) -> list[str]:
        """The words before a command that runs a program of this machine."""
        return [f"qemu-{self.machine.name}-static"] if self.is_emulated else []

    def run(self, *command: str | Path, **options: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*self.runner, *command], check=True, capture_output=True, **options)  # type: ignore[call-overload,no-any-return]

    def sample(self, step: int) -> int:
        """Return how many cases to advance to the next: more under emulation, which takes long."""
        return step * 10 if self.is_emulated else step

    def compile_nothing(self, folder: Path) -> Path:
        """Compile a program of few bytes, which needs no loader and exits with 0."""
        source, program = folder / "nothing.c", folder / "nothing"
        source.write_text(f'int _start(void) {{ __asm__("{EXIT[self.machine.name]}"); __builtin_unreachable(); }}')
        options = ["-Os", "-s", "-nostdlib", "-static-pie", "-Wl,-z,noseparate-code"]
        self.compile(*options, source, "-o", program)
        return program


def bench_of(name: str) -> Bench:
    """Return the bench of a machine; skip the test if this machine lacks what it needs."""
    bench = Bench(machine_named(name))
    if bench.is_emulated:
        try:
            programs = [bench.compiler, bench.runner[0]]
        except ToolMissingError as error:
            pytest.skip(f"{error.cause}: {error.fix}")
        if missing := next((each for each in programs if not shutil.which(each)), None):
            pytest.skip(f"there is no {missing}: apt install qemu-user-static")
    return bench


def starts_programs_of(machine: Machine) -> bool:
    """Return whether this kernel starts programs of the machine, by an emulator that is registered for them."""
    registered = Path("/proc/sys/fs/binfmt_misc", f"qemu-{machine.name}")
    return machine == this_machine() or (registered.exists() and "enabled" in registered.read_text())


def register_emulator(machine: Machine) -> None:
    """Have this kernel start programs of the machine by qemu-user; skip the test if that is not possible."""
    if starts_programs_of(machine):
        return
    folder, rule = Path("/proc/sys/fs/binfmt_misc"), Path(f"/usr/lib/binfmt.d/qemu-{machine.name}.conf")
    if os.geteuid() != 0 or not rule.exists():
        pytest.skip(f"programs for {machine.name} do not start here: apt install qemu-user-static binfmt-support")
    if not (folder / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "none", folder], check=False, capture_output=True)
    try:
        (folder / "register").write_bytes(rule.read_bytes().strip())
    except OSError as error:
        pytest.skip(f"this kernel registers no emulator: {error}")


NAMES = sorted(MACHINES)
