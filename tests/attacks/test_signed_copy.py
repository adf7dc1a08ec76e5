"""A file that changes each time it is read: the program that runs is the one that was checked."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from djbundle.errors import UpgradeError
from djbundle.runtime.handover.new_version import Version, copied_beside, in_place, numbers_in, open_new
from djbundle.runtime.handover.signature import Signature
from tests.bundle.conftest import key, next_small  # noqa: F401 - fixtures
from tests.bundle.test_upgrade import sign, upgrade
from tests.support.site import Site, bare_environment, copy_bundle

RUNNING = Version("shop", "2.0", "2026-11-20T00:00:00+00:00")
GOOD = """#!/bin/sh
echo '{{"name": "shop", "version": "{version}", "built": "{built}"}}'
"""
EVIL = "#!/bin/sh\ntouch {trace}\n"
TRIES = 10


class Swapped:
    """A file that changes places with an evil one; `trace` exists once the evil one has run."""

    def __init__(self, folder: Path, good: bytes) -> None:
        self.file, self.trace = folder / "new", folder / "ran"
        self.good, self.evil = folder / "good", folder / "evil"
        self.good.write_bytes(good)
        self.evil.write_text(EVIL.format(trace=self.trace))
        for path in (self.good, self.evil):
            path.chmod(0o755)
        self.put(self.good)

    def put(self, path: Path) -> None:
        link = self.file.with_name("link")
        link.unlink(missing_ok=True)
        link.hardlink_to(path)
        link.replace(self.file)


@pytest.fixture
def swapped(tmp_path: Path) -> Swapped:
    good = GOOD.format(version="2.1", built="2026-11-21T00:00:00+00:00")
    return Swapped(tmp_path, good.encode())


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    program = tmp_path / "place" / "shop"
    program.write_text("the previous version")
    program.chmod(0o755)
    return program


class Swapping(Signature):
    """Checks the signature, and lets the attacker swap the file right afterwards."""

    swapped: Swapped

    def check(self, signed: Path) -> None:
        assert signed.read_bytes() == self.swapped.good.read_bytes()
        self.swapped.put(self.swapped.evil)


@pytest.mark.parametrize("moment", ["when it is open", "when it is copied", "when it is checked"])
def test_file_that_is_replaced_while_it_is_checked(
    swapped: Swapped, program: Path, moment: str, tmp_path: Path
) -> None:
    class OfThis(Swapping):
        pass

    OfThis.swapped = swapped
    with open_new(swapped.file) as opened:
        if moment == "when it is open":
            swapped.put(swapped.evil)
        with copied_beside(program, opened, swapped.file, tmp_path / "data") as new:
            if moment == "when it is copied":
                swapped.put(swapped.evil)
            signature = OfThis("", swapped.file) if moment == "when it is checked" else None
            assert new.check(RUNNING, signature, may_be_older=False).version == "2.1"
            with in_place(new, program, program.with_name("shop.previous")):
                assert program.read_bytes() == swapped.good.read_bytes()
    assert not swapped.trace.exists()
    assert sorted(path.name for path in program.parent.iterdir()) == ["shop", "shop.previous"]


@pytest.mark.parametrize(("error", "is_new"), [(KeyboardInterrupt, True), (UpgradeError, False), (MemoryError, False)])
def test_an_interrupted_upgrade_leaves_the_file_that_takes_over(
    swapped: Swapped, program: Path, tmp_path: Path, error: type[BaseException], *, is_new: bool
) -> None:
    old, previous = program.read_bytes(), program.with_name("shop.previous")
    with (
        pytest.raises(error),
        open_new(swapped.file) as opened,
        copied_beside(program, opened, swapped.file, tmp_path) as new,
        in_place(new, program, previous),
    ):
        raise error("cause", "fix") if error is UpgradeError else error
    assert program.read_bytes() == (swapped.good.read_bytes() if is_new else old)
    assert previous.exists() == is_new


def test_steps_go_on_when_nobody_reads_them() -> None:
    steps = (
        "from djbundle.runtime.cli.reporting import Reporter; report = Reporter(as_json=False)\n"
        "for step in range(3): report('checked', 'a' * 100_000)\n"
        "raise SystemExit(7)"
    )
    with subprocess.Popen([sys.executable, "-c", steps], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 7)


def test_copy_is_made_anew(swapped: Swapped, program: Path, tmp_path: Path) -> None:
    """The copy is not written into an existing file: a link, or a file that another process has open."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    coming = program.with_name(".shop.next")
    for plant in (coming.symlink_to, coming.hardlink_to):
        plant(precious)
        with open_new(swapped.file) as opened, copied_beside(program, opened, swapped.file, tmp_path) as new:
            assert new.file.read_bytes() == swapped.good.read_bytes()
        assert precious.read_text() == "precious"
        assert not coming.exists()


@pytest.mark.parametrize("kind", ["pipe", "folder", "nothing", "not executable"])
def test_new_files_that_are_none(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "new"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "not executable":
        file.touch(0o644)
    with pytest.raises(UpgradeError):
        open_new(file)


@pytest.mark.parametrize(
    ("version", "built", "is_older"),
    [
        ("2.0", "2026-11-20", False),
        ("1.9.9", "2026-11-29", True),
        ("2.0.1", "2026-11-01", False),
        ("10.0", "2026-11-01", False),
        ("2", "2026-11-19", True),
        ("v1.2", "2026-11-29", True),
        ("fcd9a1a", "2026-11-19", True),
        ("3cd9a1a", "2026-11-19", True),
        ("1234567", "2026-11-29", False),
        ("", "2026-11-19", True),
        ("2.0rc1", "2026-11-19", True),
    ],
)
def test_what_is_older(version: str, built: str, is_older: bool) -> None:
    assert Version("shop", version, built).is_older_than(Version("shop", "2.0", "2026-11-20")) == is_older


def test_numbers_of_versions() -> None:
    assert numbers_in("1.9.0") == numbers_in("v1.9") == [1, 9]
    assert numbers_in("fcd9a1a") == numbers_in("3cd9a1a") == numbers_in("5216387") == []


def test_an_older_version_is_to_be_meant(program: Path, tmp_path: Path) -> None:
    """An older version may be signed and still have a hole that a later one has closed."""
    file = tmp_path / "new"
    file.write_text(GOOD.format(version="1.9\\u001b[2J", built="2026-11-29T00:00:00+00:00"))
    file.chmod(0o755)
    with open_new(file) as opened, copied_beside(program, opened, file, tmp_path) as new:
        with pytest.raises(UpgradeError, match=r"1\.9.*, older than 2\.0") as refused:
            new.check(RUNNING, None, may_be_older=False)
        assert "\x1b" not in str(refused.value)
        assert new.check(RUNNING, None, may_be_older=True).name == "shop"


@pytest.fixture
def signed_site(next_small: Path, tmp_path: Path) -> Iterator[Site]:  # noqa: F811
    """Start a site that only a signed version may replace."""
    with Site(copy_bundle(next_small, tmp_path / "place"), tmp_path / "data", bare_environment()) as site:
        yield site


def test_race_for_the_signed_file(signed_site: Site, next_small: Path, key: Path, tmp_path: Path) -> None:  # noqa: F811
    """The attacker swaps the file all the time."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    swapped = Swapped(folder, next_small.read_bytes())
    shutil.copy(sign(swapped.good, key), folder / "new.sig")
    ended = threading.Event()

    def swap() -> None:
        for path in itertools.cycle((swapped.evil, swapped.good)):
            swapped.put(path)
            if ended.wait(0.002):
                return

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        codes = {upgrade(signed_site, swapped.file, "--check").returncode for _ in range(TRIES)}
    finally:
        ended.set()
        thread.join()
    assert codes <= {0, 55}
    assert not swapped.trace.exists()
    assert json.loads(signed_site.run("version", "--json").stdout)["version"] == "2"
