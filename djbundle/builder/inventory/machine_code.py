"""Find the files of machine code in a tree, and the libraries that are linked into them."""

import re
from collections.abc import Iterator
from pathlib import Path

from djbundle.builder.core.tree import File, Tree
from djbundle.builder.inventory.component import Component
from djbundle.builder.native import elf

SQLITE_SOURCE = re.compile(rb"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d [0-9a-f]{64}\0")  # sqlite3_sourceid()
SQLITE_VERSION = re.compile(rb"\0(3\.\d{1,2}\.\d{1,2})\0")
# Libraries that keep their version in a text: a part of it to look for first, and the pattern.
VERSION_TEXTS = {
    "openssl": (b"OpenSSL ", re.compile(rb"OpenSSL (\d+\.\d+\.\d+[a-z]?) \d{1,2} [A-Z][a-z]{2} \d{4}")),
    "zlib": (b"flate ", re.compile(rb" (?:in|de)flate (1\.\d+(?:\.\d+)*) Copyright")),
    "expat": (b"expat_", re.compile(rb"expat_(\d+\.\d+\.\d+)\0")),
    "glibc": (b"GNU C Library", re.compile(rb"GNU C Library [^\0]{0,80}version (\d+\.\d+)")),
}
CPE_NAMES = {
    "openssl": "openssl:openssl",
    "zlib": "zlib:zlib",
    "expat": "libexpat_project:libexpat",
    "glibc": "gnu:glibc",
    "sqlite": "sqlite:sqlite",
    "python": "python:python",
}
LICENSES = {
    "openssl": "Apache-2.0",  # from 3.0 on
    "zlib": "Zlib",
    "expat": "MIT",
    "glibc": "LGPL-2.1-or-later",
    "sqlite": "blessing",
    "python": "PSF-2.0",
}


def elf_files(tree: Tree) -> list[File]:
    """Return the files of machine code, sorted by name."""
    return sorted((file for file in tree if elf.is_elf(file.source)), key=lambda file: file.name)


def upstream(name: str, version: str) -> Component:
    """Return a component for a C project that no package manager has installed."""
    return Component(
        "library",
        name,
        version,
        purl=f"pkg:generic/{name}@{version}" if version else f"pkg:generic/{name}",
        cpe=f"cpe:2.3:a:{CPE_NAMES[name]}:{version}:*:*:*:*:*:*:*" if version else "",
        licenses=[LICENSES[name]] if not version.startswith("1.") or name != "openssl" else ["OpenSSL"],
    )


def linked_libraries(path: Path) -> Iterator[Component]:
    """Yield the libraries whose code and version are in a file."""
    content = path.read_bytes()
    for name, (part, pattern) in VERSION_TEXTS.items():
        if part in content and (match := pattern.search(content)):
            yield upstream(name, match[1].decode())
    if SQLITE_SOURCE.search(content):
        match = SQLITE_VERSION.search(content)
        yield upstream("sqlite", match[1].decode() if match else "")
