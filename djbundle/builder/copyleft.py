"""Name what goes into a bundle under the GPL or AGPL. ``djbundle check`` tells it, with what it means."""

import re
from collections.abc import Iterable, Iterator
from email.message import Message
from pathlib import Path
from typing import cast

from djbundle.builder.dependencies.package_selection import Dependency
from djbundle.builder.inventory.python_packages import licenses_of
from djbundle.builder.project.installed import files_of
from djbundle.builder.scan import Finding

# Names of strong licences, as SPDX, classifiers and people write them; not LGPL.
GPL = re.compile(r"(?<![A-Za-z])GPL|(?<!Lesser )(?<!Library or Lesser )General Public License", re.IGNORECASE)
AGPL = re.compile(r"AGPL|Affero", re.IGNORECASE)
EXCEPTION = re.compile(r"\sWITH\s|exception", re.IGNORECASE)  # such as that of GCC's run-time library
CHOICE = re.compile(r"\sOR\s")  # of SPDX expressions; "or-later" is none
ALL_OF_THEM = re.compile(r"\sAND\s|[()]")
# Libraries under the GPL, by the start of their file's name. Copyright files of Debian cannot tell: they also name the
# licences of scripts and tests.
LIBRARIES = {
    "libreadline": "GPL",
    "libhistory": "GPL",
    "libgdbm": "GPL",
    "libgsl": "GPL",
    "libfftw3": "GPL",
    "libpoppler": "GPL",
    "libx264": "GPL",
    "libx265": "GPL",
    "libmysqlclient": "GPL",
    "libgs": "AGPL",
    "libmupdf": "AGPL",
}
IN_WHEEL = re.compile(r"-[0-9a-f]{8}(?=\.)")  # auditwheel adds it to the names of libraries
MEANING = {
    "GPL": "who gets the bundle may ask for the sources of the whole site; on your own server it asks nothing",
    "AGPL": "who uses the site over the network may ask for its sources",
}


def find_copyleft(dependencies: Iterable[Dependency], libraries: Iterable[str]) -> Iterator[Finding]:
    """Yield the packages under GPL or AGPL, and such libraries in them or among those that the project loads."""
    names = {Path(each).name for each in libraries}
    for each in dependencies:
        texts = licenses_of(cast("Message", each.distribution.metadata))
        if kind := kind_of(texts):
            yield Finding(f"{each.name} {each.version}", f"is under {', '.join(texts)}", MEANING[kind])
        names |= {Path(file.name).name for file in files_of(each.distribution) if ".so" in file.name}
    for name in sorted(names):
        if kind := kind_of_library(name):
            yield Finding(name, f"is under the {kind}", MEANING[kind])


def kind_of(licenses: Iterable[str]) -> str:
    """Return "GPL" or "AGPL" if one of these must be complied with; "" if there is another choice, or an exception."""
    kinds = [_kind(each) for each in licenses]
    if not kinds or not all(kinds):  # several classifiers are mostly a choice
        return ""
    return "AGPL" if "AGPL" in kinds else "GPL"


def _kind(license_name: str) -> str:
    if CHOICE.search(license_name) and not ALL_OF_THEM.search(license_name):
        kinds = [_kind(each) for each in CHOICE.split(license_name)]
        return max(kinds) if all(kinds) else ""  # GPL, the milder one of both
    if EXCEPTION.search(license_name):
        return ""
    if AGPL.search(license_name):
        return "AGPL"
    return "GPL" if GPL.search(license_name) else ""


def kind_of_library(name: str) -> str:
    """Return "GPL" or "AGPL" for a file with a shared library under one of them, else ""."""
    plain = IN_WHEEL.sub("", name)
    return next((kind for start, kind in LIBRARIES.items() if re.match(rf"{start}(_compat)?[-.]", plain)), "")
