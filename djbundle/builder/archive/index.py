"""The index of an archive: it locates each file of the tree in a block."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from djbundle.builder.archive.blocks import Block
from djbundle.builder.core.tree import PARTS, Part, Tree, base_of, parent_of
from djbundle.contract.file_format import (
    BLOCK,
    CODING_NONE,
    CODING_ZSTD,
    ENTRY,
    INDEX,
    KIND_EXECUTABLE,
    KIND_FILE,
    KIND_FOLDER,
    KIND_LINK,
    NOT_KEPT,
)


@dataclass(frozen=True, slots=True)
class Location:
    """The location of a file's or link's content."""

    block: int
    offset: int  # in the uncompressed block
    size: int
    digest: bytes  # SHA-256


@dataclass(frozen=True, slots=True)
class Archive:
    """The compressed tree, ready to be written after the launcher."""

    tree: Tree
    blocks: list[Block]
    start_blocks: int
    start_files: list[str]  # large files that a start reads
    locations: dict[str, Location]

    def index(self, start: int, built: int) -> bytes:
        """Return the index, uncompressed.

        The first block is at byte `start` of the bundle; `built` is in seconds since 1970.
        """
        numbering = _Index(self)
        entries = numbering.pack_entries()
        start_files = numbering.add_list(self.start_files)
        needs, names = numbering.needs, bytes(numbering.names)
        blocks, kept_sizes = self._pack_blocks(start)
        counts = len(self.blocks), self.start_blocks, len(entries), len(needs), len(names), start_files
        head = INDEX.pack(*counts, built, *kept_sizes)
        return b"".join([head, *blocks, *entries, struct.pack(f"<{len(needs)}I", *needs), names])

    def _pack_blocks(self, file_offset: int) -> tuple[list[bytes], list[int]]:
        """Return the block records of the index, and the bytes that kept blocks need when unpacked.

        The bytes are counted separately for the blocks of the start and for all other blocks.
        """
        packed, kept_sizes, page = [], [0, 0], self.tree.machine.largest_page
        for number, block in enumerate(self.blocks):
            later = int(number >= self.start_blocks)
            kept_offset = kept_sizes[later] if block.is_shared else NOT_KEPT
            offset = file_offset - block.size if block.is_frame else file_offset
            coding = CODING_NONE if block.is_frame else CODING_ZSTD
            sizes = block.size, block.raw_size, *block.code
            packed.append(BLOCK.pack(offset, block.hash, kept_offset, *sizes, coding, 0))
            file_offset = offset + block.size
            if block.is_shared:
                kept_sizes[later] += -(-block.raw_size // page) * page
        return packed, kept_sizes

    def sizes(self) -> dict[Part, tuple[int, int]]:
        """Return the raw and compressed bytes of each part."""
        return {
            part: (
                sum(block.raw_size for block in self.blocks if block.part == part),
                sum(block.size for block in self.blocks if block.part == part and not block.is_frame),
            )
            for part in PARTS
        }


class _Index:
    """Number the entries so that the children of a folder are adjacent and sorted by name."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._children: dict[str, list[str]] = {".": []}
        folders = archive.tree.folders()
        for name in folders:
            self._children[name] = []
        for name in [*folders, *archive.locations]:
            self._children[parent_of(name)].append(name)
        self._order = ["."]
        for name in self._order:  # the list grows while it is walked, level by level
            self._order += sorted(self._children.get(name, ()), key=lambda child: base_of(child).encode())
        self._numbers = {name: number for number, name in enumerate(self._order)}
        self.needs = [0]
        self.names = bytearray()

    def pack_entries(self) -> list[bytes]:
        """Return all entries in order; fill `needs` and `names`."""
        return [self._entry(name) for name in self._order]

    def add_list(self, names: Sequence[str]) -> int:
        """Append a list to `needs` and return its position; 0 for an empty list."""
        if not names:
            return 0
        position = len(self.needs)
        self.needs += [len(names), *(self._numbers[name] for name in names)]
        return position

    def _entry(self, name: str) -> bytes:
        base = b"" if name == "." else base_of(name).encode()
        position = len(self.names)
        self.names += base
        parent = self._numbers[parent_of(name)]
        if name in self._children:
            children = self._children[name]
            first = min((self._numbers[child] for child in children), default=0)
            return ENTRY.pack(position, len(base), KIND_FOLDER, parent, 0, first, 0, len(children))
        location = self._archive.locations[name]
        numbers = location.block, location.offset, location.size
        needs = self.add_list(self._archive.tree.needs.get(name, ()))
        return ENTRY.pack(position, len(base), self._kind(name), parent, needs, *numbers)

    def _kind(self, name: str) -> int:
        tree = self._archive.tree
        if name in tree.links:
            return KIND_LINK
        return KIND_EXECUTABLE if tree[name].executable else KIND_FILE
