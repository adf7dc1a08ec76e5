"""A service that could not start, or would use other data, is not installed."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from djbundle.errors import InstallError
from djbundle.runtime.cli import install


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a program that all users may read, in a folder that all users may enter."""
    monkeypatch.setattr(install, "HIDDEN", ("/home/",))
    program = tmp_path / "opt" / "shop"
    program.parent.mkdir()
    program.touch()
    program.chmod(0o755)
    for folder in program.parents:
        if not folder.stat().st_mode & 0o001:  # pytest's own folders are closed to others
            folder.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return program


def check(data: str = "/var/lib/shop") -> None:
    bundle: Any = SimpleNamespace(manifest=SimpleNamespace(name="shop"), data=Path(data))
    install.check_places(bundle)


def test_a_file_that_everybody_may_run_is_installed(program: Path) -> None:
    assert program.exists()
    check()


@pytest.mark.parametrize("place", ["/home/me/shop", "/root/shop", "/tmp/shop", "/var/tmp/shop"])
def test_what_the_service_does_not_see(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setattr(sys, "executable", place)
    with pytest.raises(InstallError, match=f"cannot see {place}"):
        check()


@pytest.mark.parametrize("mode", [0o750, 0o751, 0o754])
def test_what_the_service_may_not_read(program: Path, mode: int) -> None:
    program.chmod(mode)
    with pytest.raises(InstallError, match=f"may not read {program}\n  fix: chmod o\\+rx {program}"):
        check()


def test_where_the_service_may_not_look(program: Path) -> None:
    program.parent.chmod(0o750)
    with pytest.raises(InstallError, match=f"may not read {program}\n  fix: chmod o\\+x {program.parent}"):
        check()


def test_what_others_may_change(program: Path) -> None:
    program.parent.chmod(0o777)
    with pytest.raises(
        InstallError, match=f"others may change {program}: {program.parent} may be written by everybody"
    ):
        check()


def test_data_elsewhere(program: Path) -> None:
    assert program.exists()
    with pytest.raises(InstallError, match="keeps its data in /var/lib/shop, and not in /srv/shop"):
        check("/srv/shop")


def test_sockets_of_a_host_without_the_role_web() -> None:
    bundle: Any = SimpleNamespace(manifest=SimpleNamespace(name="shop"), program="./shop")
    with pytest.raises(InstallError, match="--socket needs the role web"):
        install.unit_files(bundle, ["--roles", "worker"], with_sockets=True)
    units = install.unit_files(bundle, ["--roles", "worker", "--shutdown-delay", "10"], with_sockets=False)
    assert "serve --roles worker" in units["shop.service"]
    assert "TimeoutStopSec=55" in units["shop.service"]
