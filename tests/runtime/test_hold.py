"""The hold of a data directory: a restored copy sends no mail and runs no task."""

from pathlib import Path

import pytest

from djbundle.runtime.core.hold import FILE, ORIGINS, Hold, add_origin, origins, own_origin, release

HOLD = Hold("shop-20261129T030000Z.tar.zst", "2026-11-29T03:00:00Z", "a1")


def test_it_is_read_as_it_was_written_and_ends(tmp_path: Path) -> None:
    assert Hold.read(tmp_path) is None
    assert Hold.read(tmp_path / "missing") is None
    HOLD.write(tmp_path)
    assert Hold.read(tmp_path) == HOLD
    release(tmp_path)
    assert Hold.read(tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"backup": 1, "more": 2}', "\0"])
def test_a_damaged_file_holds(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    hold = Hold.read(tmp_path)
    assert hold
    assert "sends no mail" in hold.describe()


def test_what_is_no_file_of_ours_holds(tmp_path: Path) -> None:
    (tmp_path / FILE).symlink_to("/etc/hostname")
    assert Hold.read(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    assert Hold.read(tmp_path)


def test_the_own_origin_is_made_once_and_stays_the_first(tmp_path: Path) -> None:
    own = own_origin(tmp_path)
    assert len(own) == 32
    add_origin(tmp_path, "a-resumed-copy")
    add_origin(tmp_path, "")
    assert own_origin(tmp_path) == own
    assert origins(tmp_path) == [own, "a-resumed-copy"]
    assert (tmp_path / ORIGINS).stat().st_mode & 0o777 == 0o600
