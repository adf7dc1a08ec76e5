"""Damaged and hostile bundles: the launcher and the virtual root never crash and never hang.

A bundle is trusted like any program. These tests guard against a crash without a message, after a bad copy or on a bad
disk, and against code that would be a vulnerability if it ever read an untrusted file.
"""

import itertools
import os
import random
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import nuitka
import pytest
import xxhash

from djbundle.builder.archive.pack import pack_tree
from djbundle.builder.archive.write import write_bundle
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import Tree
from djbundle.builder.native.compiler import compile_launcher, launcher_sources
from djbundle.builder.native.contract_header import write_contract_header
from djbundle.common import zstd
from tests.conftest import REPOSITORY
from tests.support.machines import NAMES, Bench, bench_of

LAUNCHER, VFS = REPOSITORY / "djbundle" / "launcher", REPOSITORY / "djbundle" / "vfs"
ZSTD = Path(nuitka.__file__).parent / "build" / "inline_copy" / "zstd"
SANITIZERS = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
FOOTER = struct.Struct("<8sII7Q")
COUNTS = struct.Struct("<6I3Q")
INTERESTING = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    255,
    4095,
    4096,
    4097,
    1 << 16,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    (1 << 64) - 1,
)


@pytest.fixture(scope="module", params=NAMES)
def bench(request: pytest.FixtureRequest) -> Bench:
    return bench_of(request.param)


@pytest.fixture(scope="module")
def workshop(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(f"damage-{bench.machine.name}")


@pytest.fixture(scope="module")
def victim(bench: Bench, workshop: Path) -> Path:
    """Compile launcher and virtual root into one program, with sanitizers where they work; see victim.c."""
    sanitizers = ["-g", "-O1"] if bench.is_emulated else SANITIZERS
    sources_of_launcher = launcher_sources(bench.machine)
    launcher = [path for path in sources_of_launcher if path.name not in ("freestanding.c", "launcher.c")]
    vfs = [path for path in sorted(VFS.glob("*.c")) if path.name != "start.c"]
    sources = [Path(__file__).with_name("victim.c"), *launcher, *vfs]
    write_contract_header(workshop, bench.machine)
    folders: list[str | Path] = ["-isystem", ZSTD, "-isystem", ZSTD / "common", "-I", LAUNCHER, "-I", workshop]

    def compile_one(source: Path) -> Path:
        compiled = workshop / f"{source.parent.name}-{source.stem}.o"
        bench.compile("-std=gnu11", *sanitizers, *folders, "-c", source, "-o", compiled)
        return compiled

    with ThreadPoolExecutor() as pool:
        objects = list(pool.map(compile_one, sources))
    program = workshop / "victim"
    bench.link(*sanitizers, *objects, "-o", program)
    return program


@pytest.fixture(scope="module")
def nothing(bench: Bench, workshop: Path) -> Path:
    return bench.compile_nothing(workshop)


def packed(tree: Tree, launcher: Path, workshop: Path, name: str) -> Path:
    start = [name for name in ("first.pyc", "_main", "library.so") if name in tree]
    archive = pack_tree(tree, start, Cache(workshop / "cache"), lambda _: None)
    write_bundle(workshop / name, launcher, archive, built=1_700_000_000)
    return workshop / name


@pytest.fixture(scope="module")
def bundle(bench: Bench, workshop: Path, nothing: Path) -> Path:
    """Pack a bundle of few bytes that has every part that a bundle can have, except a launcher."""
    tree = Tree(workshop / "tree", bench.machine)
    for name in ("_main", bench.machine.loader):
        tree.add(name, nothing, "python")
    tree.add("library.so", nothing, "libraries")
    for name in ("first.pyc", "folder/second.txt", "folder/inner/third", "folder/empty"):
        tree.add_text(name, name * (3 if name != "folder/empty" else 0), "project")
    text, frame = workshop / "style.css", workshop / "style.css.zstd"
    text.write_text("a { color: red }" * 9)
    frame.write_bytes(zstd.compress(text.read_bytes(), 3))
    tree.add("style.css", text, "static")
    tree.add("style.css.zstd", frame, "static")
    tree.frames["style.css"] = "style.css.zstd"
    tree.links |= {"folder/up": "..", "absolute": "/djb/folder", "round": "round", "out": "/proc/self/cmdline"}
    tree.needs["_main"] = ("library.so",)
    launcher = workshop / "no-launcher"
    launcher.write_bytes(b"\x7fELF launcher")
    return packed(tree, launcher, workshop, "bundle")


@dataclass(frozen=True)
class Parts:
    """A bundle taken apart. It can be put together with right checksums, whatever it contains."""

    launcher: bytes
    blocks: bytes
    index: bytes  # not compressed
    numbers: tuple[int, ...]  # of the footer

    @classmethod
    def of(cls, path: Path) -> Self:
        content = path.read_bytes()
        _, _, _, *numbers = FOOTER.unpack_from(content, len(content) - FOOTER.size - 40)
        start, _, offset, size, *_ = numbers
        index = zstd.decompress(content[offset : offset + size])
        return cls(content[:start], content[start:offset], index, tuple(numbers))

    def whole(self, changes: dict[int, int] | None = None) -> bytes:
        """Return the file. `changes` maps positions in the footer to wrong numbers."""
        index = zstd.compress(self.index, 3)
        size = len(self.launcher) + len(self.blocks) + len(index) + FOOTER.size + 40
        offset = len(self.launcher) + len(self.blocks)
        numbers = [len(self.launcher), xxhash.xxh64_intdigest(self.launcher), offset, len(index), len(self.index)]
        numbers += [xxhash.xxh64_intdigest(index), size]
        for position, value in (changes or {}).items():
            numbers[position] = value
        footer = FOOTER.pack(b"djbundle", 2, 0, *numbers) + bytes(32)
        return self.launcher + self.blocks + index + footer + xxhash.xxh64_intdigest(footer).to_bytes(8, "little")

    def with_good_blocks(self, blocks: bytes) -> "Parts":
        """Return the parts with other blocks, and with the hashes of these in the index."""
        index = bytearray(self.index)
        for number in range(COUNTS.unpack_from(index)[0]):
            at = COUNTS.size + 48 * number
            offset, _, _, size = struct.unpack_from("<3QI", index, at)
            begin = offset - len(self.launcher)
            struct.pack_into("<Q", index, at + 8, xxhash.xxh64_intdigest(blocks[begin : begin + size]))
        return replace(self, blocks=blocks, index=bytes(index))


def survives(bench: Bench, victim: Path, *arguments: object) -> None:
    command = [*bench.runner, str(victim), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, f"{result.stdout[-2000:]}\n{result.stderr[-8000:]}"


def written(folder: Path, contents: Iterator[bytes]) -> list[Path]:
    folder.mkdir()
    paths = []
    for number, content in enumerate(contents):
        paths.append(folder / str(number))
        paths[-1].write_bytes(content)
    return paths


def test_whole_bundle_works(bench: Bench, victim: Path, bundle: Path, tmp_path: Path) -> None:
    """Without this, the tests below would prove nothing."""
    for how in (["look"], ["unpack", tmp_path / "tree"]):
        survives(bench, victim, *how, bundle)
    [tree] = (tmp_path / "tree").iterdir()
    assert (tree / "folder" / "second.txt").read_text() == "folder/second.txt" * 3


def test_every_flipped_byte_is_noticed(bench: Bench, victim: Path, bundle: Path) -> None:
    survives(bench, victim, "flip", bundle)


def test_truncated_anywhere(bench: Bench, victim: Path, bundle: Path, tmp_path: Path) -> None:
    whole = bundle.read_bytes()
    cut = (whole[:length] for length in random.Random(4).sample(range(len(whole)), 200))
    survives(bench, victim, "look", *written(tmp_path / "cut", cut))


def fields(index: bytes) -> Iterator[tuple[int, int]]:
    """Yield position and size of every number in an index."""
    blocks, _, entries, needs, *_ = COUNTS.unpack_from(index)
    at = 0
    for layout in ["IIIIIIQQQ", *["QQQIIIIII"] * blocks, *["IHHIIIII"] * entries, "I" * needs]:
        for kind in layout:
            size = struct.calcsize(kind)
            yield at, size
            at += size


def with_number(index: bytes, at: int, size: int, number: int) -> bytes:
    return index[:at] + (number % (1 << 8 * size)).to_bytes(size, "little") + index[at + size :]


def hostile(bundle: Path) -> Iterator[bytes]:
    """Yield bundles whose checksums are right and whose numbers are wrong."""
    parts, chance = Parts.of(bundle), random.Random(4)
    places = list(fields(parts.index))
    for at, size in places:
        old = int.from_bytes(parts.index[at : at + size], "little")
        for number in {*(each % (1 << 8 * size) for each in INTERESTING), old + 1, old - 1, old * 2} - {old}:
            yield replace(parts, index=with_number(parts.index, at, size, number)).whole()
    for _ in range(300):
        index = parts.index
        for at, size in chance.sample(places, 4):
            index = with_number(index, at, size, chance.choice((*INTERESTING, chance.getrandbits(8 * size))))
        yield replace(parts, index=index).whole()
        yield replace(parts, index=parts.index[: chance.randrange(len(parts.index))]).whole()
        yield parts.whole({chance.choice((0, 2, 3, 4)): chance.choice((*INTERESTING, chance.getrandbits(40)))})
        blocks = bytearray(parts.blocks)
        for _ in range(chance.randint(1, 6)):
            blocks[chance.randrange(len(blocks))] = chance.getrandbits(8)
        yield parts.with_good_blocks(bytes(blocks)).whole()


def test_hostile(bench: Bench, victim: Path, bundle: Path, tmp_path: Path) -> None:
    files = written(tmp_path / "hostile", itertools.islice(hostile(bundle), 0, None, bench.sample(1)))
    survives(bench, victim, "look", *files)
    survives(bench, victim, "unpack", tmp_path / "trees", *files[::3])


@pytest.fixture(scope="module")
def launcher(bench: Bench, workshop: Path) -> Path:
    return compile_launcher(bench.machine, Cache(workshop / "cache"))


def run(bench: Bench, program: Path, seconds: float = 20) -> subprocess.CompletedProcess[str]:
    cache = str(program.parent / "unpacked")  # for bundles that cannot run from memory
    return subprocess.run(
        [*bench.runner, program],
        env={"PATH": os.defpath, "XDG_CACHE_HOME": cache},
        capture_output=True,
        text=True,
        errors="replace",  # a flipped byte may be one of the message
        timeout=seconds,
        check=False,
    )


@pytest.mark.parametrize("lacking", ["no program", "no loader", "a program", "a loader"])
def test_bundle_that_lacks_something(bench: Bench, workshop: Path, launcher: Path, nothing: Path, lacking: str) -> None:
    """Checksums and index are right, but the bundle has nothing that can be started."""
    tree = Tree(workshop / "lacking", bench.machine)
    for name, instead in (("_main", "a program"), (bench.machine.loader, "a loader")):
        if lacking == instead:
            tree.add_text(name, "not a program", "python")
        elif lacking != instead.replace("a ", "no "):
            tree.add(name, nothing, "python")
    result = run(bench, packed(tree, launcher, workshop, "lacking-bundle"))
    assert result.returncode == 65, result.stderr
    assert result.stderr.splitlines()[0] == "error: there is no program in this bundle"


def test_flipped_bytes_of_the_launcher(bench: Bench, workshop: Path, launcher: Path, nothing: Path) -> None:
    """The launcher checks itself, and nothing else of a damaged bundle runs.

    Only the few hundred bytes that run before the check can fail without a message, by a signal of the kernel.
    """
    tree = Tree(workshop / "real", bench.machine)
    for name in ("_main", bench.machine.loader):
        tree.add(name, nothing, "python")
    real = packed(tree, launcher, workshop, "real-bundle")
    assert run(bench, real).returncode == 0
    content, altered = bytearray(real.read_bytes()), workshop / "altered"
    refusals = starts = 0
    for at in range(0, launcher.stat().st_size, 199):
        content[at] ^= 1 << (at % 8)
        altered.unlink(missing_ok=True)
        altered.write_bytes(content)
        altered.chmod(0o755)
        content[at] ^= 1 << (at % 8)
        starts += 1
        try:
            code = run(bench, altered, seconds=5).returncode
        except (OSError, subprocess.TimeoutExpired):  # OSError: the kernel itself detects that it is not a program
            continue
        assert code != 0, f"byte {at}"
        refusals += code in (60, 61)
    assert refusals > 0.95 * starts
