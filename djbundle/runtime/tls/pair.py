"""A certificate with its key, checked before it is used: with an unusable one, Granian ends with a traceback.

The check is a handshake of Python's own TLS with itself, so web workers need not load more.
"""

import contextlib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from djbundle.errors import CertificateError
from djbundle.runtime.tls.last_pair import LastPair

NO_CHECK_TIME = 0x200000  # x509_vfy.h, X509_V_FLAG_NO_CHECK_TIME: we check the expiry ourselves
FLIGHTS = 4  # more than a handshake has

FilesVersion = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class CertificatePair:
    """The files of a certificate and its key; it may be one file that holds both."""

    certificate: Path
    key: Path
    last: LastPair | None = field(default=None, compare=False)  # shared by the processes of a site

    def version(self) -> FilesVersion | None:
        """Return a value that changes when one of the files does; None while one is missing."""
        try:
            statuses = [path.stat() for path in (self.certificate, self.key)]
        except OSError:
            return None
        return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in statuses)

    def check(self) -> None:
        """Raise CertificateError if a server cannot use the files."""
        ends = self._read_end()
        if ends < datetime.now(UTC):
            raise CertificateError(
                f"the certificate in {self.certificate} has expired on {ends:%Y-%m-%d %H:%M} UTC", "renew it"
            )
        if self.last:
            with contextlib.suppress(OSError):  # the files were replaced meanwhile
                self.last.store(self.certificate, self.key)

    def ends(self) -> datetime | None:
        """Return when the certificate expires; None if a server could not use it anyway."""
        try:
            return self._read_end()
        except CertificateError:
            return None

    def _read_end(self) -> datetime:
        for path in (self.certificate, self.key):
            try:
                path.read_bytes()
            except OSError as error:
                raise CertificateError(
                    f"cannot read {path}: {error.strerror}", "give a PEM file that this user may read"
                ) from error
        client, server = _client(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            client.load_verify_locations(self.certificate)
        except (OSError, ValueError) as error:
            raise CertificateError(
                f"{self.certificate} holds no certificate", "give the chain as PEM, the site's first"
            ) from error
        try:
            server.load_cert_chain(self.certificate, self.key, password=_no_password)
            ends = _handshake(client, server)["notAfter"]
        except (OSError, ValueError) as error:
            raise CertificateError(self._complaint(error), "give the PEM file of the key it was made for") from error
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), UTC)

    def _complaint(self, error: Exception) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"the certificate in {self.certificate} is not for servers: {error.verify_message}"
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            return f"the key in {self.key} does not belong to the certificate in {self.certificate}"
        if isinstance(error, ValueError):
            return f"the key in {self.key} is protected by a password"
        return f"{self.key} or {self.certificate} is damaged"


def _client() -> ssl.SSLContext:
    """Return a context that trusts the certificate itself: its issuer is for others to judge."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(NO_CHECK_TIME)
    return context


def _handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> dict[str, object]:
    """Return what the client sees of the server's certificate."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_end = client.wrap_bio(to_client, to_server)
    server_end = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (client_end, server_end) * FLIGHTS:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return dict(client_end.getpeercert() or {})


def _no_password() -> str:
    raise ValueError("there is nobody to ask")
