"""A whole machine under emulation (qemu-system), with a kernel of its own: one that is old, or has larger pages."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.support.machines import Bench

FOLDER = REPOSITORY / ".venv" / "kernels"  # they are kept there


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel of Debian, and the emulator that boots it."""

    name: str  # of its folder
    emulator: str
    options: tuple[str, ...]  # of the emulator
    console: str
    package: tuple[str, ...]  # architecture, suite, name of the package: see ci/debian


LARGE_PAGES = Kernel(  # of 16 KB, as on a Raspberry Pi 5
    "arm64-16k",
    "qemu-system-aarch64",
    ("-M", "virt", "-cpu", "max,pauth=off", "-m", "1024"),
    "ttyAMA0",
    ("arm64", "trixie", "linux-image-arm64-16k"),
)
OLD = Kernel(  # Linux 5.10; no distribution has older ones that can still be had
    "amd64-5.10",
    "qemu-system-x86_64",
    ("-cpu", "max", "-smp", "2", "-m", "512"),
    "ttyS0",
    ("amd64", "bullseye", "linux-image-cloud-amd64"),
)
# Runs /run with its arguments, says how it ended, and turns the machine off.
INIT = """
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    char *command[] = {%s, NULL}, *environment[] = {"PATH=/", "HOME=/tmp", NULL};
    int status;
    mount("proc", "/proc", "proc", 0, NULL);
    mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    printf("pages of %%ld bytes\\n", sysconf(_SC_PAGESIZE));
    fflush(stdout);
    if (!fork()) {
        chdir("/tmp");
        execve(command[0], command, environment);
        _exit(127);
    }
    wait(&status);
    printf("status %%d\\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    fflush(stdout);
    reboot(RB_POWER_OFF);
}
"""


def boot(kernel: Kernel, bench: Bench, folder: Path, *command: str, files: Mapping[str, Path]) -> list[str]:
    """Boot a kernel, run the command there, and return the lines that it writes.

    `files` go into the root of that machine, by their names.
    """
    if not shutil.which(kernel.emulator):
        pytest.skip(f"there is no {kernel.emulator}: apt install qemu-system-arm qemu-system-x86")
    subprocess.run([REPOSITORY / "ci" / "debian", "kernel", *kernel.package, FOLDER / kernel.name], check=True)
    words = ", ".join(f'"{word}"' for word in command)
    (folder / "init.c").write_text(INIT % words)
    bench.compile("-static", folder / "init.c", "-o", folder / "init")
    (folder / "initrd").write_bytes(initial_files({**files, "init": folder / "init"}, ("proc", "tmp", "dev")))
    image = next((FOLDER / kernel.name).glob("boot/vmlinuz-*"))
    options: list[str | Path] = [*kernel.options, "-kernel", image, "-initrd", folder / "initrd"]
    options += ["-nic", "none", "-nographic", "-no-reboot", "-append", f"console={kernel.console} panic=-1 quiet"]
    result = subprocess.run([kernel.emulator, *options], capture_output=True, text=True, check=True, timeout=600)
    return [line.strip() for line in result.stdout.splitlines() if not line.startswith("[")]  # the kernel's own


def initial_files(files: Mapping[str, Path], folders: tuple[str, ...]) -> bytes:
    """Return an archive of programs and empty folders as the kernel unpacks it: cpio's format "newc"."""
    entries = [(name, 0o40755, b"") for name in folders]
    entries += [(name, 0o100755, path.read_bytes()) for name, path in files.items()]
    archive = bytearray()
    for number, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        archive += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        archive += bytes(-len(archive) % 4) + content
        archive += bytes(-len(archive) % 4)
    return bytes(archive)
