"""Checks that a new version is signed with the key that the running one trusts: ``signer`` in ``[tool.djbundle]``.

The signature is a file beside the new version, as ``openssl dgst -sha256 -sign`` writes it.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from djbundle.errors import TlsMissingError, UpgradeError

SUFFIX = ".sig"
MAX_SIZE = 65536  # bytes of a signature file; those of openssl have at most 2,048


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature file, and the public key of the signer who must have made it."""

    signer: str  # the public key, PEM
    file: Path

    def check(self, signed: Path) -> None:
        """Raise UpgradeError unless this is the signer's signature of `signed`."""
        try:
            signature, content = read_signature(self.file), signed.read_bytes()
        except OSError as error:
            raise UpgradeError(
                f"only what is signed may take over, but {error.filename} cannot be read: {error.strerror}",
                f"openssl dgst -sha256 -sign KEY.pem -out {self.file.name} {signed.name}  where the key is; copy both",
            ) from error
        try:
            is_valid = is_valid_signature(self.signer.encode(), content, signature)
        except ValueError as error:
            raise UpgradeError(
                "cannot read the `signer` of the running version", "put the new file in its place, and restart"
            ) from error
        if not is_valid:
            raise UpgradeError(
                f"{self.file} does not sign {signed} with the key of the running version's `signer`",
                "copy both again, or sign with that key",
            )


def read_signature(file: Path) -> bytes:
    """Return the content of a signature file, cut after MAX_SIZE.

    Another user may have put something else there: a pipe that never ends, or a device that fills the memory of root.
    """
    with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:  # noqa: PTH123 - of a descriptor
        return opened.read(MAX_SIZE) if stat.S_ISREG(os.fstat(opened.fileno()).st_mode) else b""


def is_valid_signature(signer: bytes, content: bytes, signature: bytes) -> bool:
    """Return whether `signature` matches `content` and the public key `signer`, in PEM: ECDSA, RSA, Ed25519 or Ed448.

    The hash is the usual one: SHA-256 for ECDSA and RSA. Raise ValueError if `signer` is no such key. Raise
    TlsMissingError in a bundle that was built without signature checks.
    """
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415 - for an upgrade only
        from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise TlsMissingError(
            "this bundle was built with `tls = false` and without `signer`, so it can check no signature",
            "ask the running version to upgrade itself: run the command with its file",
        ) from error
    try:
        key = load_pem_public_key(signer)
    except UnsupportedAlgorithm as error:
        raise ValueError("a key of an unknown kind") from error
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, content, padding.PKCS1v15(), SHA256())
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, content)
        else:
            raise ValueError("a key that cannot sign")
    except InvalidSignature:
        return False
    return True
