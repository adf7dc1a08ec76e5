"""Backups that are encrypted to public keys of age: written, listed, checked, copied, pruned and restored."""

import os
import subprocess
from pathlib import Path

import pyrage
import pytest

from tests.bundle.records import ADD, site_with_note
from tests.bundle.test_backup import COUNT, back_up, content, refusal, run_night, steps
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.site import Site
from tests.support.waiting import wait_until


class Pair:
    """A pair of keys, whose private one lies in a file."""

    def __init__(self, file: Path) -> None:
        identity = pyrage.x25519.Identity.generate()
        self.file, self.secret, self.recipient = file, str(identity), str(identity.to_public())
        file.write_text(f"# public key: {self.recipient}\n{self.secret}\n")


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path / "keys.txt")


@pytest.fixture
def site(new_small: NewSite) -> Site:
    """Return a site with a note."""
    return site_with_note(new_small, "a secret note")


def test_there_and_back(site: Site, pair: Pair, tmp_path: Path) -> None:
    """Any of the keys decrypts it. Another key, or none, changes nothing, and no error tells a key."""
    second, other = Pair(tmp_path / "second.txt"), Pair(tmp_path / "other.txt")
    backup = back_up(site, "--recipient", pair.recipient, "--recipient", second.recipient)
    assert backup.name.endswith(".tar.zst.age")
    assert backup.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in backup.parent.iterdir()) == [backup.name, f"{backup.name}.sha256"]
    site.shell(ADD.format(text="later"))
    before = content(site.data)
    for words, cause in (
        ((), "is encrypted"),
        (("--identity", str(other.file)), "no key in"),
        (("--identity", str(tmp_path / "missing")), "cannot read the keys"),
        (("--identity", str(backup)), "is no file of private keys"),
    ):
        code, text = refusal(site, "restore", str(backup), *words)
        assert (code, cause in text, "AGE-SECRET" in text) == (72, True, False), text
    assert content(site.data) == before
    for each in (pair, second):
        assert steps(site, "restore", "latest", "--identity", str(each.file))[-1]["state"] == "restored"
        assert site.shell(COUNT) == "1"
    secrets = {pair.secret.encode(), second.secret.encode()}
    assert not [
        path for path in site.data.rglob("*") if path.is_file() and any(key in path.read_bytes() for key in secrets)
    ]


@pytest.mark.slow
def test_standard_tools_read_it(site: Site, pair: Pair, tmp_path: Path) -> None:
    """Its checksum needs no key. With the key, age, zstd and tar unpack it."""
    backup = back_up(site, str(tmp_path / "elsewhere"), "--recipient", pair.recipient)
    subprocess.run(["sha256sum", "--quiet", "-c", f"{backup.name}.sha256"], cwd=backup.parent, check=True)
    plain = pyrage.decrypt(backup.read_bytes(), [pyrage.x25519.Identity.from_str(pair.secret)])
    names = subprocess.run(["sh", "-c", "zstd -dc | tar -t"], input=plain, capture_output=True, check=True).stdout
    assert b"databases/default.sqlite3\n" in names
    assert b"a secret note" not in backup.read_bytes()
    assert not [*(site.data / "backups").glob("*")], "what is not encrypted is not kept"


@pytest.mark.slow
def test_check_with_and_without_the_key(site: Site, pair: Pair, tmp_path: Path) -> None:
    backup = back_up(site, "--recipient", pair.recipient)
    assert steps(site, "backup", "--check", "latest")[-1]["state"] == "intact"
    assert steps(site, "backup", "--check", "latest", "--identity", str(pair.file))[-1]["state"] == "whole"
    whole = backup.read_bytes()
    for place in range(0, len(whole), len(whole) // 6):
        flipped = bytearray(whole)
        flipped[place] ^= 16
        backup.write_bytes(flipped)
        for words in ((), ("--identity", str(pair.file))):
            code, text = refusal(site, "backup", "--check", "latest", *words)
            assert (code, "damaged" in text) == (72, True), place
        moved = tmp_path / backup.name  # without the checksum, the code of each part tells
        moved.write_bytes(flipped)
        assert refusal(site, "restore", str(moved), "--identity", str(pair.file))[0] == 72, place


@pytest.mark.slow
def test_serve_encrypts_and_so_does_a_backup_by_hand(new_small: NewSite, pair: Pair) -> None:
    site = new_small("--backup-recipient", pair.recipient)
    with site:
        assert Customer(site.url).get("/").status == 200
        assert back_up(site).name.endswith(".age")
        wait_until(lambda: Customer(site.url).get("/").status == 200, "the site goes on")
        assert steps(site, "restore", "latest", "--identity", str(pair.file))[-1]["state"] == "restored"
    code, text = refusal(site, "serve", "--backup-recipient", pair.secret)
    assert (code, pair.secret in text) == (2, False)
    assert "a public key of age begins with age1" in text


def test_older_ones_go_with_their_checksums(site: Site, pair: Pair) -> None:
    folder = site.data / "backups"
    folder.mkdir()
    for day in ("20260101", "20260102", "20260103"):
        (folder / f"small-{day}T030000Z.tar.zst.age").touch()
        (folder / f"small-{day}T030000Z.tar.zst.age.sha256").touch()
    assert "code 0" in run_night(site, recipients=(pair.recipient,)).stdout
    names = sorted(path.name for path in folder.glob("small-*"))
    assert len(names) == 4
    assert names[:2] == ["small-20260103T030000Z.tar.zst.age", "small-20260103T030000Z.tar.zst.age.sha256"]


def test_a_full_disk_leaves_no_half_backup(site: Site, pair: Pair, small_disk: Path) -> None:
    (site.data / "media").mkdir()
    (site.data / "media" / "film").write_bytes(os.urandom(9 << 20))
    code, text = refusal(site, "backup", str(small_disk / "backups"), "--recipient", pair.recipient)
    assert (code, "No space left" in text) == (72, True), text
    assert list((small_disk / "backups").iterdir()) == []
