"""Put the files of the tree into blocks. index.py locates them there, and blocks.py compresses the blocks.

launcher/archive/format.h describes the format. These rules decide the order of files:

- Files that a start reads come first, in the order of reading, so that the launcher can unpack them ahead.
- The remaining files are sorted by kind, because similar files side by side compress best.
- A large file or a shared library has its own block, and is unpacked directly to its destination.
- A static file is stored as a zstd frame. A browser that accepts zstd gets these same bytes, so they are stored once.
- A block holds files of only one part of the tree. A change in the project then leaves the blocks of the packages
  unchanged and in the cache. Files with the same bytes are stored once.
- Which files a block ends with depends on their names, and little on what is before them. So another version of a
  package leaves the blocks of its neighbours unchanged too.
- A large tree has larger blocks, which compress better, with less search: it is compressed four times as fast.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import xxhash

from djbundle.builder.archive.blocks import (
    DRAFT_LEVEL,
    LARGE_LEVEL,
    LARGE_SMALL_FILES_LEVEL,
    LARGE_START_LEVEL,
    LEVEL,
    REST_LEVEL,
    Content,
    RawBlock,
    compress_blocks,
)
from djbundle.builder.archive.index import Archive, Location
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.digests import Digests
from djbundle.builder.core.tree import PARTS, File, Part, Tree, suffix_of
from djbundle.builder.machines.machine import Machine
from djbundle.builder.native import elf
from djbundle.contract.layout import PROGRAM
from djbundle.errors import LargeFileError

FIRST_BLOCK_SIZE = 128 << 10  # for a start; later blocks double, so the first modules are ready soon
LARGE_TREE = 160 << 20  # bytes; with much search, one core compresses it in three quarters of a minute
LARGE_FILE = 256 << 10
MAX_FILE_SIZE = (1 << 32) - 1
PROGRAM_LEVEL = 15  # unpacked before anything runs; a sixth faster than 19, a tenth larger


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes and levels of blocks. Those that no start reads have `smallest` bytes, and `more` on average."""

    start: int  # bytes of the largest block that a start reads
    smallest: int
    more: int
    largest: int
    start_level: int
    rest_level: int
    small_files_level: int  # of blocks with several files that no start reads


SCALE = Scale(4 << 20, 2 << 20, 2 << 20, 6 << 20, LEVEL, REST_LEVEL, REST_LEVEL)
LARGE_SCALE = Scale(8 << 20, 6 << 20, 6 << 20, 16 << 20, LARGE_START_LEVEL, LARGE_LEVEL, LARGE_SMALL_FILES_LEVEL)


def pack_tree(
    tree: Tree, start: Iterable[str], cache: Cache, progress: Callable[[float], None], level: int = LEVEL
) -> Archive:
    """Compress the tree.

    `start` names the files that a start reads, in order. `progress` is called with the share done, 0 to 1.
    """
    packer = plan_blocks(tree, start, cache.digests, level)
    blocks = compress_blocks(packer.blocks, cache, progress)
    return Archive(tree, blocks, packer.start_blocks, packer.start_files, packer.locations())


def plan_blocks(tree: Tree, start: Iterable[str], digests: Digests, level: int = LEVEL) -> "Packer":
    """Put the files of the tree into blocks, which are not compressed yet."""
    contents = {file.name: Content(*digests.with_size(file.source), file.source) for file in tree}
    scale = LARGE_SCALE if sum(each.size for each in contents.values()) > LARGE_TREE else SCALE
    packer = Packer(contents, scale, level, tree.machine)
    packer.add_frames(tree)
    first = [tree[name] for name in dict.fromkeys(start)]
    packer.block_size = FIRST_BLOCK_SIZE
    for part in reversed(PARTS):  # Python before the packages and the project
        packer.add_files((file for file in first if file.part == part), part)
    packer.end_start()
    packer.start_files = [file.name for file in first if file.name in packer.large]
    for part in PARTS:
        packer.add_files(sorted((file for file in tree if file.part == part), key=_packing_order), part)
    packer.add_links(tree.links)
    return packer


def _packing_order(file: File) -> tuple[str, str]:
    return suffix_of(file.name), file.name


class Packer:
    """Put files into blocks; a file is never split."""

    def __init__(self, contents: Mapping[str, Content], scale: Scale, level: int, machine: Machine) -> None:
        self.block_size = scale.start
        self.is_start = True
        self.start_blocks = 0
        self.start_files: list[str] = []
        self.shared: list[RawBlock] = []
        self.own: list[RawBlock] = []
        self.large: set[str] = set()  # names of files that have their own block
        self._contents, self._scale, self._highest_level = contents, scale, level
        self._machine = machine
        self._level = self._shared_level = min(level, scale.start_level)
        self._stored: dict[str, tuple[RawBlock, int]] = {}  # block and offset by digest of the content
        self._files: dict[str, Content] = {}  # by name

    @property
    def blocks(self) -> list[RawBlock]:
        return [*self.shared, *self.own]

    def end_start(self) -> None:
        """Begin with the files that no start reads."""
        self.is_start = False
        self.start_blocks = len(self.shared)
        self._level = min(self._highest_level, self._scale.rest_level)
        self._shared_level = min(self._highest_level, self._scale.small_files_level)

    def add_files(self, files: Iterable[File], part: Part) -> None:
        """Add files, except those that were added already."""
        block = self._new_block(part)
        for file in files:
            if file.name in self._files:
                continue
            content = self._contents[file.name]
            if content.size > MAX_FILE_SIZE:
                raise LargeFileError(f"{file.name} is larger than 4 GB", "exclude it in [tool.djbundle]")
            block = self._add(file.name, content, block)
        self._close(block)

    def add_frames(self, tree: Tree) -> None:
        """Add files for which the tree also has a zstd frame, together with the frames."""
        for name, frame_name in tree.frames.items():
            part, path = tree[name].part, tree[frame_name].source
            data, frame = self._contents[name], self._contents[frame_name]
            self._files |= {name: data, frame_name: frame}
            if data.digest not in self._stored:
                content_block = RawBlock(part, self._machine, [data], data.size, is_shared=False, frame=path)
                frame_block = RawBlock(
                    part, self._machine, [frame], frame.size, is_shared=False, frame=path, is_frame=True
                )
                self.own += [content_block, frame_block]
                self._stored[data.digest] = content_block, 0
                self._stored[frame.digest] = frame_block, 0

    def add_links(self, links: dict[str, str]) -> None:
        block = self._new_block("project")
        for name, target in sorted(links.items()):
            data = target.encode()
            block = self._add(name, Content(hashlib.sha256(data).hexdigest(), len(data), data), block)
        self._close(block)

    def _add(self, name: str, content: Content, block: RawBlock) -> RawBlock:
        """Add a file, and return the block for the next file."""
        self._files[name] = content
        has_own_block = content.size >= LARGE_FILE or block.part == "libraries"
        if has_own_block:
            self.large.add(name)
        if content.digest in self._stored:
            return block
        if has_own_block:
            self._add_own(name, content, block.part)
            return block
        if block.size + content.size > self._limit():
            block = self._next(block)
        self._stored[content.digest] = block, block.size
        block.add(content)
        return self._next(block) if not self.is_start and self._ends_block(name, content.size, block.size) else block

    def _add_own(self, name: str, content: Content, part: Part) -> None:
        source, code = content.source, (0, 0)
        if isinstance(source, Path) and self._level > DRAFT_LEVEL and elf.is_elf(source):
            code = elf.code_range(source, self._machine)
        level = min(PROGRAM_LEVEL, self._highest_level) if name == PROGRAM else self._level
        self.own.append(RawBlock(part, self._machine, [content], content.size, is_shared=False, code=code, level=level))
        self._stored[content.digest] = self.own[-1], 0

    def _new_block(self, part: Part) -> RawBlock:
        return RawBlock(part, self._machine, level=self._shared_level)

    def _limit(self) -> int:
        return self.block_size if self.is_start else self._scale.largest

    def _ends_block(self, name: str, size: int, block_size: int) -> bool:
        """Return whether a block that is large enough ends with this file. The larger a file, the likelier it does."""
        chance = xxhash.xxh32_intdigest(name.encode()) * self._scale.more
        return block_size >= self._scale.smallest and chance < size << 32

    def _next(self, block: RawBlock) -> RawBlock:
        self._close(block)
        self.block_size = min(2 * self.block_size, self._scale.start)
        return self._new_block(block.part)

    def _close(self, block: RawBlock) -> None:
        if block.size:
            self.shared.append(block)

    def locations(self) -> dict[str, Location]:
        numbers = {id(block): number for number, block in enumerate(self.blocks)}
        locations = {}
        for name, content in self._files.items():
            block, offset = self._stored[content.digest]
            digest = bytes.fromhex(content.digest)
            # There is no block if all of its files are empty.
            locations[name] = Location(numbers.get(id(block), 0), offset, content.size, digest)
        return locations
