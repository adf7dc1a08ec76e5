"""Read a bundle as a file: its index, and what is in its blocks. Nothing of it runs, so it may be for any machine."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Self

from djbundle.common import zstd
from djbundle.contract.file_format import (
    BLOCK,
    CODING_NONE,
    ENTRY,
    FOOTER,
    FOOTER_SIZE,
    FORMAT,
    INDEX,
    KIND_FOLDER,
    KIND_LINK,
    MAGIC,
)
from djbundle.errors import OptionError


class StoredBlock(NamedTuple):
    """A block of a bundle. The frame of a static file has the same offset as the block with its content."""

    offset: int
    size: int
    raw_size: int
    coding: int

    @property
    def is_frame(self) -> bool:
        return self.coding == CODING_NONE


class StoredFile(NamedTuple):
    """A file in a bundle, and where its content is."""

    name: str
    block: int
    offset: int  # in the raw block
    size: int
    is_link: bool


@dataclass(frozen=True)
class BundleFile:
    """A bundle on the disk."""

    path: Path
    size: int
    launcher_size: int
    index_size: int
    built: int  # seconds since 1970
    blocks: list[StoredBlock]
    files: list[StoredFile]  # with links, sorted by name

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the index. Raises OptionError for a file that is no bundle, or one that is damaged."""
        try:
            return cls._open(path)
        except OSError as error:
            raise OptionError(f"cannot read {path}: {error.strerror}", "name a bundle") from error
        except (ValueError, zstd.ZstdError) as error:
            raise OptionError(
                f"{path} is no bundle: {error}", "name a file that  djbundle build  has written"
            ) from error

    @classmethod
    def _open(cls, path: Path) -> Self:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size < FOOTER_SIZE:
                raise ValueError("it is too short")
            file.seek(size - FOOTER_SIZE)
            fields = FOOTER.unpack(file.read(FOOTER.size))
            magic, version, _, start, _, index_offset, index_size, raw_size, _, file_size = fields
            if magic != MAGIC:
                raise ValueError("its end is another one")
            if version != FORMAT:
                raise ValueError(f"its format is {version}, and this djbundle reads {FORMAT}")
            if file_size != size:
                raise ValueError("it is not complete")
            file.seek(index_offset)
            index = zstd.decompress(file.read(index_size))
        if len(index) != raw_size:
            raise ValueError("its index is damaged")
        built, blocks, files = _parse(index)
        return cls(path, size, start, index_size + FOOTER_SIZE, built, blocks, files)

    @cached_property
    def by_name(self) -> dict[str, StoredFile]:
        return {each.name: each for each in self.files}

    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises KeyError if there is none of this name."""
        file = self.by_name[name]
        return self._raw(file.block)[file.offset : file.offset + file.size] if file.size else b""

    def contents(self) -> Iterator[tuple[StoredFile, memoryview]]:
        """Yield all files with their contents, block by block. Machine code is as the blocks have it, filtered."""
        by_block: dict[int, list[StoredFile]] = {}
        for file in self.files:
            if file.size:
                by_block.setdefault(file.block, []).append(file)
        for number, files in sorted(by_block.items()):
            raw = memoryview(self._raw(number))
            yield from ((file, raw[file.offset : file.offset + file.size]) for file in files)

    def _raw(self, number: int) -> bytes:
        block = self.blocks[number]
        with self.path.open("rb") as file:
            file.seek(block.offset)
            stored = file.read(block.size)
        return stored if block.coding == CODING_NONE else zstd.decompress(stored)


def _parse(index: bytes) -> tuple[int, list[StoredBlock], list[StoredFile]]:
    """Return the time of the build, the blocks and the files of an unpacked index."""
    block_count, _, entry_count, needs_count, names_size, _, built, _, _ = INDEX.unpack_from(index)
    entries_start = INDEX.size + block_count * BLOCK.size
    names_start = entries_start + entry_count * ENTRY.size + 4 * needs_count
    if names_start + names_size != len(index):
        raise ValueError("its index is damaged")
    names = index[names_start:]
    blocks = []
    for offset, _, _, size, raw_size, _, _, coding, _ in BLOCK.iter_unpack(index[INDEX.size : entries_start]):
        blocks.append(StoredBlock(offset, size, raw_size, coding))
    paths: list[PurePosixPath] = []
    files = []
    for entry in ENTRY.iter_unpack(index[entries_start : entries_start + entry_count * ENTRY.size]):
        name, length, kind, parent, _, block, offset, size = entry
        text = names[name : name + length].decode()
        paths.append(paths[parent] / text if paths else PurePosixPath())
        if kind != KIND_FOLDER:
            files.append(StoredFile(str(paths[-1]), block, offset, size, kind == KIND_LINK))
    return built, blocks, sorted(files)
