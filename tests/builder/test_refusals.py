"""Every reason to refuse a build gives a line with the cause, a line with the fix, an exit code, and no files."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import DJBUNDLE, PROJECTS, run_build
from tests.support.disks import mounted_disk

# The refused projects of tests/projects each have a file with the expected exit code, cause and fix.
EXPECTED = "refusal.txt"
REFUSALS = sorted(path.parent.name for path in PROJECTS.glob(f"*/{EXPECTED}"))


def assert_refused(result: subprocess.CompletedProcess[str], code: int, cause: str, fix: str) -> None:
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    *_, first, second = result.stderr.splitlines()
    assert first.startswith("error: ")
    assert cause in first
    assert second.startswith("  fix: ")
    assert fix in second


def state_of(folder: Path) -> dict[str, str]:
    """Return every file below the folder with the hash of its content."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Create a folder for temporary files of a build."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", REFUSALS)
def test_project_is_refused(name: str, tmp_path: Path, scratch: Path) -> None:
    project = Path(shutil.copytree(PROJECTS / name, tmp_path / "project"))
    before = state_of(project)
    result = run_build(project, "-o", tmp_path / "out" / "site", env=os.environ | {"TMPDIR": str(scratch)})
    output = result.stderr.replace(str(project), "PROJECT").replace(sys.prefix, "ENVIRONMENT")
    *_, cause, fix = output.splitlines()
    assert f"{result.returncode}\n{cause}\n{fix}\n" == (project / EXPECTED).read_text()
    assert state_of(project) == before
    assert not (tmp_path / "out").exists()
    assert list(scratch.iterdir()) == []


def test_each_project_of_the_folder_is_tried() -> None:
    assert {path.name for path in PROJECTS.iterdir()} == {
        *REFUSALS,
        "crashing",
        "recursive",
        "small",
        "streaming",
        "threaded",
        "packages",
        "faulty",
        "forest",
        "real",
    }


def test_missing_variable_may_be_given(tmp_path: Path) -> None:
    """Then the build goes on, to the next obstacle."""
    result = run_build(
        PROJECTS / "missing_variable", "-o", tmp_path, "--env", "STRIPE_KEY=none", env=os.environ | {"PATH": os.defpath}
    )
    assert_refused(result, 20, str(tmp_path), "-o")


def test_before_runs_in_the_project(tmp_path: Path) -> None:
    """The commands run in order, with the build's variables; then the build goes on, to the next obstacle."""
    project = Path(shutil.copytree(PROJECTS / "before_fails", tmp_path / "project"))
    commands = ["mkdir built", "echo $FLAVOUR > built/style.css"]
    (project / "pyproject.toml").write_text(f"[tool.djbundle]\nbefore = {commands}\n")
    result = run_build(project, "-o", tmp_path, "--env", "FLAVOUR=mint")
    assert_refused(result, 20, str(tmp_path), "-o")
    assert not (project / "built").exists()  # an impossible output is reported first
    result = run_build(project, "-o", tmp_path / "site", "--env", "FLAVOUR=mint", "--settings", "nothing")
    assert result.returncode == 12
    assert (project / "built" / "style.css").read_text() == "mint\n"


def test_no_folder(tmp_path: Path) -> None:
    assert_refused(run_build(tmp_path / "nowhere"), 10, f"there is no folder {tmp_path / 'nowhere'}", "manage.py")


def test_missing_compiler(tmp_path: Path) -> None:
    """The PATH contains only Python."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    environment = {name: value for name, value in os.environ.items() if name != "CC"}
    result = run_build(PROJECTS / "small", env=environment | {"PATH": str(tmp_path / "bin")}, cwd=tmp_path)
    assert_refused(result, 18, "C compiler", "apt install gcc")
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize("kind", ["folder", "below a file"])
def test_output_that_cannot_be_written(tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        output = tmp_path / "there"
        output.mkdir()
    else:
        (tmp_path / "file").write_text("")
        output = tmp_path / "file" / "site"
    result = run_build(PROJECTS / "small", "-o", output)
    assert_refused(result, 20, str(output), "-o")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted_disk(tmp_path / "disk", 2) as disk:
        yield disk


@pytest.mark.parametrize("variable", ["TMPDIR", "DJBUNDLE_BUILD_CACHE"])
def test_full_disk(small_disk: Path, tmp_path: Path, variable: str) -> None:
    output = tmp_path / "out" / "small"
    result = run_build(PROJECTS / "small", "-o", output, env=os.environ | {variable: str(small_disk)})
    assert_refused(result, 21, "the disk is full", "free some room")
    assert not output.exists()
    if variable == "TMPDIR":
        assert list(small_disk.iterdir()) == []


def test_full_disk_at_the_output(small: Path, small_disk: Path) -> None:
    result = run_build(PROJECTS / "small", "-o", small_disk / "small")
    assert_refused(result, 21, "the disk is full", "free some room")
    assert list(small_disk.iterdir()) == []


def test_output_on_a_read_only_disk(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    result = run_build(PROJECTS / "small", "-o", small_disk / "new" / "small")
    assert_refused(result, 20, "Read-only file system", "-o")


def test_bundle_that_runs_may_be_replaced(small: Path, tmp_path: Path) -> None:
    """The new file gets the name; the process keeps the old file until it exits."""
    output = tmp_path / "small"
    shutil.copy(small, output)
    command: list[str | Path] = [output, "shell", "-v0", "-c", "input(); import notes.models; print('still here')"]
    environment = {"DJBUNDLE_DATA_DIR": str(tmp_path / "data")}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert run_build(PROJECTS / "small", "-o", output).returncode == 0
        out, _ = running.communicate("\n", timeout=60)
    assert out.strip() == "still here"


def test_json_has_the_error_on_stderr_alone(tmp_path: Path) -> None:
    result = run_build(tmp_path, "--json")
    assert result.stdout == ""
    assert_refused(result, 10, "there is no manage.py", "manage.py")


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["build", "--outptu"], "no such option '--outptu'"),
        (["build", "--env=STRIPE_KEY"], "invalid value for '--env'"),
        (["init", "--for"], "option '--for' requires an argument"),
        (["why"], "missing argument 'DISTRIBUTION'"),
    ],
)
def test_wrong_words(words: list[str], cause: str) -> None:
    result = subprocess.run([DJBUNDLE, *words], capture_output=True, text=True, check=False)
    assert_refused(result, 2, cause, f"see  djbundle {words[0]} --help")


def test_help_teaches() -> None:
    result = subprocess.run([DJBUNDLE, "build", "--help"], capture_output=True, text=True, check=True)
    for word in ("--settings", "--env", "--json", "djbundle build", "manage.py"):
        assert word in result.stdout
