"""A certificate with its key, checked before it is used: Granian ends with a traceback over one that does not do."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from djbundle.errors import CertificateError
from djbundle.runtime.tls.store import read_certificate

Version = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files, or one that holds both."""

    certificate: Path
    key: Path

    def version(self) -> Version | None:
        """Changes when one of the files does; None while one is not there."""
        try:
            found = [path.stat() for path in (self.certificate, self.key)]
        except OSError:
            return None
        return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in found)

    def check(self) -> None:
        """Raises CertificateError for what a server cannot use."""
        for path in (self.certificate, self.key):
            try:
                path.read_bytes()
            except OSError as error:
                raise CertificateError(
                    f"cannot read {path}: {error.strerror}", "give a PEM file that this user may read"
                ) from error
        found = read_certificate(self.certificate)
        if found is None:
            raise CertificateError(
                f"{self.certificate} holds no certificate", "give the chain as PEM, the site's first"
            )
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ValueError) as error:
            raise CertificateError(self._complaint(error), "give the PEM file of the key it was made for") from error
        if found.ends < datetime.now(UTC):
            raise CertificateError(
                f"the certificate in {self.certificate} has expired on {found.ends:%Y-%m-%d %H:%M} UTC", "renew it"
            )

    def _complaint(self, error: Exception) -> str:
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            return f"the key in {self.key} does not belong to the certificate in {self.certificate}"
        if isinstance(error, ValueError):
            return f"the key in {self.key} is protected by a password"
        return f"{self.key} or {self.certificate} is damaged"


def _no_password() -> str:
    raise ValueError("there is nobody to ask")
