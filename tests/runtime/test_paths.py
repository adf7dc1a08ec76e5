"""The data directory has its place, and some places are refused."""

from pathlib import Path

import pytest

from djbundle.errors import DataDirectoryError, NetworkFileSystemError, SqliteTooOldError
from djbundle.runtime.core.data_directory import find_data_directory, take_option
from djbundle.runtime.database import filesystem, sqlite

MOUNTS = """\
22 1 0:20 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:30 / {folder}/share rw - nfs4 server:/export rw
31 30 0:31 / {folder}/share/local\\040disk rw - xfs /dev/sdb1 rw
32 22 0:32 / {folder}/remote rw - fuse.sshfs user@host: rw
"""


@pytest.mark.parametrize(
    ("arguments", "rest", "chosen"),
    [
        (["serve"], ["serve"], None),
        (["serve", "--data-dir", "/x", "--bind", ":1"], ["serve", "--bind", ":1"], "/x"),
        (["--data-dir=/x", "serve"], ["serve"], "/x"),
        (["--data-dir=/x", "serve", "--data-dir", "/y"], ["serve"], "/y"),
    ],
)
def test_option_may_stand_anywhere(arguments: list[str], rest: list[str], chosen: str | None) -> None:
    assert take_option(arguments) == (rest, chosen)


def test_option_without_a_folder() -> None:
    with pytest.raises(DataDirectoryError):
        take_option(["serve", "--data-dir"])


@pytest.mark.parametrize(
    ("chosen", "environment", "expected"),
    [
        ("/option", {"DJBUNDLE_DATA_DIR": "/variable"}, "/option"),
        (None, {"DJBUNDLE_DATA_DIR": "/variable", "STATE_DIRECTORY": "/state"}, "/variable"),
        (None, {"STATE_DIRECTORY": "/state:/other", "HOME": "/home/ada"}, "/state"),
        (None, {"XDG_DATA_HOME": "/xdg", "HOME": "/home/ada"}, "/xdg/shop"),
        (None, {"HOME": "/home/ada"}, "/home/ada/.local/share/shop"),
    ],
)
def test_precedence(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None, environment: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert find_data_directory("shop", chosen, environment) == Path(expected)


def test_root_uses_var_lib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert find_data_directory("shop", None, {"HOME": "/root"}) == Path("/var/lib/shop")


def test_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(DataDirectoryError, match="HOME is not set"):
        find_data_directory("shop", None, {})


@pytest.mark.parametrize(
    ("place", "kind"),
    [("db", "ext4"), ("share/db", "nfs4"), ("share/local disk/db", "xfs"), ("remote/a/b", "fuse.sshfs")],
)
def test_file_system_of(tmp_path: Path, place: str, kind: str) -> None:
    assert filesystem.file_system_of(tmp_path / place, MOUNTS.format(folder=tmp_path)) == kind


def test_network_file_system_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(folder=tmp_path))
    filesystem.refuse_network(tmp_path / "db.sqlite3", mounts)
    with pytest.raises(NetworkFileSystemError, match="nfs4") as caught:
        filesystem.refuse_network(tmp_path / "share" / "db.sqlite3", mounts)
    assert caught.value.exit_code == 43


def test_this_machine_is_read() -> None:
    assert filesystem.file_system_of(Path("/proc/self"), filesystem.MOUNTS.read_text()) == "proc"


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 2)])
def test_old_sqlite_is_refused(version: tuple[int, ...]) -> None:
    with pytest.raises(SqliteTooOldError) as caught:
        sqlite.check_version(version)
    assert caught.value.exit_code == 45


def test_new_sqlite_is_taken() -> None:
    sqlite.check_version((3, 51, 3))
    sqlite.check_version((4, 0, 0))
