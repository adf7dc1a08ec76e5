"""The image of ``init --for builder`` builds a project that lies in a mounted folder.

No image can be downloaded everywhere. Debian 13 with its own Python takes the place of Debian 13 with that of the
official image; the name and the way to call `python` are the same. The packages come from a folder in the image.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import DJBUNDLE, PROJECTS
from tests.real.test_debian import MIRROR
from tests.support.podman import VARIABLE, podman, write_configuration
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.wheel import make_environment, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes the root of a Debian"),
    pytest.mark.skipif(sys.version_info[:2] != (3, 13), reason="Debian 13 has Python 3.13, and the image this Python"),
]
BASE = "docker.io/library/python:3.13-slim-trixie"
IMAGE = "small-builder"
OFFLINE = ("PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels", "UV_NO_INDEX=1", "UV_FIND_LINKS=/wheels")


@pytest.fixture
def base(wheel: Path, tmp_path: Path) -> Iterator[str]:
    """Yield the name of the image that takes the place of the official one."""
    root = tmp_path / "root"
    run(
        "debootstrap",
        "--variant=minbase",
        "--include=ca-certificates,python3,python3-dev,python3-venv",
        "trixie",
        root,
        MIRROR,
    )
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    pip = make_environment(tmp_path / "pip", "3.13", "pip") / "pip"
    run(pip, "wheel", "--quiet", "--wheel-dir", root / "wheels", wheel, "django", "uv")
    os.environ[VARIABLE] = str(write_configuration(tmp_path))
    archive = tmp_path / "root.tar"
    run("tar", "-C", root, "-cf", archive, ".")
    podman("import", "--quiet", *(f"--change=ENV {each}" for each in OFFLINE), archive, BASE)
    yield BASE
    podman("rmi", "--force", BASE)
    del os.environ[VARIABLE]


def test_a_project_is_built_in_the_image(base: str, tmp_path: Path) -> None:
    project = Path(shutil.copytree(PROJECTS / "small", tmp_path / "project"))
    (project / "pyproject.toml").unlink()  # it wants packages for other tests
    (project / "requirements.txt").write_text("django\n")
    subprocess.run([DJBUNDLE, "init", project, "--for", "builder"], check=True, capture_output=True)
    containerfile = project / "deploy" / "builder" / "Containerfile"
    assert f"FROM {base}\n" in containerfile.read_text()
    podman("build", "--network=host", "-t", IMAGE, "-f", containerfile, project)
    try:
        podman("run", "--rm", "--network=host", "-v", f"{project}:/project", IMAGE)
        holds_project = podman("run", "--rm", "--entrypoint=find", IMAGE, "/project", "-mindepth", "1").stdout
    finally:
        podman("rmi", "--force", IMAGE)
    assert holds_project == ""
    bundle = copy_bundle(project / "dist" / "small", tmp_path / "server")
    site = Site(bundle, tmp_path / "data", bare_environment())
    site.run("migrate")
    with site:
        assert site.status()
