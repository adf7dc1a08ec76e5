"""Ask the package manager of a Linux system which of its packages files belong to: Debian's dpkg, or RPM."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

COMMON = Path("/usr/share/common-licenses")  # of Debian; its copyright files name texts there
NAMED_TEXT = re.compile(r"/usr/share/common-licenses/([A-Za-z]+(?:-\d+(?:\.\d+)*)?)")
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


def owners_of(paths: Iterable[Path]) -> dict[Path, SystemPackage]:
    """Return the packages of these files. No package manager knows the others."""
    names = {name: path for path in paths for name in _names_of(path)}
    return _of_dpkg(names) | _of_rpm(names) if names else {}


def _names_of(path: Path) -> Iterator[str]:
    """Yield the names by which a package manager may know a file."""
    yield str(path)
    for one, other in (MERGED, MERGED[::-1]):
        if str(path).startswith(f"{one}/"):
            yield other + str(path).removeprefix(one)


def _lines(*command: str) -> list[str]:
    """Return what a command prints; nothing if the machine has no such command."""
    if shutil.which(command[0]) is None:
        return []
    environment = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stdout.splitlines()


def _of_dpkg(names: Mapping[str, Path]) -> dict[Path, SystemPackage]:
    owners = {}
    for line in _lines("dpkg-query", "-S", *names):
        packages, _, name = line.partition(": ")
        if name in names and not packages.startswith("diversion by "):
            owners[names[name]] = packages.partition(",")[0]
    if not owners:
        return {}
    wanted = sorted(set(owners.values()))
    rows = [line.split("\t") for line in _lines("dpkg-query", "-W", "-f", DPKG_FORMAT, *wanted)]
    found = {each: package for name, *fields in rows for each, package in _named(name, fields)}
    return {path: found[name] for path, name in owners.items() if name in found}


def _named(name: str, fields: list[str]) -> Iterator[tuple[str, SystemPackage]]:
    """Yield a package under both names that dpkg has for it: with its architecture, and without."""
    package = _debian_package(name, *fields)
    yield from ((each, package) for each in (name, f"{name}:{fields[2]}"))


def _debian_package(name: str, version: str, source: str, architecture: str) -> SystemPackage:
    copyright_file = Path("/usr/share/doc", name, "copyright")
    text = copyright_file.read_text(errors="replace") if copyright_file.is_file() else ""
    purl = f"pkg:deb/{_distribution()}/{name}@{quote(version)}?arch={architecture}"
    if source and source != name:
        purl += f"&upstream={source}"
    common = {(COMMON / each).resolve() for each in NAMED_TEXT.findall(text)}
    texts = [copyright_file] * bool(text) + sorted(each for each in common if each.is_file())
    return SystemPackage(name, version, purl, tuple(licenses_of(text)), tuple(texts))


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
    purl = f"pkg:rpm/{_distribution()}/{name}@{quote(version)}?arch={architecture}&upstream={source}"
    texts = (Path(line) for line in _lines("rpm", "-q", "--licensefiles", name))
    return SystemPackage(name, version, purl, (license_name,), tuple(sorted(path for path in texts if path.is_file())))


def _distribution() -> str:
    """Return the name of the distribution, as in /etc/os-release."""
    try:
        return platform.freedesktop_os_release().get("ID", "linux")
    except OSError:
        return "linux"
