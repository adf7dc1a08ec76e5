"""A whole machine under emulation (qemu-system), with a kernel of its own: one that has larger pages."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.support.machines import Bench

EMULATOR = "qemu-system-aarch64"
KERNELS = REPOSITORY / ".venv" / "arm64" / "kernel"
MEMORY = "1024"  # MB
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


def run_with_large_pages(bench: Bench, folder: Path, *command: str, files: Mapping[str, Path]) -> list[str]:
    """Boot a kernel with pages of 16 KB, run the command there, and return the lines that it writes.

    `files` go into the root of that machine, by their names.
    """
    if not shutil.which(EMULATOR):
        pytest.skip(f"there is no {EMULATOR}: apt install qemu-system-arm")
    subprocess.run([REPOSITORY / "ci" / "arm64", "kernel", KERNELS], check=True)
    words = ", ".join(f'"{word}"' for word in command)
    (folder / "init.c").write_text(INIT % words)
    bench.compile("-static", folder / "init.c", "-o", folder / "init")
    (folder / "initrd").write_bytes(initial_files({**files, "init": folder / "init"}, ("proc", "tmp", "dev")))
    machine = ["-M", "virt", "-cpu", "max,pauth=off", "-m", MEMORY, "-nic", "none", "-nographic", "-no-reboot"]
    boot: list[str | Path] = ["-kernel", next(KERNELS.glob("boot/vmlinuz-*")), "-initrd", folder / "initrd"]
    options = ["-append", "console=ttyAMA0 panic=-1 quiet"]
    result = subprocess.run(
        [EMULATOR, *machine, *boot, *options], capture_output=True, text=True, check=True, timeout=600
    )
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
