"""Copies of backups on a server with SFTP, which is OpenSSH's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bundle.records import ADD
from tests.bundle.test_backup import COUNT, refusal, run_night, steps
from tests.conftest import NewSite
from tests.support.ports import free_port
from tests.support.sftp_server import PROGRAM, SftpServer

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="openssh-server is not installed")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpServer]:
    with SftpServer(tmp_path / "server") as server:
        yield server


def test_copy_on_a_server(new_small: NewSite, server: SftpServer, tmp_path: Path) -> None:
    """It is listed, checked and restored from there. As many are kept there as in the folder."""
    site, folder = new_small(), tmp_path / "spare" / "shops"
    place = server.url(folder)
    site.run("migrate")
    site.shell(ADD.format(text="kept"))
    assert steps(site, "backup", place, "--list") == []
    *_, written, copied = steps(site, "backup", place)
    name = Path(str(written["file"])).name
    assert str(copied["file"]).endswith(f"{folder}/{name}")
    assert (folder / name).read_bytes() == Path(str(written["file"])).read_bytes()
    site.shell(ADD.format(text="later"))
    Path(str(written["file"])).unlink()
    assert [each["file"] for each in steps(site, "backup", place, "--list")] == [copied["file"]]
    assert steps(site, "backup", place, "--check", "latest")[-1]["state"] == "whole"
    assert steps(site, "restore", server.url(folder / name))[-1]["state"] == "restored"
    assert site.shell(COUNT) == "1"
    for day in range(1, 5):
        (folder / f"small-2026010{day}T030000Z.tar.zst").touch()
    assert "code 0" in run_night(site, place).stdout
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 2, "the newest of two days, and nothing half"
    assert names[0] == "small-20260104T030000Z.tar.zst"


@pytest.mark.slow
def test_servers_that_refuse(new_small: NewSite, server: SftpServer, tmp_path: Path) -> None:
    """A host whose key is not known gets nothing. The backup is there, and the error says that it was not copied."""
    site = new_small()
    site.run("migrate")
    unknown = tmp_path / "empty"
    unknown.touch()
    places = (server.url("/srv", known_hosts=unknown), server.url("/proc/none"), f"sftp://127.0.0.1:{free_port()}/srv")
    for place in places:
        code, text = refusal(site, "backup", place)
        assert (code, "the server 127.0.0.1 refuses" in text) == (72, True), text
    assert [*(site.data / "backups").glob("small-*.tar.zst")]


@pytest.mark.parametrize(
    ("place", "cause"),
    [
        ("sftp:///srv", "names no host"),
        ("sftp://shop:secret@nas.example/srv", "has a password"),
        ("sftp://nas.example:port/srv", "is not valid"),
        ("sftp://nas.example/srv?zone=1", 'has the unknown parameter "zone"'),
    ],
)
def test_urls_that_name_no_server(new_small: NewSite, place: str, cause: str) -> None:
    site = new_small()
    for words, expected in (
        (("backup", place), 72),
        (("restore", place), 72),
        (("serve", "--copy-backups-to", place), 2),
    ):
        code, text = refusal(site, *words)
        assert (code, cause in text, "secret" in text) == (expected, True, False), text
