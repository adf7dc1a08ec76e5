"""``djbundle image``: a bundle as a container image, without an engine and always with the same bytes.

The archive has two tables of contents: that of OCI's image layout (image-spec, image-layout.md), and the manifest.json
of ``docker save``, which older engines read. The manifest is Docker's own (image manifest V2, schema 2), which all
engines take: podman drops the health check of OCI's.
"""

import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
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
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"
LABELS = "org.opencontainers.image"
Descriptor = dict[str, Any]  # media type, digest and size of a file


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

    def write(self, file: BinaryIO, layer: io.BufferedRandom, bundle: Path) -> None:
        """Write the image to `file`, by way of the layer, a temporary file."""
        self.write_layer(layer, bundle)
        described_layer = describe(layer, LAYER)
        config = as_json(self.config(described_layer["digest"]))
        described_config = describe(io.BytesIO(config), CONFIG)
        manifest = as_json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": described_config,
                "layers": [described_layer],
            }
        )
        described_manifest = describe(io.BytesIO(manifest), MANIFEST)
        entry = described_manifest | {
            "annotations": {f"{LABELS}.ref.name": self.tag.rpartition(":")[2], "io.containerd.image.name": self.tag}
        }
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            self.add(tar, "oci-layout", as_json({"imageLayoutVersion": "1.0.0"}))
            self.add(tar, "index.json", as_json({"schemaVersion": 2, "manifests": [entry]}))
            self.add(tar, "manifest.json", as_json([self.for_docker(described_config, described_layer)]))
            self.add(tar, blob_name(described_config), config)
            self.add(tar, blob_name(described_manifest), manifest)
            layer.seek(0)
            tar.addfile(self.member(blob_name(described_layer), described_layer["size"]), layer)

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

    def for_docker(self, config: Descriptor, layer: Descriptor) -> dict[str, Any]:
        """Return the entry of manifest.json, as ``docker save`` writes it."""
        return {"Config": blob_name(config), "RepoTags": [self.tag], "Layers": [blob_name(layer)]}

    def add(self, tar: tarfile.TarFile, name: str, content: bytes) -> None:
        tar.addfile(self.member(name, len(content)), io.BytesIO(content))

    def member(self, name: str, size: int = 0, *, kind: bytes = tarfile.REGTYPE, mode: int = 0o644) -> tarfile.TarInfo:
        member = tarfile.TarInfo(name)
        member.size, member.type, member.mode, member.mtime = size, kind, mode, self.facts.seconds
        return member


def as_json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def blob_name(descriptor: Descriptor) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def describe(file: io.BytesIO | io.BufferedRandom, media_type: str) -> Descriptor:
    """Return the descriptor of a file (image-spec, descriptor.md)."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}
