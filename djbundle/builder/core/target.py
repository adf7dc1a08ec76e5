"""The Python that a bundle carries, and the machine that it runs on.

Usually that is the interpreter that runs the build. For another machine, it lies in a folder, for example with Debian's
packages. That interpreter is never started.
"""

import platform
import re
import runpy
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from djbundle.builder.machines import this_machine
from djbundle.builder.machines.machine import Machine
from djbundle.errors import TargetError

VERSION = re.compile(r'^#define PY_VERSION\s+"([^"]+)"', re.MULTILINE)
PREFIXES = ("usr", "usr/local", ".")  # of a Python, relative to its folder


@dataclass(frozen=True, slots=True)
class Target:
    """A Python, and where its parts lie on the machine of the build."""

    machine: Machine
    python: Path  # the program
    root: Path  # the root of its file system; "/" for this machine
    prefix: Path
    stdlib: Path
    include: Path  # the folder of Python's headers; Debian's include others, which lie below the folder above it
    variables: Mapping[str, Any]  # those of sysconfig

    @property
    def is_other(self) -> bool:
        """Return whether it differs from the interpreter that runs the build, in its machine or its folder."""
        return self.root != Path("/")

    @property
    def version(self) -> str:
        """Return the version of Python, from its headers."""
        if self.is_other and (match := VERSION.search((self.include / "patchlevel.h").read_text())):
            return match[1]
        return platform.python_version()

    def variable(self, name: str) -> str:
        """Return a variable of sysconfig; "" if there is none."""
        return str(self.variables.get(name) or "")

    @property
    def extensions(self) -> Path:
        """Return the folder of the standard library's extension modules. It need not exist: they may be built in."""
        return self.stdlib / "lib-dynload" if self.is_other else self.folder("DESTSHARED")

    @property
    def extension_suffixes(self) -> list[str]:
        """Return the endings of extension modules' names: those of this Python, for the target's machine."""
        own = sysconfig.get_config_var("MULTIARCH") or this_machine().triplet
        return [suffix.replace(own, self.machine.triplet) for suffix in EXTENSION_SUFFIXES]

    def folder(self, name: str) -> Path:
        """Return the folder that a variable of sysconfig names, on the machine of the build."""
        return self.root / self.variable(name).lstrip("/")


def this_target() -> Target:
    """Return the interpreter that runs the build, on its machine."""
    return Target(
        machine=this_machine(),
        python=Path(sys.executable),
        root=Path("/"),
        prefix=Path(sys.base_prefix),
        stdlib=Path(sysconfig.get_path("stdlib")),
        include=Path(sysconfig.get_path("include")),
        variables=sysconfig.get_config_vars(),
    )


def target_in(root: Path, machine: Machine) -> Target:
    """Return the Python for `machine` in the folder `root`, which has the version of the one that runs the build."""
    root = root.resolve()
    version = "python{}.{}".format(*sys.version_info)
    for prefix in PREFIXES:
        stdlib = root / prefix / "lib" / version
        data = next(iter(sorted(stdlib.glob(f"_sysconfigdata_*{machine.triplet}.py"))), None)
        if data:
            return Target(
                machine=machine,
                python=root / prefix / "bin" / version,
                root=root,
                prefix=root / prefix,
                stdlib=stdlib,
                include=root / prefix / "include" / version,
                variables=runpy.run_path(str(data))["build_time_vars"],
            )
    raise TargetError(
        f"{root} has no {version} for {machine.name}",
        f"unpack its packages there: {version}, lib{version}, lib{version}-dev",
    )
