"""The archive: the tree in compressed blocks, and the index that locates files in them.

launcher/archive/format.h describes the format. These rules decide the order of files:

- Files that a start reads come first, in the order of reading, so that the launcher can unpack them ahead.
- The remaining files are sorted by kind, because similar files side by side compress best.
- A large file or a shared library has its own block, and is unpacked directly to its destination.
- A static file is stored as a zstd frame. A browser that accepts zstd gets these same bytes, so they are stored once.
- A block holds files of only one part of the tree. A change in the project then leaves the blocks of the packages
  unchanged and in the cache. Files with the same bytes are stored once.
"""

import hashlib
import os
import struct
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import xxhash
import zstandard

from djbundle.builder.core.cache import Cache, hash_of
from djbundle.builder.core.tree import PARTS, File, Part, Tree
from djbundle.builder.native import elf
from djbundle.builder.native.branches import FILTER_VERSION, replace_distances
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
    PAGE,
)
from djbundle.contract.layout import PROGRAM
from djbundle.errors import LargeFileError

BLOCK_SIZE = 4 << 20
FIRST_BLOCK_SIZE = 128 << 10  # for a start; later blocks double, so the first modules are ready soon
LARGE_FILE = 256 << 10
MAX_FILE_SIZE = (1 << 32) - 1
PROGRAM_LEVEL = 15  # unpacked before anything runs; a sixth faster than 19, a tenth larger
LEVEL = 19  # 22 gains 1 % and takes three times as long


@dataclass(frozen=True, slots=True)
class Block:
    """One compressed block on the build machine's disk."""

    part: Part
    path: Path
    hash: int  # XXH64
    size: int
    raw_size: int
    is_shared: bool  # several files are in it; it is kept unpacked for a while
    code: tuple[int, int] = (0, 0)  # offset and size of machine code
    is_frame: bool = False  # its content is the frame of the block before it, so it adds no bytes to the file


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
        packed, kept_sizes = [], [0, 0]
        for number, block in enumerate(self.blocks):
            later = int(number >= self.start_blocks)
            kept_offset = kept_sizes[later] if block.is_shared else NOT_KEPT
            offset = file_offset - block.size if block.is_frame else file_offset
            coding = CODING_NONE if block.is_frame else CODING_ZSTD
            sizes = block.size, block.raw_size, *block.code
            packed.append(BLOCK.pack(offset, block.hash, kept_offset, *sizes, coding, 0))
            file_offset = offset + block.size
            if block.is_shared:
                kept_sizes[later] += -(-block.raw_size // PAGE) * PAGE
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
        for name in sorted(archive.tree.folders()):
            self._children[name] = []
        for name in [*archive.tree.folders(), *archive.locations]:
            self._children[str(PurePosixPath(name).parent)].append(name)
        self._order = ["."]
        for name in self._order:  # the list grows while it is walked, level by level
            self._order += sorted(self._children.get(name, ()), key=lambda child: PurePosixPath(child).name.encode())
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
        base = b"" if name == "." else PurePosixPath(name).name.encode()
        position = len(self.names)
        self.names += base
        parent = self._numbers[str(PurePosixPath(name).parent)]
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


def pack_tree(tree: Tree, start: Iterable[str], cache: Cache, progress: Callable[[float], None]) -> Archive:
    """Compress the tree.

    `start` names the files that a start reads, in order. `progress` is called with the share done, 0 to 1.
    """
    packer = _Packer()
    packer.add_frames(tree)
    first = [tree[name] for name in dict.fromkeys(start)]
    packer.block_size = FIRST_BLOCK_SIZE
    for part in reversed(PARTS):  # Python before the packages and the project
        packer.add_files((file for file in first if file.part == part), part)
    packer.block_size = BLOCK_SIZE
    start_blocks = len(packer.shared)
    start_files = [file.name for file in first if file.name in packer.large]
    for part in PARTS:
        packer.add_files(sorted((file for file in tree if file.part == part), key=_packing_order), part)
    packer.add_links(tree.links)
    raw_blocks = [*packer.shared, *packer.own]
    blocks = _compress_blocks(raw_blocks, cache, progress)
    return Archive(tree, blocks, start_blocks, start_files, packer.locations())


def _packing_order(file: File) -> tuple[str, str]:
    return PurePosixPath(file.name).suffix, file.name


@dataclass(slots=True)
class _RawBlock:
    part: Part
    data: bytearray = field(default_factory=bytearray)
    is_shared: bool = True
    code: tuple[int, int] = (0, 0)
    level: int = LEVEL
    frame: bytes | None = None  # the compressed content, if there is one
    is_frame: bool = False


class _Packer:
    """Put files into blocks; a file is never split."""

    def __init__(self) -> None:
        self.block_size = BLOCK_SIZE
        self.shared: list[_RawBlock] = []
        self.own: list[_RawBlock] = []
        self.large: set[str] = set()  # names of files that have their own block
        self._stored: dict[bytes, tuple[_RawBlock, int]] = {}  # block and offset by digest of the content
        self._files: dict[str, tuple[bytes, int]] = {}  # digest and size by name

    def add_files(self, files: Iterable[File], part: Part) -> None:
        """Add files, except those that were added already."""
        block = _RawBlock(part)
        for file in files:
            if file.name in self._files:
                continue
            data = file.source.read_bytes()
            if len(data) > MAX_FILE_SIZE:
                raise LargeFileError(f"{file.name} is larger than 4 GB", "exclude it in [tool.djbundle]")
            block = self._add(file.name, data, block, file.source)
        self._close(block)

    def add_frames(self, tree: Tree) -> None:
        """Add files for which the tree also has a zstd frame, together with the frames."""
        for name, frame_name in tree.frames.items():
            data, frame = tree[name].source.read_bytes(), tree[frame_name].source.read_bytes()
            part = tree[name].part
            for each, content in ((name, data), (frame_name, frame)):
                self._files[each] = hashlib.sha256(content).digest(), len(content)
            if self._files[name][0] not in self._stored:
                content_block = _RawBlock(part, bytearray(data), is_shared=False, frame=frame)
                frame_block = _RawBlock(part, bytearray(frame), is_shared=False, frame=frame, is_frame=True)
                self.own += [content_block, frame_block]
                self._stored[self._files[name][0]] = content_block, 0
                self._stored[self._files[frame_name][0]] = frame_block, 0

    def add_links(self, links: dict[str, str]) -> None:
        block = _RawBlock("project")
        for name, target in sorted(links.items()):
            block = self._add(name, target.encode(), block)
        self._close(block)

    def _add(self, name: str, data: bytes, block: _RawBlock, source: Path | None = None) -> _RawBlock:
        """Add a file, and return the block for the next file."""
        digest = hashlib.sha256(data).digest()
        self._files[name] = digest, len(data)
        has_own_block = len(data) >= LARGE_FILE or block.part == "libraries"
        if has_own_block:
            self.large.add(name)
        if digest in self._stored:
            return block
        if has_own_block:
            code = elf.code_range(source) if source and elf.is_elf(source) else (0, 0)
            level = PROGRAM_LEVEL if name == PROGRAM else LEVEL
            self.own.append(_RawBlock(block.part, bytearray(data), is_shared=False, code=code, level=level))
            self._stored[digest] = self.own[-1], 0
            return block
        if len(block.data) + len(data) > self.block_size:
            self._close(block)
            self.block_size = min(2 * self.block_size, BLOCK_SIZE)
            block = _RawBlock(block.part)
        self._stored[digest] = block, len(block.data)
        block.data += data
        return block

    def _close(self, block: _RawBlock) -> None:
        if block.data:
            self.shared.append(block)

    def locations(self) -> dict[str, Location]:
        numbers = {id(block): number for number, block in enumerate([*self.shared, *self.own])}
        locations = {}
        for name, (digest, size) in self._files.items():
            block, offset = self._stored[digest]
            locations[name] = Location(numbers.get(id(block), 0), offset, size, digest)  # no block: only empty files
        return locations


def _filter(data: bytes, offset: int, size: int) -> bytes:
    end = offset + size
    return data[:offset] + replace_distances(data[offset:end]) + data[end:] if size else data


def compress(data: bytes, level: int = LEVEL) -> bytes:
    """Return the data as one zstd frame."""
    return zstandard.ZstdCompressor(level=level).compress(data)


def _compress_blocks(raw_blocks: list[_RawBlock], cache: Cache, progress: Callable[[float], None]) -> list[Block]:
    def compress_block(raw: _RawBlock) -> Block:
        data = bytes(raw.data)
        method = f"zstd {zstandard.__version__} level {raw.level} code {raw.code} filter {FILTER_VERSION}"
        key = hash_of(raw.frame) if raw.frame else hash_of(data, method)
        path = cache.get_or_create_bytes(
            "blocks", key, lambda: raw.frame or compress(_filter(data, *raw.code), raw.level)
        )
        stored = path.read_bytes()
        return Block(
            part=raw.part,
            path=path,
            hash=xxhash.xxh64_intdigest(stored),
            size=len(stored),
            raw_size=len(data),
            is_shared=raw.is_shared,
            code=raw.code,
            is_frame=raw.is_frame,
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        largest_first = sorted(range(len(raw_blocks)), key=lambda number: -len(raw_blocks[number].data))
        running = {number: pool.submit(compress_block, raw_blocks[number]) for number in largest_first}
        for count, _ in enumerate(as_completed(running.values()), 1):
            progress(count / len(raw_blocks))
    return [running[number].result() for number in range(len(raw_blocks))]
