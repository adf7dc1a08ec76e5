"""The archive: the tree in compressed blocks, and the index that finds a file in them.

Layout, all numbers little-endian (read by launcher/bundle.c):

    blocks   zstd frames with content checksums, each of at most BLOCK_SIZE raw bytes
    index    one zstd frame: u32 blocks, u32 entries, u32 bytes of names, u32 zero;
             blocks   { u64 offset in the file, u32 size, u32 raw size }
             entries  { u32 name offset, u16 name length, u16 kind, u64 size, u64 offset }
             names    UTF-8, relative to the root

An entry's offset counts in the raw bytes of all blocks one after the other. Folders come first, parents before
children. Files with the same bytes share them. A block holds files of one part of the tree only, so that a change in
the project leaves the blocks of the packages as they are, and in the cache.
"""

import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import zstandard

from djbundle.builder.cache import Cache, hash_of
from djbundle.builder.tree import PARTS, File, Part, Tree

BLOCK_SIZE = 4 << 20  # the sample shop: 28.9 MB in blocks of 1 MiB, 27.9 of 4, 27.5 of 8
LEVEL = 19  # 22 gains 1 % and takes three times as long
KIND_FILE, KIND_FOLDER, KIND_EXECUTABLE = 0, 1, 3

_COUNTS = struct.Struct("<4I")
_BLOCK = struct.Struct("<QII")
_ENTRY = struct.Struct("<IHHQQ")


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    kind: int
    size: int
    offset: int


@dataclass(frozen=True, slots=True)
class Block:
    """One compressed block on this disk."""

    part: Part
    path: Path
    size: int
    raw_size: int


@dataclass(frozen=True, slots=True)
class Archive:
    """The compressed tree, ready to be written behind the launcher."""

    blocks: list[Block]
    entries: list[Entry]

    def index(self, start: int) -> tuple[bytes, int]:
        """The compressed index, with the first block at byte `start` of the file; and its raw size."""
        names = [entry.name.encode() for entry in self.entries]
        raw = bytearray(_COUNTS.pack(len(self.blocks), len(self.entries), sum(map(len, names)), 0))
        for block in self.blocks:
            raw += _BLOCK.pack(start, block.size, block.raw_size)
            start += block.size
        position = 0
        for entry, name in zip(self.entries, names, strict=True):
            raw += _ENTRY.pack(position, len(name), entry.kind, entry.size, entry.offset)
            position += len(name)
        raw += b"".join(names)
        return _compress(bytes(raw)), len(raw)

    def sizes(self) -> dict[Part, tuple[int, int]]:
        """Raw and compressed bytes of each part."""
        return {
            part: (
                sum(block.raw_size for block in self.blocks if block.part == part),
                sum(block.size for block in self.blocks if block.part == part),
            )
            for part in PARTS
        }


def pack_tree(tree: Tree, cache: Cache, progress: Callable[[float], None]) -> Archive:
    """Compress the tree; `progress` hears the share that is done, 0 to 1."""
    entries = [Entry(name, KIND_FOLDER, 0, 0) for name in tree.folders()]
    raw_blocks: list[tuple[Part, bytes]] = []
    offset = 0
    for part in PARTS:
        writer = _BlockWriter(offset)
        files = sorted((file for file in tree if file.part == part), key=_packing_order)
        entries += [writer.add(file) for file in files]
        raw_blocks += [(part, block) for block in writer.finish()]
        offset = writer.offset
    return Archive(_compress_blocks(raw_blocks, cache, progress), entries)


def _packing_order(file: File) -> tuple[str, str]:
    """Files of one kind side by side compress best."""
    return PurePosixPath(file.name).suffix, file.name


class _BlockWriter:
    """Lays the files of one part one after the other and cuts them into blocks."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self._data = bytearray()
        self._seen: dict[bytes, int] = {}

    def add(self, file: File) -> Entry:
        data = file.source.read_bytes()
        kind = KIND_EXECUTABLE if file.executable else KIND_FILE
        digest = hashlib.sha256(data).digest()
        if digest not in self._seen:
            self._seen[digest] = self.offset
            self._data += data
            self.offset += len(data)
        return Entry(file.name, kind, len(data), self._seen[digest])

    def finish(self) -> Iterator[bytes]:
        view = bytes(self._data)
        return (view[at : at + BLOCK_SIZE] for at in range(0, len(view), BLOCK_SIZE))


def _compress(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(data)


def _compress_blocks(
    raw_blocks: list[tuple[Part, bytes]], cache: Cache, progress: Callable[[float], None]
) -> list[Block]:
    def compress(item: tuple[Part, bytes]) -> Block:
        part, data = item
        key = hash_of(data, f"zstd {zstandard.__version__} level {LEVEL}")
        path = cache.store_bytes("blocks", key, lambda: _compress(data))
        return Block(part, path, path.stat().st_size, len(data))

    blocks = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for block in pool.map(compress, raw_blocks):
            blocks.append(block)
            progress(len(blocks) / len(raw_blocks))
    return blocks
