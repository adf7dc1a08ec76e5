"""``djbundle image``: a bundle as a container image, without an engine and always with the same bytes.

The archive has two tables of contents: that of OCI's image layout (image-spec, image-layout.md), and the manifest.json
of ``docker save``, which older engines read. The manifest is Docker's own (image manifest V2, schema 2), which all
engines take: podman drops the health check of OCI's.
"""

import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from djbundle.builder.machines import MACHINES
from djbundle.builder.native.elf import machine_of
from djbundle.contract.file_format import is_bundle
from djbundle.errors import OptionError, OutputError

STORAGE = "storage"  # the data directory in a container
PORT = 80
SECOND = 1_000_000_000  # nanoseconds
CHUNK = 1 << 20  # bytes
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"
LABELS = "org.opencontainers.image"


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a bundle that its image tells."""

    name: str
    version: str
    date: str  # of the build, ISO 8601, UTC
    commit: str | None
    architecture: str

    @classmethod
    def of(cls, bundle: Path) -> Self:
        """Return the facts. Raises OptionError for a file that is no bundle, or that does not run here."""
        if not is_bundle(bundle):
            raise OptionError(f"{bundle} is no bundle", "name a file that  djbundle build  has written")
        try:
            output = subprocess.run([bundle.absolute(), "version", "--json"], capture_output=True, check=True).stdout
            told = json.loads(output)
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            fix = "run this on a machine of its kind, or install qemu-user-static"
            raise OptionError(f"{bundle} does not run on this machine, so its version is not known", fix) from error
        return cls(told["name"], told["version"], told["built"], told["commit"], architecture_of(bundle))

    @property
    def seconds(self) -> int:
        """The date of the build in seconds since 1970: the time of all files in the image."""
        return int(datetime.fromisoformat(self.date).timestamp())


def architecture_of(bundle: Path) -> str:
    """Return the kind of its machine, as images name it."""
    return next(each.oci for each in MACHINES.values() if each.elf == machine_of(bundle))


def write_image(bundle: Path, output: Path, tag: str | None = None) -> str:
    """Write the image of a bundle, and return its name, such as "shop:1.2"."""
    facts = Facts.of(bundle)
    tag = tag or f"{facts.name.lower()}:{tag_of(facts.version)}"
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("wb") as file, tempfile.TemporaryFile(dir=output.parent) as layer:
            Image(facts, tag).write(file, layer, bundle)
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"cannot write {output}: {error.strerror}", "choose another file with -o") from error
    return tag


def tag_of(version: str) -> str:
    """Return a version as a tag may have it: no plus sign, as in a commit with changes."""
    return "".join(each if each.isalnum() or each in "._-" else "-" for each in version)[:128]


class Image:
    """Writes one image."""

    def __init__(self, facts: Facts, tag: str) -> None:
        self.facts, self.tag = facts, tag

    def write(self, file: BinaryIO, layer: BinaryIO, bundle: Path) -> None:
        """Write the image to `file`, by way of the layer, a temporary file."""
        self.write_layer(layer, bundle)
        described_layer = describe(layer, LAYER)
        config = as_json(self.config(described_layer["digest"]))
        manifest = as_json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": describe(io.BytesIO(config), CONFIG),
                "layers": [described_layer],
            }
        )
        entry = describe(io.BytesIO(manifest), MANIFEST) | {
            "annotations": {f"{LABELS}.ref.name": self.tag.rpartition(":")[2], "io.containerd.image.name": self.tag}
        }
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            self.add(tar, "oci-layout", as_json({"imageLayoutVersion": "1.0.0"}))
            self.add(tar, "index.json", as_json({"schemaVersion": 2, "manifests": [entry]}))
            self.add(tar, "manifest.json", as_json([self.for_docker(config, described_layer["digest"])]))
            for content in (config, manifest):
                self.add(tar, blob_name(f"sha256:{hashlib.sha256(content).hexdigest()}"), content)
            layer.seek(0)
            tar.addfile(self.member(blob_name(described_layer["digest"]), described_layer["size"]), layer)

    def write_layer(self, layer: BinaryIO, bundle: Path) -> None:
        """Write the one layer: the bundle, and the folder of its data."""
        with tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as tar, bundle.open("rb") as file:
            tar.addfile(self.member(self.facts.name, bundle.stat().st_size, mode=0o755), file)
            tar.addfile(self.member(STORAGE, kind=tarfile.DIRTYPE, mode=0o755))

    def config(self, layer: str) -> dict[str, Any]:
        """Return how a container runs (image-spec, config.md). Docker adds health checks to OCI's fields."""
        facts, program = self.facts, f"/{self.facts.name}"
        labels = {"title": facts.name, "version": facts.version, "created": facts.date, "revision": facts.commit}
        return {
            "architecture": facts.architecture,
            "os": "linux",
            "created": facts.date,
            "config": {
                "Entrypoint": [program],
                "Cmd": ["serve"],
                "ExposedPorts": {f"{PORT}/tcp": {}},
                "Volumes": {f"/{STORAGE}": {}},
                "Labels": {f"{LABELS}.{name}": value for name, value in labels.items() if value},
                "Healthcheck": {
                    "Test": ["CMD", program, "healthcheck"],
                    "Interval": 30 * SECOND,
                    "Timeout": 15 * SECOND,
                    "StartPeriod": 60 * SECOND,
                },
            },
            "rootfs": {"type": "layers", "diff_ids": [layer]},
            "history": [{"created": facts.date, "created_by": "djbundle image"}],
        }

    def for_docker(self, config: bytes, layer: str) -> dict[str, Any]:
        """Return the entry of manifest.json, as ``docker save`` writes it."""
        digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        return {"Config": blob_name(digest), "RepoTags": [self.tag], "Layers": [blob_name(layer)]}

    def add(self, tar: tarfile.TarFile, name: str, content: bytes) -> None:
        tar.addfile(self.member(name, len(content)), io.BytesIO(content))

    def member(self, name: str, size: int = 0, *, kind: bytes = tarfile.REGTYPE, mode: int = 0o644) -> tarfile.TarInfo:
        member = tarfile.TarInfo(name)
        member.size, member.type, member.mode, member.mtime = size, kind, mode, self.facts.seconds
        return member


def as_json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def blob_name(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def describe(file: BinaryIO, media_type: str) -> dict[str, Any]:
    """Return the descriptor of a file (image-spec, descriptor.md)."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    for chunk in read_chunks(file):
        digest.update(chunk)
        size += len(chunk)
    return {"mediaType": media_type, "digest": f"sha256:{digest.hexdigest()}", "size": size}


def read_chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
