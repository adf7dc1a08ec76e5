"""Put the files of the tree into blocks. index.py locates them there, and blocks.py compresses the blocks.

launcher/archive/format.h describes the format. These rules decide the order of files:

- Files that a start reads come first, in the order of reading, so that the launcher can unpack them ahead.
- The remaining files are sorted by kind, because similar files side by side compress best.
- A large file or a shared library has its own block, and is unpacked directly to its destination.
- A static file is stored as a zstd frame. A browser that accepts zstd gets these same bytes, so they are stored once.
- A block holds files of only one part of the tree. A change in the project then leaves the blocks of the packages
  unchanged and in the cache. Files with the same bytes are stored once.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from djbundle.builder.archive.blocks import LEVEL, RawBlock, compress_blocks
from djbundle.builder.archive.index import Archive, Location
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import PARTS, File, Part, Tree
from djbundle.builder.native import elf
from djbundle.contract.layout import PROGRAM
from djbundle.errors import LargeFileError

BLOCK_SIZE = 4 << 20
FIRST_BLOCK_SIZE = 128 << 10  # for a start; later blocks double, so the first modules are ready soon
LARGE_FILE = 256 << 10
MAX_FILE_SIZE = (1 << 32) - 1
PROGRAM_LEVEL = 15  # unpacked before anything runs; a sixth faster than 19, a tenth larger


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
    blocks = compress_blocks(raw_blocks, cache, progress)
    return Archive(tree, blocks, start_blocks, start_files, packer.locations())


def _packing_order(file: File) -> tuple[str, str]:
    return PurePosixPath(file.name).suffix, file.name


class _Packer:
    """Put files into blocks; a file is never split."""

    def __init__(self) -> None:
        self.block_size = BLOCK_SIZE
        self.shared: list[RawBlock] = []
        self.own: list[RawBlock] = []
        self.large: set[str] = set()  # names of files that have their own block
        self._stored: dict[bytes, tuple[RawBlock, int]] = {}  # block and offset by digest of the content
        self._files: dict[str, tuple[bytes, int]] = {}  # digest and size by name

    def add_files(self, files: Iterable[File], part: Part) -> None:
        """Add files, except those that were added already."""
        block = RawBlock(part)
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
                content_block = RawBlock(part, bytearray(data), is_shared=False, frame=frame)
                frame_block = RawBlock(part, bytearray(frame), is_shared=False, frame=frame, is_frame=True)
                self.own += [content_block, frame_block]
                self._stored[self._files[name][0]] = content_block, 0
                self._stored[self._files[frame_name][0]] = frame_block, 0

    def add_links(self, links: dict[str, str]) -> None:
        block = RawBlock("project")
        for name, target in sorted(links.items()):
            block = self._add(name, target.encode(), block)
        self._close(block)

    def _add(self, name: str, data: bytes, block: RawBlock, source: Path | None = None) -> RawBlock:
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
            self.own.append(RawBlock(block.part, bytearray(data), is_shared=False, code=code, level=level))
            self._stored[digest] = self.own[-1], 0
            return block
        if len(block.data) + len(data) > self.block_size:
            self._close(block)
            self.block_size = min(2 * self.block_size, BLOCK_SIZE)
            block = RawBlock(block.part)
        self._stored[digest] = block, len(block.data)
        block.data += data
        return block

    def _close(self, block: RawBlock) -> None:
        if block.data:
            self.shared.append(block)

    def locations(self) -> dict[str, Location]:
        numbers = {id(block): number for number, block in enumerate([*self.shared, *self.own])}
        locations = {}
        for name, (digest, size) in self._files.items():
            block, offset = self._stored[digest]
            locations[name] = Location(numbers.get(id(block), 0), offset, size, digest)  # no block: only empty files
        return locations
