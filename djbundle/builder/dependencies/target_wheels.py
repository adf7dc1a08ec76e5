"""The packages of a bundle for another machine: those with machine code come from wheels for that machine."""

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from djbundle.builder.core.programs import uv
from djbundle.builder.core.target import Target
from djbundle.builder.dependencies.package_selection import Dependency
from djbundle.builder.project.installed import files_of
from djbundle.errors import TargetError

GLIBC = "2_28"  # of the wheels: a version that all current distributions have
SHARED = re.compile(r"\.so(\.|$)")
TAG = re.compile(r"^Tag: (.*)$", re.MULTILINE)


def with_wheels_for(target: Target, dependencies: list[Dependency], folder: Path) -> list[Dependency]:
    """Return the dependencies, of which those with machine code are installed in `folder` for the target.

    Their versions are those of the project's environment. The others are the same for each machine. Optional ones
    without a wheel are left out.
    """
    native = [each for each in dependencies if not is_pure(each.distribution)]
    left_out = _install(target, native, folder) if native else []
    installed = {each.name: _distribution_in(folder, each) for each in native if each not in left_out}
    return [
        replace(each, distribution=installed[each.name]) if each.name in installed else each
        for each in dependencies
        if each not in left_out
    ]


def is_pure(distribution: importlib.metadata.Distribution) -> bool:
    """Return whether a distribution has no machine code: its wheel is for any machine."""
    if tags := TAG.findall(distribution.read_text("WHEEL") or ""):
        return all(tag.endswith("-any") for tag in tags)
    return not any(SHARED.search(file.name) for file in files_of(distribution))


def _install(target: Target, dependencies: Sequence[Dependency], folder: Path) -> list[Dependency]:
    """Install into the folder by uv, and return the optional ones that have no wheel.

    Raise TargetError with the names of all others that have none.
    """
    if _runs(target, dependencies, folder):
        return []
    lacking = [each for each in dependencies if not _runs(target, [each], folder)]
    if needed := [f"{each.name} {each.version}" for each in lacking if not each.is_optional]:
        raise TargetError(
            f"there is no wheel for {target.machine.name} of {', '.join(needed)}",
            "build on a machine of that kind, or do without the package",
        )
    return lacking


def _runs(target: Target, dependencies: Sequence[Dependency], folder: Path) -> bool:
    options = {
        "--python": sys.executable,
        "--python-version": ".".join(map(str, sys.version_info[:2])),
        "--python-platform": f"{target.machine.name}-manylinux_{GLIBC}",
        "--only-binary": ":all:",
        "--target": str(folder),
    }
    words = [word for option in options.items() for word in option]
    names = [f"{each.name}=={each.version}" for each in dependencies]
    command = [uv(), "pip", "install", "--quiet", "--no-deps", *words, *names]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _distribution_in(folder: Path, dependency: Dependency) -> importlib.metadata.Distribution:
    return next(iter(importlib.metadata.distributions(name=dependency.name, path=[str(folder)])))
