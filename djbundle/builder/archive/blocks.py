"""The blocks of an archive: compress them in threads, and keep the results in the cache."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import xxhash
import zstandard

from djbundle.builder.core.cache import Cache, hash_of
from djbundle.builder.core.tree import Part
from djbundle.builder.native.branches import FILTER_VERSION, replace_distances

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


@dataclass(slots=True)
class RawBlock:
    """A block that is not compressed yet."""

    part: Part
    data: bytearray = field(default_factory=bytearray)
    is_shared: bool = True
    code: tuple[int, int] = (0, 0)
    level: int = LEVEL
    frame: bytes | None = None  # the compressed content, if there is one
    is_frame: bool = False


def _filter(data: bytes, offset: int, size: int) -> bytes:
    end = offset + size
    return data[:offset] + replace_distances(data[offset:end]) + data[end:] if size else data


def compress(data: bytes, level: int = LEVEL) -> bytes:
    """Return the data as one zstd frame."""
    return zstandard.ZstdCompressor(level=level).compress(data)


def compress_blocks(raw_blocks: list[RawBlock], cache: Cache, progress: Callable[[float], None]) -> list[Block]:
    """Compress the blocks, the largest ones first. Take those that the cache has from there."""

    def compress_block(raw: RawBlock) -> Block:
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
