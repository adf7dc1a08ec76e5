"""The blocks of an archive: compress them in threads, and keep the results in the cache.

A block is known by the digests of what is in it. Files whose block is in the cache are not even read.
"""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import xxhash

from djbundle.builder.core.cache import Cache, hash_of
from djbundle.builder.core.tree import Part
from djbundle.builder.machines.machine import Machine
from djbundle.builder.native.branches import replace_distances
from djbundle.common import zstd
from djbundle.errors import ChangedFileError

KIND = "blocks"  # of cache entries
LEVEL = 18  # 19 gains 0.2 % and takes a third longer, 22 gains 1 % and takes four times as long
# These levels search less than zstd's level 18 does. zstd's own levels below it gain less and cost more. Blocks that no
# start reads are 1 % larger in three quarters of the time. In a large tree, what a start reads is 2 % larger in half of
# that time, and other large files are 3 % larger in less than a third. Its small files are bytecode and text. lazy2
# compresses them nearly as well in a seventh, if it finds the like of a file anywhere in a large block.
REST_LEVEL, LARGE_START_LEVEL, LARGE_LEVEL, LARGE_SMALL_FILES_LEVEL = 17, 14, 13, 12
STRATEGIES = {LARGE_SMALL_FILES_LEVEL: "lazy2"}
PARAMETERS = {
    REST_LEVEL: {"search_log": 4, "target_length": 128},
    LARGE_START_LEVEL: {"search_log": 4, "target_length": 64, "chain_log": 20, "hash_log": 20},
    LARGE_LEVEL: {"search_log": 3, "target_length": 32, "chain_log": 17, "hash_log": 18},
    LARGE_SMALL_FILES_LEVEL: {"search_log": 6, "min_match": 4, "hash_log": 23, "window_log": 24},
}
DRAFT_LEVEL = 1
INCOMPRESSIBLE = 0.98  # of the size; more search would gain nothing


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
class Content:
    """One file or link of a block. `source` is a file, or the bytes themselves."""

    digest: str  # SHA-256, in hexadecimal
    size: int
    source: Path | bytes

    def read(self) -> bytes:
        """Return the bytes. Raise ChangedFileError if they are not those of the digest."""
        data = self.source if isinstance(self.source, bytes) else self.source.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.digest:
            raise ChangedFileError(f"{self.source!s} has changed while it was packed", "build again")
        return data


@dataclass(slots=True)
class RawBlock:
    """A block that is not compressed yet."""

    part: Part
    machine: Machine
    contents: list[Content] = field(default_factory=list)
    size: int = 0
    is_shared: bool = True
    code: tuple[int, int] = (0, 0)
    level: int = LEVEL
    frame: Path | None = None  # the compressed content, if there is one
    is_frame: bool = False

    def add(self, content: Content) -> None:
        self.contents.append(content)
        self.size += content.size

    def read(self) -> bytes:
        return b"".join(content.read() for content in self.contents)


def _filter(data: bytes, machine: Machine, offset: int, size: int) -> bytes:
    end = offset + size
    return data[:offset] + replace_distances(data[offset:end], machine) + data[end:] if size else data


def compress(data: bytes, level: int = LEVEL) -> bytes:
    """Return the data as one zstd frame."""
    if level not in PARAMETERS:
        return zstd.compress(data, level)
    quick = zstd.compress(data, DRAFT_LEVEL)
    if len(quick) > INCOMPRESSIBLE * len(data):
        return quick
    return zstd.compress_with(data, LEVEL, STRATEGIES.get(level, "btopt"), **PARAMETERS[level])


def _key(raw: RawBlock) -> str:
    level = f"{raw.level} {STRATEGIES.get(raw.level, '')} {PARAMETERS.get(raw.level, '')}"
    filter_used = f"{raw.machine.name} {raw.machine.filter_version}" if raw.code[1] else ""
    method = f"{zstd.VERSION} level {level} code {raw.code} filter {filter_used}"
    return hash_of(method, *(f"{content.digest} {content.size}" for content in raw.contents))


def is_cached(raw: RawBlock, cache: Cache) -> bool:
    """Return whether the block need not be compressed: it is in the cache, or a frame that the tree has."""
    return bool(raw.frame) or cache.path_of(KIND, _key(raw)).exists()


def _compressed(raw: RawBlock, cache: Cache) -> Path:
    """Return the file with the compressed block."""
    return raw.frame or cache.get_or_create_bytes(
        KIND, _key(raw), lambda: compress(_filter(raw.read(), raw.machine, *raw.code), raw.level)
    )


def compress_blocks(raw_blocks: list[RawBlock], cache: Cache, progress: Callable[[float], None]) -> list[Block]:
    """Compress the blocks, the largest ones first. Take those that the cache has from there."""

    def compress_block(raw: RawBlock) -> Block:
        path = _compressed(raw, cache)
        stored = path.read_bytes()
        return Block(
            part=raw.part,
            path=path,
            hash=xxhash.xxh64_intdigest(stored),
            size=len(stored),
            raw_size=raw.size,
            is_shared=raw.is_shared,
            code=raw.code,
            is_frame=raw.is_frame,
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        largest_first = sorted(range(len(raw_blocks)), key=lambda number: -raw_blocks[number].size)
        running = {number: pool.submit(compress_block, raw_blocks[number]) for number in largest_first}
        try:
            for count, each in enumerate(as_completed(running.values()), 1):
                each.result()
                progress(count / len(raw_blocks))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [running[number].result() for number in range(len(raw_blocks))]
