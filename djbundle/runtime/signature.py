"""Whether a new version comes from whom the running one was told to trust: ``signer`` in ``[tool.djbundle]``.

The signature is what ``openssl dgst -sha256 -sign`` writes, in a file beside that of the new version.
"""

from dataclasses import dataclass
from pathlib import Path

from djbundle.errors import UpgradeError
from djbundle.runtime.openssl import OpenSslError, PublicKey

SUFFIX = ".sig"


@dataclass(frozen=True, slots=True)
class Signature:
    """What must have been made of a file by the signer's private key."""

    signer: str  # the public key, PEM
    file: Path

    def check(self, signed: Path) -> None:
        """Raises UpgradeError where it is not of `signed`, or not by the signer."""
        try:
            signature, content = self.file.read_bytes(), signed.read_bytes()
        except OSError as error:
            raise UpgradeError(
                f"only what is signed may take over, and there is no reading {error.filename}: {error.strerror}",
                f"openssl dgst -sha256 -sign KEY.pem -out {self.file.name} {signed.name}  where the key is; copy both",
            ) from error
        try:
            is_good = PublicKey.from_pem(self.signer.encode()).verifies(content, signature)
        except OpenSslError as error:
            raise UpgradeError(
                "OpenSSL cannot read the `signer` of the running version", "put the new file in its place, and restart"
            ) from error
        if not is_good:
            raise UpgradeError(
                f"{self.file} does not sign {signed} with the key of the running version's `signer`",
                "copy both again, or sign with that key",
            )
