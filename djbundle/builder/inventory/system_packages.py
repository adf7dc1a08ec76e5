"""Ask the package manager of a Linux system which of its packages files belong to: Debian's dpkg, or RPM."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

HERE = Path("/")
DPKG = "var/lib/dpkg"
COMMON = "usr/share/common-licenses"  # of Debian; its copyright files name texts there
NAMED_TEXT = re.compile(r"/usr/share/common-licenses/([A-Za-z]+(?:-\d+(?:\.\d+)*)?)")
IDENTIFIER = re.compile(r"""^ID=["']?([\w.-]+)""", re.MULTILINE)
LICENSE_FIELD = re.compile(r"^License: *(\S.*)$", re.MULTILINE)  # of Debian's machine-readable format
MERGED = ("/usr/lib", "/lib")  # one folder with two names; the package manager knows a file by one of them
DPKG_FORMAT = "${Package}\t${Version}\t${source:Package}\t${Architecture}\n"
RPM_FORMAT = "%{NAME}\t%{VERSION}-%{RELEASE}\t%{SOURCERPM}\t%{ARCH}\t%{LICENSE}\n"


@dataclass(frozen=True, slots=True)
class SystemPackage:
    """A package of a Linux system."""

    name: str
    version: str
    purl: str
    licenses: tuple[str, ...]
    texts: tuple[Path, ...]  # files with its licence and copyright


def owners_of(paths: Iterable[Path], root: Path = HERE) -> dict[Path, SystemPackage]:
    """Return the packages of these files. No package manager knows the others.

    `root` is the folder of a system for another machine, in which some of the files are.
    """
    every = [*paths]
    names = {name: path for path in every if path.is_relative_to(root) for name in _names_of(path, root)}
    owners = _of_dpkg(names, root) if names else {}
    if root == HERE:
        return owners | _of_rpm({name: path for name, path in names.items() if path not in owners})
    return owners | owners_of(path for path in every if not path.is_relative_to(root))


def _names_of(path: Path, root: Path) -> Iterator[str]:
    """Yield the names by which the package manager of a system may know a file."""
    name = f"/{path.relative_to(root)}"
    yield name
    for one, other in (MERGED, MERGED[::-1]):
        if name.startswith(f"{one}/"):
            yield other + name.removeprefix(one)


def _lines(*command: str) -> list[str]:
    """Return what a command prints; nothing if the machine has no such command."""
    if shutil.which(command[0]) is None:
        return []
    environment = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stdout.splitlines()


def _of_dpkg(names: Mapping[str, Path], root: Path) -> dict[Path, SystemPackage]:
    owners, database = {}, f"--admindir={root / DPKG}"
    for line in _lines("dpkg-query", database, "-S", *names):
        packages, _, name = line.partition(": ")
        if name in names and not packages.startswith("diversion by "):
            owners[names[name]] = packages.partition(",")[0]
    if not owners:
        return {}
    wanted = sorted(set(owners.values()))
    rows = [line.split("\t") for line in _lines("dpkg-query", database, "-W", "-f", DPKG_FORMAT, *wanted)]
    found = {each: package for row in rows for each, package in _named(root, *row)}
    return {path: found[name] for path, name in owners.items() if name in found}


def _named(root: Path, name: str, version: str, source: str, architecture: str) -> Iterator[tuple[str, SystemPackage]]:
    """Yield a package under both names that dpkg has for it: with its architecture, and without."""
    copyright_file = root / "usr/share/doc" / name / "copyright"
    text = copyright_file.read_text(errors="replace") if copyright_file.is_file() else ""
    purl = f"pkg:deb/{_distribution(root)}/{name}@{quote(version)}?arch={architecture}"
    if source and source != name:
        purl += f"&upstream={source}"
    common = {(root / COMMON / each).resolve() for each in NAMED_TEXT.findall(text)}
    texts = [copyright_file] * bool(text) + sorted(each for each in common if each.is_file())
    package = SystemPackage(name, version, purl, tuple(licenses_of(text)), tuple(texts))
    yield from ((each, package) for each in (name, f"{name}:{architecture}"))


def licenses_of(copyright_file: str) -> list[str]:
    """Return the names of the licences in a copyright file of Debian, if its format has fields."""
    return sorted({" ".join(each.split()) for each in LICENSE_FIELD.findall(copyright_file)})


def _of_rpm(names: Mapping[str, Path]) -> dict[Path, SystemPackage]:
    owners = {}
    for name, path in names.items():
        for line in _lines("rpm", "-qf", "--qf", RPM_FORMAT, name)[:1]:
            if line.count("\t") == RPM_FORMAT.count("\t"):
                owners[path] = _rpm_package(*line.split("\t"))
    return owners


def _rpm_package(name: str, version: str, source: str, architecture: str, license_name: str) -> SystemPackage:
    purl = f"pkg:rpm/{_distribution(HERE)}/{name}@{quote(version)}?arch={architecture}&upstream={source}"
    texts = (Path(line) for line in _lines("rpm", "-q", "--licensefiles", name))
    return SystemPackage(name, version, purl, (license_name,), tuple(sorted(path for path in texts if path.is_file())))


def _distribution(root: Path) -> str:
    """Return the identifier of a distribution, as its os-release has it."""
    file = root / "etc" / "os-release"
    match = IDENTIFIER.search(file.read_text()) if file.is_file() else None
    return match[1] if match else "linux"
