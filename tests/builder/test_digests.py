"""Digests of files are remembered between builds: a file that has changed in any way is read again."""

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from djbundle.builder.core.cache import Cache
from djbundle.builder.core.digests import FILE_NAME, Digests

LONG_AGO = time.time() - 3600


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    write(file, b"one")
    return file


def write(file: Path, content: bytes, at: float = LONG_AGO) -> None:
    file.write_bytes(content)
    os.utime(file, (at, at))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def remembered(file: Path) -> Digests:
    """Return the digests of a second build, after one that has read the file."""
    first = Digests(file.parent)
    first.of(file)
    first.save()
    return Digests(file.parent)


def test_unchanged_file_is_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = remembered(file)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the file was opened")

    monkeypatch.setattr(Path, "open", refuse)
    assert digests.of(file) == digest(b"one")


@pytest.mark.parametrize("content", [b"two", b"longer"])
def test_changed_file_is_read_again(file: Path, content: bytes) -> None:
    digests = remembered(file)
    write(file, content, LONG_AGO + 1)
    assert digests.of(file) == digest(content)


def test_another_size_at_the_same_time(file: Path) -> None:
    digests = remembered(file)
    write(file, b"longer")
    assert digests.of(file) == digest(b"longer")


def test_another_file_of_the_same_size_and_time(file: Path) -> None:
    digests = remembered(file)
    other = file.with_name("other")
    write(other, b"two")
    other.replace(file)
    assert digests.of(file) == digest(b"two")


def test_a_file_that_has_just_been_written_is_not_remembered(file: Path) -> None:
    """Within a moment it may change once more, and have the same size, time and inode."""
    now = time.time()
    write(file, b"one", now)
    digests = remembered(file)
    write(file, b"two", now)
    assert digests.of(file) == digest(b"two")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"file": 1}', '{"file": [1, 2]}'])
def test_damaged_record_is_as_none(file: Path, text: str) -> None:
    file.with_name(FILE_NAME).write_text(text)
    assert Digests(file.parent).of(file) == digest(b"one")


def test_what_no_build_has_used_for_long_is_forgotten(file: Path) -> None:
    gone = file.with_name("gone")
    write(gone, b"gone")
    digests = Digests(file.parent)
    digests.of(gone)
    digests._kept[str(gone)] = digests._kept[str(gone)]._replace(day=0)
    digests.of(file)
    digests.save()
    assert Digests(file.parent)._kept.keys() == {str(file)}


def test_unused_entries_of_the_cache_are_removed_once_a_day(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    old, new = (cache.get_or_create_bytes("pyc", name * 64, b"x".__bytes__) for name in ("a", "b"))
    os.utime(old, (0, 0))
    ccache = cache.folder / "ccache" / "0" / "1"  # has rules of its own
    ccache.mkdir(parents=True)
    os.utime(ccache, (0, 0))
    cache.prune()
    assert (old.exists(), new.exists(), ccache.exists()) == (False, True, True)
    os.utime(new, (0, 0))
    cache.prune()
    assert new.exists()


def test_entry_that_is_used_stays_in_the_cache(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    entry = cache.get_or_create_bytes("pyc", "a" * 64, b"x".__bytes__)
    os.utime(entry, (0, 0))
    assert cache.find("pyc", "a" * 64) == entry
    cache.prune()
    assert entry.exists()


def test_failed_entry_leaves_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        cache.store("pyc", "a" * 64, fail)
    assert not [path for path in cache.folder.rglob("*") if path.is_file()]
