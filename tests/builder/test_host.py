"""A machine that cannot build is told so in the first line, with the command that builds there."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from djbundle.builder.host import MIN_GLIBC, check_host, container_commands
from djbundle.errors import UnsupportedMachineError, UnsupportedVersionError
from tests.builder.test_refusals import assert_refused
from tests.conftest import DJBUNDLE, PROJECTS

MAC = "import sys; sys.platform = 'darwin'"  # most modules of the standard library are imported afterwards
NEXT = "djbundle init --for builder"


@pytest.fixture
def mac(tmp_path: Path) -> dict[str, str]:
    """Return the environment in which each Python says that it runs on macOS."""
    (tmp_path / "sitecustomize.py").write_text(MAC)
    return {"PYTHONPATH": str(tmp_path), "PATH": "", "HOME": str(tmp_path)}


def djbundle(*arguments: str | Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DJBUNDLE, *arguments], env=env, capture_output=True, text=True, check=False)


def test_this_machine_may_build() -> None:
    check_host()


@pytest.mark.parametrize("command", ["build", "check", "init", "why", "verify"])
def test_mac(mac: dict[str, str], command: str) -> None:
    arguments = ["django", PROJECTS / "small"] if command == "why" else [PROJECTS / "small"]
    result = djbundle(command, *arguments, env=mac)
    assert_refused(result, 36, "this is macOS: djbundle builds on Linux", NEXT)
    assert len(result.stderr.splitlines()) == 2


def test_mac_writes_what_builds(mac: dict[str, str], tmp_path: Path) -> None:
    """The project is not imported, as its packages may not exist for macOS."""
    project = tmp_path / "project"
    (project / "site").mkdir(parents=True)
    (project / "manage.py").write_text('os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shelf.settings")')
    (project / "shelf").mkdir()
    (project / "shelf" / "settings.py").write_text("raise SystemExit")
    (project / "requirements.txt").write_text("django")
    result = djbundle("init", project, "--for", "builder", env=mac)
    assert result.returncode == 0, result.stderr
    text = (project / "deploy" / "builder" / "Containerfile").read_text()
    assert f"FROM docker.io/library/python:{sys.version_info.major}.{sys.version_info.minor}-slim" in text
    assert "pip install -r requirements.txt" in text
    for command in container_commands("shelf-builder"):
        assert command.replace("docker", "podman") in result.stdout
    again = djbundle("init", project, "--for", "builder", env=mac)
    assert_refused(again, 28, "there is already deploy/builder/Containerfile", "--force")


@pytest.mark.parametrize(
    ("system", "libc", "cause"),
    [
        ("win32", ("", ""), "this is Windows"),
        ("freebsd14", ("", ""), "this is freebsd14"),
        ("linux", ("", ""), "another C library than glibc, such as musl"),
    ],
)
def test_other_machines(monkeypatch: pytest.MonkeyPatch, system: str, libc: tuple[str, str], cause: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    monkeypatch.setattr(shutil, "which", lambda _: None)  # the real one would call functions of Windows
    with pytest.raises(UnsupportedMachineError, match=cause) as refusal:
        check_host()
    assert NEXT in refusal.value.fix


def test_old_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", f"{MIN_GLIBC[0]}.{MIN_GLIBC[1] - 1}"))
    with pytest.raises(UnsupportedVersionError, match=r"glibc 2\.32"):
        check_host()


def test_unknown_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    cause = "riscv64 is not supported: there are bundles for aarch64 and x86_64"
    with pytest.raises(UnsupportedMachineError, match=cause):
        check_host()
