"""The file of kept errors: it is bounded, and whatever happens to it, nobody waits or fails."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from djbundle.runtime.logs import kept_errors
from djbundle.runtime.logs.kept_errors import FILE, KeptErrors, Occurrence


def occurrence(number: int = 0, **texts: str) -> Occurrence:
    return Occurrence(**{"kind": "ValueError", "place": f"shop.views:{number} in view", "message": "no"} | texts)


def test_groups_and_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_errors, "FORGET", kept_errors.FORGET.replace("200", "3"))
    kept = KeptErrors(tmp_path)
    for number in range(5):
        kept.add(occurrence(number))
    kept.add(occurrence(4, message="again", traceback="x" * 100_000 + "end"))
    groups = kept.groups()
    assert [each.place[11] for each in groups] == ["4", "3", "2"]
    newest = groups[0]
    assert (newest.count, newest.message, newest.first < newest.last) == (2, "again", True)
    assert (len(newest.traceback), newest.traceback[-3:]) == (kept_errors.MAX_TEXT_SIZES["traceback"], "end")
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_full_file_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_errors, "MAX_PAGES", 8)
    kept = KeptErrors(tmp_path)
    for number in range(20):
        kept.add(occurrence(number, traceback="x" * 8000))
    assert 0 < len(kept.groups()) < 20
    assert (tmp_path / FILE).stat().st_size <= 8 * 4096


def test_a_locked_file_is_not_waited_for(tmp_path: Path) -> None:
    kept = KeptErrors(tmp_path)
    kept.add(occurrence(1))
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        kept.add(occurrence(2))
        other.execute("ROLLBACK")
    assert len(kept.groups()) == 1


@pytest.mark.parametrize("place", ["missing/folder", "file"])
def test_no_place_for_it(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    kept = KeptErrors(tmp_path / place)
    kept.add(occurrence())
    assert kept.groups() == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / FILE).symlink_to("other")
    KeptErrors(tmp_path).add(occurrence())
    assert not (tmp_path / "other").exists()


def test_damage_begins_it_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"damaged" * 1000)
    kept = KeptErrors(tmp_path)
    assert kept.groups() == []
    kept.add(occurrence())
    kept.add(occurrence())
    assert len(kept.groups()) == 1


def test_another_layout_begins_it_anew(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript("CREATE TABLE error (a); PRAGMA user_version = 7")
    kept = KeptErrors(tmp_path)
    kept.add(occurrence())
    assert len(kept.groups()) == 1
