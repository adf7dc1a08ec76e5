"""The machine that builds: which ones can, and the command that builds on the others, in a container."""

import platform
import shutil
import sys

from djbundle.builder.machines import this_machine
from djbundle.errors import UnsupportedMachineError, UnsupportedVersionError

MIN_GLIBC = (2, 33)  # ld.so --argv0
SYSTEMS = {"darwin": "macOS", "win32": "Windows"}
CONTAINERFILE = "deploy/builder/Containerfile"


def check_host() -> None:
    """Refuse a machine on which no bundle can be built, before any work is done."""
    if sys.platform != "linux":
        name = SYSTEMS.get(sys.platform, sys.platform)
        raise UnsupportedMachineError(f"this is {name}: djbundle builds on Linux", _in_container())
    this_machine()  # raises for a processor without bundles
    name, version = platform.libc_ver()
    if name != "glibc":
        raise UnsupportedMachineError("this Linux has another C library than glibc, such as musl", _in_container())
    if tuple(map(int, version.split(".")[:2])) < MIN_GLIBC:
        minimum = ".".join(map(str, MIN_GLIBC))
        fix = f"build on a machine with glibc {minimum} or later, or {_in_container()}"
        raise UnsupportedVersionError(f"this machine has glibc {version}", fix)


def _in_container() -> str:
    """Return the command that builds the project of this folder in a container."""
    commands = ("djbundle init --for builder", *container_commands("djbundle-builder"))
    return f"build in a container:  {' && '.join(commands)}"


def container_commands(image: str) -> tuple[str, str]:
    """Return the commands that make the image, and that build in it. Both are for the project's folder."""
    engine = next(filter(shutil.which, ("podman", "docker")), "podman")
    return (
        f"{engine} build -t {image} -f {CONTAINERFILE} .",
        f"{engine} run --rm -v .:/project -v djbundle:/root/.cache {image}",
    )
