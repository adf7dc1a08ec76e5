"""Size of blocks, a dictionary, the program raw or compressed: file, start and memory of each choice."""

import argparse
import os
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import zstandard

from ci.bench.measure import Side, take_turns
from ci.bench.peer import REPOSITORY
from djbundle.builder import pipeline
from djbundle.builder.archive import blocks as archive_blocks
from djbundle.builder.archive import pack
from djbundle.builder.core.cache import hash_of
from djbundle.builder.core.console import Console
from djbundle.builder.machines import this_machine
from djbundle.builder.options import BuildOptions
from tests.support.site import bare_environment

KIB, MEGABYTE = 1 << 10, 1_000_000
PSS = "print(next(line.split()[1] for line in open('/proc/self/smaps_rollup') if line.startswith('Pss:')))"
PAGE, INTERPRETER = 4096, f"/{this_machine().loader}\0".encode()  # only a program names it, in its first page
DICTIONARY_SIZE = 110 * KIB  # zstd's own default


@dataclass
class Choice:
    """One layout of the archive."""

    name: str
    largest: int = pack.SCALE.start
    first: int = pack.FIRST_BLOCK_SIZE
    raw_program: bool = False


CHOICES = [
    Choice("as built: 128 KiB doubling to 4 MiB"),
    *(Choice(f"all of {size} KiB", size * KIB, size * KIB) for size in (64, 256, 1024, 4096, 16384)),
    Choice("as built, program not compressed", raw_program=True),
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run blocks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="starts of each choice [15]")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as folder:
        work = Path(folder)
        environment = bare_environment(HOME=folder)
        bundles = {choice.name: build(choice, work / str(number)) for number, choice in enumerate(CHOICES)}
        sides = [Side(name, [bundle, "check"], work, environment) for name, (bundle, _) in bundles.items()]
        take_turns(sides, rounds)
        print(f"{'':36}{'file':>9}{'check':>9}{'memory':>9}{'a dictionary saves':>20}")
        for side in sides:
            bundle, blocks = bundles[side.name]
            result = subprocess.run(
                [bundle, "shell", "-v0", "-c", PSS], env=environment, check=True, capture_output=True
            )
            size, memory = bundle.stat().st_size / MEGABYTE, int(result.stdout) / 1000
            numbers = f"{size:>6.1f} MB{1000 * side.median:>6.0f} ms{memory:>6.0f} MB"
            print(f"{side.name:36}{numbers}{saved_by_dictionary(blocks) / MEGABYTE:>17.2f} MB")


def build(choice: Choice, folder: Path) -> tuple[Path, list[bytes]]:
    """Build the shop with this layout. Return it and its raw blocks that hold several files."""
    options = BuildOptions(project=REPOSITORY / "sample_shop", output=folder / "shop")
    raw: list[bytes] = []
    compress, compress_blocks = archive_blocks.compress, archive_blocks.compress_blocks

    def remember(blocks: list[Any], *rest: Any) -> Any:
        raw.extend(block.read() for block in blocks if block.is_shared)
        return compress_blocks(blocks, *rest)

    def compress_or_store(data: bytes, level: int) -> bytes:
        return store(data) if choice.raw_program and INTERPRETER in data[:PAGE] else compress(data, level)

    half = choice.largest // 2
    scale = replace(pack.SCALE, start=choice.largest, smallest=half, more=half, largest=choice.largest + half)
    with (
        mock.patch.object(pack, "SCALE", scale),
        mock.patch.object(pack, "FIRST_BLOCK_SIZE", choice.first),
        mock.patch.object(archive_blocks, "hash_of", lambda *parts: hash_of(choice.name, *parts)),  # the cache's key
        mock.patch.object(archive_blocks, "compress", compress_or_store),
        mock.patch.object(pack, "compress_blocks", remember),
    ):
        pipeline.build(options, Console(quiet=True))
    return folder / "shop", raw


def store(data: bytes) -> bytes:
    """Return a zstd frame that holds the bytes uncompressed: RFC 8878, section 3.1.1."""
    head = b"\x28\xb5\x2f\xfd" + b"\xa0" + len(data).to_bytes(4, "little")  # single segment, size in 4 bytes
    parts = [data[at : at + 128 * KIB] for at in range(0, len(data), 128 * KIB)]
    last = len(parts) - 1
    blocks = ((len(part) << 3 | (number == last)).to_bytes(3, "little") + part for number, part in enumerate(parts))
    return head + b"".join(blocks)


def saved_by_dictionary(blocks: list[bytes]) -> int:
    """Return how many bytes a dictionary saves, less its own size."""
    pieces = list[bytes | bytearray | memoryview]()
    for block in blocks:
        pieces += (block[at : at + 8 * KIB] for at in range(0, len(block), 8 * KIB))
    dictionary = zstandard.train_dictionary(DICTIONARY_SIZE, pieces)
    alone = zstandard.ZstdCompressor(level=archive_blocks.LEVEL)
    helped = zstandard.ZstdCompressor(level=archive_blocks.LEVEL, dict_data=dictionary)
    saved = sum(len(alone.compress(block)) - len(helped.compress(block)) for block in blocks)
    return saved - len(alone.compress(dictionary.as_bytes()))


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
