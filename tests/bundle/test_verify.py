"""``djbundle verify``: what only shows when a page is asked for is found, in a place where nothing else is."""

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from djbundle.builder.sandbox import Place, SandboxError, may_isolate, run_in_sandbox
from tests.conftest import DJBUNDLE, PROJECTS, build


def run_verify(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DJBUNDLE, "verify", *arguments], capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def faulty(bundles: Path) -> Path:
    return build(PROJECTS / "faulty", bundles / "faulty" / "faulty")


def test_small_project(small: Path) -> None:
    """Two of its views want a parameter, which no visitor gives."""
    result = run_verify(small)
    assert result.returncode == 0, result.stderr + result.stdout
    *warnings, last = result.stdout.splitlines()
    assert len(warnings) == 4
    assert all("it wants a parameter" in each for each in warnings)
    assert last.startswith("50 pages and ")


def test_shop(shop: Path) -> None:
    result = run_verify(shop, "--json")
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert seen["pages"] > 50
    assert seen["files"] > 10
    assert (seen["problems"], seen["warnings"]) == ([], [])


@pytest.fixture(scope="module")
def seen(faulty: Path) -> dict[str, Any]:
    result = run_verify(faulty, "--json")
    assert result.returncode == 29
    assert result.stderr.splitlines()[-2:] == [
        "error: GET /inner/template/ fails: django.template.exceptions.TemplateDoesNotExist: absent.html, and 7 more",
        "  fix: see that absent.html lies in a folder of TEMPLATES, and is not excluded",
    ]
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("GET /module/", "ModuleNotFoundError: No module named 'packaging_of_nobody'"),
        ("GET /secret/ as a superuser", "RuntimeError: only a superuser sees this"),
        ("GET /static/absent.png", "a page names it, and it is answered 404"),
        ("GET /outside/", "it is answered 500"),
    ],
)
def test_fault_is_found(seen: dict[str, Any], what: str, said: str) -> None:
    problem = next(each for each in seen["problems"] if each["what"] == what)
    assert problem["said"] == said
    assert ("Traceback" in problem["trace"]) is ("Error" in said)


def test_pages_that_want_what_is_not_there_are_told(seen: dict[str, Any]) -> None:
    assert any(each.startswith("GET /network/: it wants the network") for each in seen["warnings"])
    assert "GET /parameter/: it wants a parameter ('page')" in seen["warnings"]
    assert "GET /secret/" not in {each["what"] for each in seen["problems"]}  # strangers are sent away


def test_nothing_else_is_there(small: Path, tmp_path: Path) -> None:
    if not may_isolate():
        pytest.skip("this kernel lets nobody make namespaces")

    def look(place: Place) -> Any:
        with pytest.raises(OSError, match="Read-only file system"):
            Path("/new").touch()
        with pytest.raises(OSError, match="unreachable"):
            socket.create_connection(("192.0.2.1", 80), timeout=5)
        (place.data / "new").touch()
        processes = [each.name for each in Path("/proc").iterdir() if each.name.isdecimal()]
        return {each.name for each in Path("/").iterdir()}, socket.if_nameindex(), processes

    assert run_in_sandbox(small, tmp_path, look) == ({"data", "dev", "proc", "small"}, [(1, "lo")], ["1"])
    assert list((tmp_path / "root").iterdir()) == []


def test_what_fails_there_is_told(small: Path, tmp_path: Path) -> None:
    def fail(_place: Place) -> None:
        raise RuntimeError("no")

    with pytest.raises((SandboxError, RuntimeError), match="no"):
        run_in_sandbox(small, tmp_path, fail)


def test_no_file(tmp_path: Path) -> None:
    result = run_verify(tmp_path / "absent")
    assert result.returncode == 20
    assert f"there is no file {tmp_path / 'absent'}" in result.stderr
