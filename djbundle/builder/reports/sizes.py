"""``djbundle inspect``: what takes the room in a bundle."""

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from djbundle.builder.archive.read import BundleFile
from djbundle.builder.contents.assets import STATIC_FOLDER
from djbundle.builder.contents.package_files import METADATA
from djbundle.builder.core.tree import LICENSES_FOLDER
from djbundle.builder.machines import MACHINES
from djbundle.builder.native.elf import MAGIC, machine_of
from djbundle.builder.reports.contents import Contents, python_packages
from djbundle.contract.inventory import SBOM
from djbundle.contract.layout import LIBRARIES

STATIC, SHARED, INVENTORY, FRAME = "static files", "shared libraries", "SBOM and licences", "launcher and index"
FOLDERS = {STATIC_FOLDER: STATIC, LIBRARIES: SHARED, LICENSES_FOLDER: INVENTORY, SBOM.partition("/")[0]: INVENTORY}
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Size:
    """A file, or all files of a group or a folder: bytes in the bundle, and unpacked."""

    name: str
    stored: int
    raw: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The sizes in a bundle; `to_json` returns what ``--json`` prints."""

    path: str
    name: str
    version: str
    size: int
    machine: str
    build: dict[str, Any]  # of the manifest
    packages: dict[str, str]  # versions by name
    coding: list[Size]  # by the way in which they are compressed
    groups: list[Size]  # by package, the largest first
    folders: dict[str, list[Size]]  # in each group, the largest first
    machine_code: list[str]  # names of ELF files

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def inspect(bundle: BundleFile) -> Inspection:
    """Return the sizes of everything in a bundle."""
    contents = Contents.of(bundle)
    shares = shares_of(bundle)
    owners = {**{name: f"{owner} {version}".strip() for name, (owner, version) in contents.owners().items()}, **FOLDERS}
    grouped: defaultdict[str, list[Size]] = defaultdict(list)
    for file in bundle.files:
        top = file.name.partition("/")[0]
        group = owners.get(top) or (SHARED if ".so." in top else OTHERS)
        grouped[group].append(Size(file.name, shares[file.name], file.size, 1))
    groups = [total(name, sizes) for name, sizes in grouped.items()]
    rest = bundle.size - sum(each.stored for each in groups)
    groups.append(Size(FRAME, rest, rest, 0))
    machine = machine_of(bundle.path)
    return Inspection(
        path=str(bundle.path),
        name=contents.manifest["name"],
        version=contents.manifest["version"],
        size=bundle.size,
        machine=next((each.name for each in MACHINES.values() if each.elf == machine), machine),
        build=contents.manifest["build"],
        packages=python_packages(bundle),
        coding=codings(bundle),
        groups=largest_first(groups),
        folders={name: by_folder(sizes) for name, sizes in sorted(grouped.items())},
        machine_code=sorted(file.name for file, content in bundle.contents() if bytes(content[:4]) == MAGIC),
    )


def shares_of(bundle: BundleFile) -> dict[str, int]:
    """Return the bytes that each file takes in the bundle: its part of a compressed block, by its size.

    What is stored once for several names counts for the first of them. The zstd copy of a static file takes nothing.
    """
    shares, seen = {}, set[tuple[int, int, int]]()
    for file in bundle.files:
        block, place = bundle.blocks[file.block] if bundle.blocks else None, (file.block, file.offset, file.size)
        takes_none = block is None or block.is_frame or place in seen or not file.size
        shares[file.name] = 0 if takes_none or block is None else round(block.size * file.size / block.raw_size)
        seen.add(place)
    return shares


def codings(bundle: BundleFile) -> list[Size]:
    """Return the sizes of blocks by what they hold."""
    counts: defaultdict[int, set[int]] = defaultdict(set)
    for file in bundle.files:
        if file.size:
            counts[file.block].add(file.offset)
    frames = {block.offset for block in bundle.blocks if block.is_frame}
    by_kind: defaultdict[str, list[Size]] = defaultdict(list)
    for number, block in enumerate(bundle.blocks):
        if block.is_frame:
            continue
        if block.offset in frames:
            kind = "static files, sent as they are"
        else:
            kind = "large files, one in a block" if len(counts[number]) == 1 else "blocks of many files"
        by_kind[kind].append(Size("", block.size, block.raw_size, len(counts[number])))
    return largest_first([total(f"zstd: {kind}", sizes) for kind, sizes in by_kind.items()])


def by_folder(sizes: list[Size]) -> list[Size]:
    """Return the sizes of the folders and files below the name that all of a group have in common."""
    tops = {each.name.partition("/")[0] for each in sizes if "/" in each.name}
    depth = 2 if len({top for top in tops if not top.endswith(METADATA)}) == 1 else 1
    folders: defaultdict[str, list[Size]] = defaultdict(list)
    for each in sizes:
        folders["/".join(PurePosixPath(each.name).parts[:depth])].append(each)
    return largest_first([total(name, inner) for name, inner in folders.items()])


def total(name: str, sizes: list[Size]) -> Size:
    return Size(
        name, sum(each.stored for each in sizes), sum(each.raw for each in sizes), sum(each.files for each in sizes)
    )


def largest_first(sizes: list[Size]) -> list[Size]:
    return sorted(sizes, key=lambda each: (-each.stored, -each.raw, each.name))
