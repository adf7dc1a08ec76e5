"""A bundle for aarch64 that is put together on another machine, from Debian's packages and wheels, and is emulated.

qemu-user runs each of its programs, on this kernel. One test boots a kernel with larger pages (qemu-system).
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from djbundle.builder.archive.read import BundleFile
from djbundle.builder.machines import this_machine
from djbundle.builder.native import elf
from djbundle.contract.inventory import SBOM
from tests.bundle.records import notes_in
from tests.conftest import PROJECTS, REPOSITORY, build
from tests.support.customer import Customer
from tests.support.emulated_machine import LARGE_PAGES, boot
from tests.support.machines import bench_of, register_emulator
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
MACHINE = "aarch64"
PYTHON = REPOSITORY / ".venv" / "arm64" / "python"  # kept, because it takes a minute to get


class EmulatedSite(Site):
    """A site whose programs are emulated, which takes ten times as long and more."""

    start_timeout = run_timeout = 600.0


@pytest.fixture(scope="module")
def python() -> Path:
    bench = bench_of(MACHINE)
    if bench.machine == this_machine():
        pytest.skip("this machine is the target")
    register_emulator(bench.machine)
    subprocess.run([REPOSITORY / "ci" / "debian", "python", PYTHON], check=True)
    return PYTHON


@pytest.fixture(scope="module")
def small(python: Path, bundles: Path) -> Path:
    return build_across(PROJECTS / "small", python, bundles / "target" / "small")


@pytest.fixture(scope="module")
def next_small(python: Path, bundles: Path) -> Path:
    """Build version 2 of the small project, which the first can be upgraded to."""
    project = Path(shutil.copytree(PROJECTS / "small", bundles / "target" / "project"))
    with (project / "pyproject.toml").open("a") as file:
        file.write('[project]\nname = "small"\nversion = "2"\n')
    return build_across(project, python, bundles / "target" / "next")


def build_across(project: Path, python: Path, output: Path) -> Path:
    return build(project, output, "--target", f"linux-{MACHINE}", "--target-python", str(python))


@pytest.fixture
def site(small: Path, tmp_path: Path) -> Iterator[Site]:
    site = EmulatedSite(copy_bundle(small, tmp_path / "place"), tmp_path / "data", bare_environment())
    site.run("migrate")
    with site:
        yield site


def test_it_is_for_the_target(small: Path) -> None:
    assert elf.machine_of(small) == "EM_AARCH64"


def test_its_sbom_names_every_file(small: Path) -> None:
    """No package manager has installed this Python, so its libraries are named by their files, glibc with a version."""
    bundle = BundleFile.open(small)
    sbom = json.loads(bundle.read(SBOM))
    components = [sbom["metadata"]["component"], *sbom["components"]]
    owners = {part["name"]: each["name"] for each in components for part in each.get("components", ())}
    assert owners["_lib/libc.so.6"] == owners["glibc"] == "libc"
    machine_code = {file.name for file, content in bundle.contents() if bytes(content[:4]) == elf.MAGIC}
    assert len(machine_code) > 80
    assert machine_code <= {*owners}


def test_it_serves_runs_a_task_and_is_upgraded(site: Site, next_small: Path) -> None:
    assert site.shell("import platform, sqlite3; print(platform.machine(), sqlite3.sqlite_version >= '3.51.3')") == (
        "aarch64 True"
    )
    visitor = Customer(site.url)
    assert visitor.get("/").status == 200
    site.shell("from notes.tasks import write_note; write_note.enqueue('by hand')")
    wait_until(lambda: "by hand" in notes_in(site), "the task has run")
    result = site.run("upgrade", str(next_small), check=False)
    assert result.returncode == 0, result.stderr + site.log.read_text()
    assert '"version": "2"' in site.run("version", "--json").stdout
    assert visitor.get("/").status == 200
    assert site.process.poll() is None


def test_it_runs_with_larger_pages(small: Path, tmp_path: Path) -> None:
    lines = boot(LARGE_PAGES, bench_of(MACHINE), tmp_path, "/small", "check", files={"small": small})
    assert lines[0] == "pages of 16384 bytes"
    assert any(line.startswith("System check identified") for line in lines)
    assert lines[-1] == "status 0"
