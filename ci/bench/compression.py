"""Compresses a sample of a large environment as a large bundle is, and by zstd's level 19 in blocks of 4 MB.

The files of a folder such as site-packages are put into blocks, and some of these are taken at random. Both sides run
in one thread, and are measured in seconds of CPU.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from djbundle.builder.archive import blocks, pack
from djbundle.builder.archive.blocks import RawBlock
from djbundle.builder.core.digests import Digests
from djbundle.builder.core.tree import Tree
from djbundle.common import zstd

MEGABYTE = 1_000_000
BEFORE_LEVEL, BEFORE_SIZE = 19, 4 << 20
LEFT_OUT = {".py", ".po", ".pyi", ".c", ".h"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="ci/bench/run compression", description=__doc__)
    parser.add_argument("folder", type=Path, help="site-packages of an environment with bytecode")
    parser.add_argument("--share", type=float, default=5, help="per cent of the blocks that are compressed [5]")
    parser.add_argument("--seed", type=int, default=1, help="of the choice [1]")
    options = parser.parse_args()
    random.seed(options.seed)
    print(f"{'':24}{'of':>8}{'compressed':>12}{'level 19':>12}{'larger':>9}{'times as fast':>15}")
    with tempfile.TemporaryDirectory(prefix="djbundle-bench-") as work:
        planned = plan(options.folder, Path(work))
        chosen = random.sample(planned, max(1, int(len(planned) * options.share / 100)))
        for name, part in (
            ("machine code", [each for each in chosen if each.code[1]]),
            ("other large files", [each for each in chosen if not (each.is_shared or each.code[1])]),
            ("small files", [each for each in chosen if each.is_shared]),
            ("all", chosen),
        ):
            compare(name, part)


def plan(folder: Path, work: Path) -> list[RawBlock]:
    """Return the blocks of all files but sources. The start of a site reads none of them."""
    tree = Tree(work)
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in LEFT_OUT:
            tree.add(path.relative_to(folder).as_posix().replace("__pycache__/", ""), path, "packages")
    return pack.plan_blocks(tree, (), Digests(work)).blocks


def compare(name: str, chosen: Iterable[RawBlock]) -> None:
    """Compress the blocks in both ways, and print a line."""
    filtered = [(each, blocks._filter(each.read(), each.machine, *each.code)) for each in chosen]
    if not filtered:
        return
    raw = sum(each.size for each, _ in filtered)
    new, seconds = measure(lambda: sum(len(blocks.compress(data, each.level)) for each, data in filtered))
    old, before = measure(lambda: sum(before_size(each) for each, _ in filtered))
    sizes = f"{raw / MEGABYTE:>5.0f} MB{new / MEGABYTE:>9.1f} MB{old / MEGABYTE:>9.1f} MB"
    print(f"{name:24}{sizes}{100 * (new / old - 1):>+7.1f} %{before / seconds:>15.2f}", flush=True)


def before_size(block: RawBlock) -> int:
    data, size = block.read(), BEFORE_SIZE if block.is_shared else block.size
    return sum(len(zstd.compress(data[at : at + size], BEFORE_LEVEL)) for at in range(0, len(data), size))


def measure(run: Callable[[], int]) -> tuple[int, float]:
    """Return the result, and the seconds of CPU."""
    begin = time.thread_time()
    return run(), time.thread_time() - begin


if __name__ == "__main__":
    main()
