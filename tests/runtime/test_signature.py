"""The runtime accepts signatures of `openssl`, and nothing else."""

import os
import subprocess
from pathlib import Path

import pytest

from djbundle.errors import UpgradeError
from djbundle.runtime.handover.signature import Signature

P_256 = ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")
DIGEST = ("dgst", "-sha256", "-sign", "key", "-out", "new.sig", "new")
RAW = ("pkeyutl", "-sign", "-rawin", "-inkey", "key", "-in", "new", "-out", "new.sig")  # Ed25519 hashes by itself


@pytest.mark.parametrize(
    ("algorithm", "command"), [(P_256, DIGEST), (("RSA",), DIGEST), (("ED25519",), RAW)], ids=lambda each: each[0]
)
def test_each_kind_of_key(tmp_path: Path, algorithm: tuple[str, ...], command: tuple[str, ...]) -> None:
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    new = tmp_path / "new"
    new.write_bytes(b"the new version" * 1000)
    openssl("genpkey", "-algorithm", *algorithm, "-out", "key")
    openssl("pkey", "-in", "key", "-pubout", "-out", "key.pub")
    openssl(*command)
    signature = Signature((tmp_path / "key.pub").read_text(), tmp_path / "new.sig")
    signature.check(new)
    new.write_bytes(new.read_bytes() + b".")
    with pytest.raises(UpgradeError, match="does not sign"):
        signature.check(new)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "large"])
def test_what_is_no_signature_neither_hangs_nor_fills_the_memory(tmp_path: Path, kind: str) -> None:
    file, new = tmp_path / "new.sig", tmp_path / "new"
    new.touch()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    elif kind == "folder":
        file.mkdir()
    else:
        file.touch()
        os.truncate(file, 1 << 42)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519", "-out", "key"], cwd=tmp_path, check=True)
    subprocess.run(["openssl", "pkey", "-in", "key", "-pubout", "-out", "key.pub"], cwd=tmp_path, check=True)
    with pytest.raises(UpgradeError):
        Signature((tmp_path / "key.pub").read_text(), file).check(new)


def test_signer_that_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    with pytest.raises(UpgradeError, match="cannot read the `signer`"):
        Signature("-----BEGIN PUBLIC KEY-----\nMFk=\n-----END PUBLIC KEY-----\n", tmp_path / "new").check(
            tmp_path / "new"
        )
