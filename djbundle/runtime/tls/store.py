"""What TLS keeps in the data directory, readable by its owner alone.

tls/account-HASH.pem    the key of our account with the authority of that URL
tls/SOURCE-NAME.pem     key and chain of the site, in one file, so that they are replaced together
tls/authority.pem       the key of --tls internal; root.pem is its certificate, for clients to trust
tls/challenges/TOKEN    what the authority asks for
"""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from djbundle.runtime.openssl import OpenSslError, PrivateKey
from djbundle.runtime.tls.options import TlsOptions
from djbundle.runtime.tls.x509 import Certificate

FOLDER = "tls"
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Store:
    """The folder ``tls`` of one data directory."""

    def __init__(self, data: Path) -> None:
        self.folder = data / FOLDER
        self.challenges = self.folder / "challenges"

    def create(self) -> None:
        self.challenges.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        for left in self.challenges.iterdir():
            left.unlink()

    def certificate_file(self, options: TlsOptions) -> Path:
        """Where key and chain lie, or will lie."""
        if options.source == "acme":
            # Another authority is another certificate: one for tests must not stay when it is changed.
            return self.folder / f"{_short(options.directory)}-{options.domains[0]}.pem"
        return self.folder / "internal.pem"

    def account_key(self, directory: str) -> PrivateKey:
        return self.key(f"account-{_short(directory)}.pem")

    def key(self, name: str) -> PrivateKey:
        """The key in a file, made when it is not there; a damaged one is put aside."""
        path = self.folder / name
        try:
            return PrivateKey.from_pem(path.read_bytes())
        except FileNotFoundError:
            pass
        except OpenSslError:
            path.replace(path.with_suffix(".damaged"))
        key = PrivateKey.generate()
        self.write(path, key.to_pem())
        return key

    def write(self, path: Path, content: bytes) -> None:
        """All or nothing, also when the power goes."""
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:  # 0600
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    def publish(self, token: str, content: str) -> None:
        """Show a challenge's answer to whoever asks for it."""
        if not TOKEN.fullmatch(token):
            raise ValueError("not a token")
        self.write(self.challenges / token, content.encode())

    def challenge(self, token: str) -> bytes | None:
        if not TOKEN.fullmatch(token):
            return None
        try:
            return (self.challenges / token).read_bytes()
        except FileNotFoundError:
            return None


def read_certificate(path: Path) -> Certificate | None:
    """The first certificate of a file; None when there is none, or none that can be read."""
    try:
        return Certificate.from_pem(path.read_text("ascii"))
    except (OSError, ValueError):
        return None


def _short(directory: str) -> str:
    return hashlib.sha256(directory.encode()).hexdigest()[:8]
