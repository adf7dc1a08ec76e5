"""``djbundle image`` writes a container image without an engine; podman loads it, and it serves."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import DJBUNDLE
from tests.support.customer import Customer
from tests.support.podman import VARIABLE, podman, write_configuration
from tests.support.ports import free_port
from tests.support.waiting import wait_until

TAG = "djbundle-test-image:7"


def write_image(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [str(DJBUNDLE), "image", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == code, result.stderr
    return result


@pytest.fixture(scope="module")
def image(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("image") / "small.tar"
    assert f"wrote {TAG}" in write_image(small, "-o", output, "--tag", TAG).stdout
    return output


@pytest.fixture
def loaded(image: Path, tmp_path: Path) -> Iterator[str]:
    os.environ[VARIABLE] = str(write_configuration(tmp_path))
    podman("load", "-i", image)
    yield TAG
    podman("rmi", "--force", TAG)
    del os.environ[VARIABLE]


def test_every_blob_has_the_digest_of_its_name(image: Path) -> None:
    with tarfile.open(image) as tar:
        content = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]
    blobs = {name: data for name, data in content.items() if name.startswith("blobs/sha256/")}
    assert len(blobs) == 3
    for name, data in blobs.items():
        assert name.rpartition("/")[2] == hashlib.sha256(data).hexdigest()
    (manifest,) = json.loads(content["index.json"])["manifests"]
    assert manifest["digest"].replace(":", "/") in "".join(blobs)
    (docker,) = json.loads(content["manifest.json"])
    assert {docker["Config"], *docker["Layers"]} <= {*blobs}


def test_the_same_bytes_each_time(small: Path, image: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(small, tmp_path / "small"))
    os.utime(copy, (0, 0))
    write_image(copy, "--tag", TAG)
    assert (tmp_path / "small.tar").read_bytes() == image.read_bytes()


def test_podman_runs_it(loaded: str) -> None:
    port = free_port()
    container = podman("run", "--detach", "--network=host", f"--env=PORT={port}", loaded).stdout.strip()
    try:
        wait_until(lambda: "serves http" in podman("logs", container).stderr, "the container serves", 60)
        assert Customer(f"http://127.0.0.1:{port}").get("/").status == 200
        (facts,) = json.loads(podman("inspect", container).stdout)
        assert [each["Destination"] for each in facts["Mounts"]] == ["/storage"], "a volume keeps the data"
        assert facts["Config"]["Healthcheck"]["Test"] == ["CMD", "/small", "healthcheck"]
        assert facts["Config"]["Labels"]["org.opencontainers.image.title"] == "small"
        assert podman("exec", container, "/small", "healthcheck").returncode == 0
    finally:
        podman("rm", "--force", "--time", "0", "--volumes", container)


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no bundle")
    assert "is no bundle" in write_image(tmp_path / "file", code=2).stderr
    assert not (tmp_path / "file.tar").exists()


def test_a_folder_that_is_not_there(small: Path, tmp_path: Path) -> None:
    result = write_image(small, "-o", tmp_path / "none" / "image.tar", code=20)
    assert "cannot write" in result.stderr
