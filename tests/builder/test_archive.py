"""The archive: every file can be restored from its blocks, by the index alone."""

import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import xxhash

from djbundle.builder.archive import blocks
from djbundle.builder.archive import pack as packing
from djbundle.builder.archive.index import Archive
from djbundle.builder.archive.pack import LARGE_FILE, pack_tree
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.digests import Digests
from djbundle.builder.core.tree import File, Tree
from djbundle.builder.machines import this_machine
from djbundle.common import zstd
from djbundle.contract.file_format import (
    CODING_ZSTD,
    KIND_EXECUTABLE,
    KIND_FILE,
    KIND_FOLDER,
    KIND_LINK,
    NOT_KEPT,
)
from djbundle.errors import ChangedFileError

BUILT = 1_700_000_000
PAGE = this_machine().largest_page


class Entry(NamedTuple):
    """An entry, as a reader of the format sees it."""

    kind: int
    content: bytes
    needs: list[str]


class Reader:
    """Reads the format of launcher/archive/format.h without any of the writer's code."""

    def __init__(self, archive: Archive) -> None:
        stored = b"".join(block.path.read_bytes() for block in archive.blocks if not block.is_frame)
        raw = archive.index(0, BUILT)
        counts = struct.unpack_from("<6I3Q", raw)
        self.blocks_count, self.start_blocks, entries, needs, names, self.start_files_at, self.built, *self.rooms = (
            counts
        )
        at = struct.calcsize("<6I3Q")
        self.blocks = [struct.unpack_from("<3Q6I", raw, at + 48 * number) for number in range(self.blocks_count)]
        at += 48 * self.blocks_count
        self.entries = [struct.unpack_from("<I2H5I", raw, at + 28 * number) for number in range(entries)]
        at += 28 * entries
        self.needs = struct.unpack_from(f"<{needs}I", raw, at)
        self.names = raw[at + 4 * needs :]
        assert len(self.names) == names
        self.raw = [self._unpack(stored, *block) for block in self.blocks]

    def _unpack(
        self, stored: bytes, offset: int, hashed: int, _kept: int, size: int, raw_size: int, *rest: int
    ) -> bytes:
        frame = stored[offset : offset + size]
        assert xxhash.xxh64_intdigest(frame) == hashed
        raw = zstd.decompress(frame) if rest[2] == CODING_ZSTD else frame
        assert len(raw) == raw_size
        return raw

    def path(self, number: int) -> str:
        name, length, _, parent, *_ = self.entries[number]
        text = self.names[name : name + length].decode()
        return text if parent == 0 else f"{self.path(parent)}/{text}"

    def list_at(self, position: int) -> list[str]:
        count = self.needs[position]
        return [self.path(number) for number in self.needs[position + 1 : position + 1 + count]]

    def read_entries(self) -> dict[str, Entry]:
        result = {}
        for number, (_, _, kind, _, needs, block, offset, size) in enumerate(self.entries):
            content = b"" if kind == KIND_FOLDER else self.raw[block][offset : offset + size]
            result[self.path(number)] = Entry(kind, content, self.list_at(needs))
        return result


def make_tree(tmp_path: Path, files: dict[str, bytes]) -> Tree:
    tree = Tree(tmp_path / "work")
    for number, (name, content) in enumerate(files.items()):
        source = tmp_path / f"source-{number}"
        source.write_bytes(content)
        source.chmod(0o755 if name.endswith("run") else 0o644)
        tree.add(name, source, "project" if number % 2 else "packages")
    return tree


def pack(tmp_path: Path, tree: Tree, start: tuple[str, ...] = ()) -> Archive:
    return pack_tree(tree, start, Cache(tmp_path / "cache"), lambda _: None)


def test_round_trip(tmp_path: Path) -> None:
    files = {
        "a/b/c.txt": b"hello",
        "a/empty": b"",
        "a/same.txt": b"hello",
        "big.bin": bytes(range(256)) * (LARGE_FILE // 256 + 1),
        "bin/run": b"\x7fELF",
        "straße/ü.txt": b"umlauts",
    }
    progress: list[float] = []
    tree = make_tree(tmp_path, files)
    tree.links["a/link"] = "b/c.txt"
    tree.needs["bin/run"] = ("a/same.txt", "big.bin")
    entries = Reader(pack_tree(tree, (), Cache(tmp_path / "cache"), progress.append)).read_entries()
    contents = {name: entry.content for name, entry in entries.items() if entry.kind in (KIND_FILE, KIND_EXECUTABLE)}
    assert contents == files
    assert [name for name, entry in entries.items() if entry.kind == KIND_FOLDER] == ["", "a", "bin", "straße", "a/b"]
    assert entries["bin/run"] == Entry(KIND_EXECUTABLE, b"\x7fELF", ["a/same.txt", "big.bin"])
    assert entries["a/link"] == Entry(KIND_LINK, b"b/c.txt", [])
    assert progress[-1] == 1.0
    assert progress == sorted(progress)


def test_children_stand_side_by_side_sorted_by_bytes(tmp_path: Path) -> None:
    names = ["z", "é", "a-b", "a/x", "a/Y", "a/b/c", "a.txt"]
    reader = Reader(pack(tmp_path, make_tree(tmp_path, dict.fromkeys(names, b"x"))))
    for number, (_, _, kind, _, _, first, _, count) in enumerate(reader.entries):
        if kind == KIND_FOLDER:
            children = [reader.path(child).rpartition("/")[2].encode() for child in range(first, first + count)]
            assert children == sorted(children)
            assert first > number
    assert {path for path in reader.read_entries() if path} >= set(names)


def test_start_lies_first_in_its_order(tmp_path: Path) -> None:
    files = {f"m{number}.pyc": bytes([number]) * 1000 for number in range(9)} | {"lib.so": b"l" * LARGE_FILE}
    start = ("m7.pyc", "lib.so", "m2.pyc", "m4.pyc")
    reader = Reader(pack(tmp_path, make_tree(tmp_path, files), start))
    # Files with an even number are packages, which come before the project.
    assert reader.start_blocks == 2
    assert reader.raw[0] == files["m2.pyc"] + files["m4.pyc"]
    assert reader.raw[1] == files["m7.pyc"]
    assert reader.list_at(reader.start_files_at) == ["lib.so"]


def test_large_files_have_blocks_of_their_own(tmp_path: Path) -> None:
    files = {"large": b"x" * LARGE_FILE, "small": b"y", "other": b"z" * 5000}
    reader = Reader(pack(tmp_path, make_tree(tmp_path, files)))
    kept = {block[2] for block, raw in zip(reader.blocks, reader.raw, strict=True) if raw != files["large"]}
    assert NOT_KEPT not in kept
    assert all(offset % PAGE == 0 for offset in kept)
    assert [block[2] for block, raw in zip(reader.blocks, reader.raw, strict=True) if raw == files["large"]] == [
        NOT_KEPT
    ]
    assert reader.rooms == [0, 3 * PAGE]


def test_zstd_copy_takes_no_room(tmp_path: Path) -> None:
    text = b"body { color: green }" * 100
    tree = make_tree(tmp_path, {"a.css": text, "a.css.zstd": zstd.compress(text, 3), "b.css": text})
    without = pack(tmp_path, make_tree(tmp_path, {"a.css": text}))
    tree.frames["a.css"] = "a.css.zstd"
    archive = pack(tmp_path, tree)
    entries = Reader(archive).read_entries()
    assert entries["a.css"].content == entries["b.css"].content == text
    assert zstd.decompress(entries["a.css.zstd"].content) == text
    assert sum(size for _, size in archive.sizes().values()) <= sum(size for _, size in without.sizes().values()) + 20


def test_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    files = {f"f{number}": b"x" * number for number in range(50)}
    archives = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        archives.append(pack(tmp_path / run, make_tree(tmp_path / run, files)))
    assert archives[0].index(0, BUILT) == archives[1].index(0, BUILT)
    assert [block.path.read_bytes() for block in archives[0].blocks] == [
        block.path.read_bytes() for block in archives[1].blocks
    ]


def test_first_to_take_a_name_keeps_it(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, {"a": b"first"})
    (tmp_path / "other").write_bytes(b"second")
    tree.add("a", tmp_path / "other", "packages")
    assert [file.source.read_bytes() for file in tree] == [b"first"]
    tree.replace(File("a", tmp_path, "packages", executable=False), tmp_path / "other")
    assert [file.source.read_bytes() for file in tree] == [b"second"]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "SCALE", replace(packing.SCALE, smallest=2000, more=2000, largest=8000))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("change", ["another content", "a new file", "a file less"])
def test_a_change_leaves_the_blocks_of_its_neighbours(tmp_path: Path, change: str) -> None:
    """Blocks have 4 KB on average. What comes after the change is packed as before, but for the nearest blocks."""
    numbers = range(400)  # every second one is of the same part
    files = {f"{number:03}.pyc": f"{number} ".encode() * 150 for number in numbers}
    before = pack(tmp_path, make_tree(tmp_path, files))
    changed = dict(files)
    if change == "another content":
        changed["100.pyc"] = b"another" * 100
    elif change == "a new file":
        changed |= {"400.pyc": b"", "100b.pyc": b"new" * 300}  # two, so each part keeps its files
        changed = dict(sorted(changed.items(), key=lambda item: (len(item[0]) > 7 or item[0] == "400.pyc", item[0])))
    else:
        changed["100.pyc"] = b""
    after = pack(tmp_path, make_tree(tmp_path, changed))
    kept = {block.path for block in before.blocks}
    new = [block for block in after.blocks if block.path not in kept]
    assert len(before.blocks) > 40
    assert 1 <= len(new) <= 4
    assert all(block.raw_size <= 8000 for block in after.blocks)


def test_files_of_blocks_in_the_cache_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = make_tree(tmp_path, {"a": b"a" * 100, "b": b"b" * LARGE_FILE})
    cache = Cache(tmp_path / "cache")
    first = pack_tree(tree, (), cache, lambda _: None)
    monkeypatch.setattr(blocks.Content, "read", lambda _: pytest.fail("a file was read"))
    second = pack_tree(tree, (), cache, lambda _: None)
    assert [block.path for block in second.blocks] == [block.path for block in first.blocks]


def test_another_content_is_compressed_again(tmp_path: Path) -> None:
    tree, cache = make_tree(tmp_path, {"a": b"a" * 100}), Cache(tmp_path / "cache")
    pack_tree(tree, (), cache, lambda _: None)
    tree["a"].source.write_bytes(b"b" * 100)
    assert Reader(pack_tree(tree, (), cache, lambda _: None)).read_entries()["a"].content == b"b" * 100


def test_file_that_changes_while_it_is_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its digest is that of the old content, so the block would have a wrong key."""
    tree = make_tree(tmp_path, {"a": b"a" * 100})
    digest = Digests.with_size

    def change(self: Digests, path: Path) -> tuple[str, int]:
        result = digest(self, path)
        path.write_bytes(b"b" * 100)
        return result

    monkeypatch.setattr(Digests, "with_size", change)
    with pytest.raises(ChangedFileError, match="has changed"):
        pack(tmp_path, tree)
    assert not list((tmp_path / "cache").glob("blocks/*/*"))


def test_a_start_is_compressed_most(tmp_path: Path) -> None:
    names = [f"m{number}" for number in range(4)]
    tree = make_tree(tmp_path, {name: name.encode() * 100 for name in names})
    packer = packing.plan_blocks(tree, names[:2], Digests(tmp_path))
    levels = [block.level for block in packer.shared]
    assert set(levels[: packer.start_blocks]) == {blocks.LEVEL}
    assert set(levels[packer.start_blocks :]) == {blocks.REST_LEVEL}


def test_a_large_tree_has_larger_blocks_with_less_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = replace(packing.LARGE_SCALE, smallest=8000, more=8000, largest=32000)
    monkeypatch.setattr(packing, "SCALE", replace(packing.SCALE, smallest=2000, more=2000, largest=8000))
    monkeypatch.setattr(packing, "LARGE_SCALE", large)
    files = {f"{number:03}.pyc": f"{number} ".encode() * 150 for number in range(400)} | {"big": b"0" * LARGE_FILE}
    tree = make_tree(tmp_path, files)
    small = pack(tmp_path, tree, ("000.pyc",))
    monkeypatch.setattr(packing, "LARGE_TREE", 1000)
    archive = pack(tmp_path, tree, ("000.pyc",))
    assert 3 * len(archive.blocks) < len(small.blocks)
    packer = packing.plan_blocks(tree, ("000.pyc",), Digests(tmp_path))
    assert [block.level for block in packer.shared][:2] == [blocks.LARGE_START_LEVEL, blocks.LARGE_SMALL_FILES_LEVEL]
    assert [block.level for block in packer.own] == [blocks.LARGE_LEVEL]
    entries = Reader(archive).read_entries()
    assert {name: entries[name].content for name in files} == files


def test_what_cannot_be_compressed_is_not_searched_for_long() -> None:
    data = os.urandom(100_000)
    quick = blocks.compress(data, blocks.DRAFT_LEVEL)
    assert [blocks.compress(data, level) for level in blocks.PARAMETERS] == [quick] * len(blocks.PARAMETERS)
    text = b"".join(b"%d, " % number for number in range(20_000))
    assert all(len(blocks.compress(text, level)) < len(text) / 3 for level in blocks.PARAMETERS)
