"""The archive: every file comes back from its blocks, by the index alone."""

import struct
from pathlib import Path

import zstandard

from djbundle.builder.archive import BLOCK_SIZE, KIND_EXECUTABLE, KIND_FILE, KIND_FOLDER, Archive, pack_tree
from djbundle.builder.cache import Cache
from djbundle.builder.tree import File, Tree


def make_tree(tmp_path: Path, files: dict[str, bytes]) -> Tree:
    tree = Tree(tmp_path / "work")
    for number, (name, content) in enumerate(files.items()):
        source = tmp_path / f"source-{number}"
        source.write_bytes(content)
        tree.add(name, source, "project" if number % 2 else "packages", executable=name.endswith("run"))
    return tree


def read_back(archive: Archive) -> dict[str, tuple[int, bytes]]:
    """What a reader of the format sees: kind and content by name."""
    compressed, raw_size = archive.index(0)
    raw = zstandard.ZstdDecompressor().decompress(compressed)
    assert len(raw) == raw_size
    block_count, entry_count, names_size, zero = struct.unpack_from("<4I", raw)
    assert zero == 0
    stored = b"".join(block.path.read_bytes() for block in archive.blocks)
    data = b""
    at = 16
    for _ in range(block_count):
        offset, size, block_raw_size = struct.unpack_from("<QII", raw, at)
        at += 16
        block = zstandard.ZstdDecompressor().decompress(stored[offset : offset + size])
        assert len(block) == block_raw_size <= BLOCK_SIZE
        data += block
    names = raw[at + 24 * entry_count :]
    assert len(names) == names_size
    found = {}
    for _ in range(entry_count):
        name_offset, length, kind, size, offset = struct.unpack_from("<IHHQQ", raw, at)
        at += 24
        found[names[name_offset : name_offset + length].decode()] = (kind, data[offset : offset + size])
    return found


def test_round_trip(tmp_path: Path) -> None:
    files = {
        "a/b/c.txt": b"hello",
        "a/empty": b"",
        "a/same.txt": b"hello",
        "big.bin": bytes(range(256)) * (BLOCK_SIZE // 256 + 1000),
        "bin/run": b"\x7fELF",
        "straße/ü.txt": b"umlauts",
    }
    progress: list[float] = []
    archive = pack_tree(make_tree(tmp_path, files), Cache(tmp_path / "cache"), progress.append)
    found = read_back(archive)
    assert {name: content for name, (kind, content) in found.items() if kind != KIND_FOLDER} == files
    assert [name for name, (kind, _) in found.items() if kind == KIND_FOLDER] == ["a", "a/b", "bin", "straße"]
    assert found["bin/run"][0] == KIND_EXECUTABLE
    assert found["a/b/c.txt"][0] == KIND_FILE
    assert progress[-1] == 1.0
    assert progress == sorted(progress)


def test_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    files = {f"f{number}": b"x" * number for number in range(50)}
    archives = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        archives.append(pack_tree(make_tree(tmp_path / run, files), Cache(tmp_path / run / "cache"), lambda _: None))
    assert archives[0].index(0) == archives[1].index(0)
    assert [block.path.read_bytes() for block in archives[0].blocks] == [
        block.path.read_bytes() for block in archives[1].blocks
    ]


def test_first_to_take_a_name_keeps_it(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, {"a": b"first"})
    (tmp_path / "other").write_bytes(b"second")
    tree.add("a", tmp_path / "other", "packages")
    assert [file.source.read_bytes() for file in tree] == [b"first"]
    tree.replace(File("a", tmp_path, "packages"), tmp_path / "other")
    assert [file.source.read_bytes() for file in tree] == [b"second"]
