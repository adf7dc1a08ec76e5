"""Each check of the doctor tells a good value from a bad one."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.cache.backends.locmem import LocMemCache

from djbundle.runtime.backup.outcomes import Outcomes, Step
from djbundle.runtime.cli.doctor import data_files, machine, service, site_settings
from djbundle.runtime.cli.doctor.findings import Finding, Level, run_check
from djbundle.runtime.core.hold import Hold

GIGABYTE = 1 << 30


def disk(free: int, total: int, inodes: int = 0, free_inodes: int = 0) -> SimpleNamespace:
    return SimpleNamespace(f_bavail=free, f_blocks=total, f_frsize=1, f_files=inodes, f_favail=free_inodes)


@pytest.mark.parametrize(
    ("statvfs", "levels"),
    [
        (disk(50 * GIGABYTE, 100 * GIGABYTE), ["ok"]),
        (disk(GIGABYTE // 2, 100 * GIGABYTE), ["warning"]),
        (disk(GIGABYTE // 2, GIGABYTE), ["ok"]),  # a small disk, half empty
        (disk(1 << 20, GIGABYTE), ["error"]),
        (disk(50 * GIGABYTE, 100 * GIGABYTE, 1000, 1), ["ok", "warning"]),
    ],
)
def test_room(monkeypatch: pytest.MonkeyPatch, statvfs: SimpleNamespace, levels: list[str]) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _path: statvfs)
    assert [each.level for each in machine.check_room(Path("/"))] == levels


@pytest.mark.parametrize(
    ("release", "level"), [("4.17.0", "error"), ("4.18.0-553.el8", "ok"), ("6.1.0-18-amd64", "ok"), ("4.4.0", "error")]
)
def test_kernel(release: str, level: str) -> None:
    uname = os.uname_result(("Linux", "shop", release, "#1 SMP", "x86_64"))
    assert machine.check_kernel(uname).level == level


def test_the_kernel_that_gvisor_plays() -> None:
    uname = os.uname_result(("Linux", "shop", "4.4.0", machine.GVISOR, "x86_64"))
    assert machine.check_kernel(uname).text == "gVisor"


def test_the_log_of_a_start_names_what_is_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [*machine.trouble_at_start(tmp_path / "missing")] == []
    monkeypatch.setattr(os, "statvfs", lambda _path: disk(1 << 20, GIGABYTE))
    (line,) = machine.trouble_at_start(tmp_path / "missing")
    assert line.startswith("room: 0.0 of 1.1 GB are free")


@pytest.mark.parametrize(("days", "level"), [(60, "ok"), (5, "warning"), (-1, "error")])
def test_certificate(days: float, level: str) -> None:
    assert service.check_certificate(days).level == level


def test_a_log_that_only_grows(tmp_path: Path) -> None:
    assert [*data_files.check_logs(tmp_path)] == []
    with (tmp_path / "db.sqlite3-wal").open("wb") as file:
        file.truncate(data_files.MAX_LOG + 1)
    (finding,) = data_files.check_logs(tmp_path)
    assert finding.level == Level.WARNING


def test_nights_and_holds(tmp_path: Path) -> None:
    """A proof that worked is told, and so is what failed since. A held copy is a warning."""
    assert [*data_files.check_nights(tmp_path), *data_files.check_hold(tmp_path)] == []
    Outcomes().with_success(Step.PROOF, "shop-1.tar.zst").write(tmp_path)
    assert [each.level for each in data_files.check_nights(tmp_path)] == [Level.OK]
    Outcomes.read(tmp_path).with_failure(Step.COPY, "no room there").write(tmp_path)
    *_, copy = data_files.check_nights(tmp_path)
    assert (copy.level, copy.text) == (Level.WARNING, "the last backup was not copied: no room there")
    Hold("shop-1.tar.zst", "", "").write(tmp_path)
    assert [each.level for each in data_files.check_hold(tmp_path)] == [Level.WARNING]


def test_backups(tmp_path: Path) -> None:
    assert data_files.check_backups(tmp_path, "shop").level == Level.WARNING


@pytest.mark.parametrize(
    ("backend", "is_silent"), [("smtp", False), ("console", True), ("dummy", True), ("filebased", True)]
)
def test_mail(backend: str, is_silent: bool) -> None:
    assert site_settings.sends_nothing(f"django.core.mail.backends.{backend}.EmailBackend") is is_silent


class Counted(LocMemCache):
    """A cache of a project."""


def test_a_cache_that_inherits_from_one_in_memory() -> None:
    assert "memory" in site_settings.unshared_kind(f"{__name__}.Counted")
    assert site_settings.unshared_kind("django.core.cache.backends.db.DatabaseCache") == ""


def test_a_check_that_fails_is_a_finding() -> None:
    def check() -> Iterator[Finding]:
        yield Finding.ok("first", "fine")
        raise OSError("no\nmore")

    first, second = run_check("disk", check)
    assert first.level == Level.OK
    assert (second.name, second.level) == ("disk", Level.ERROR)
    assert "\n" not in second.text
