"""The process that keeps a certificate: gets it, renews it in time, and answers HTTP meanwhile.

Web workers know nothing of authorities. They look at the file (web.py) and take up what is new.
"""

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn

from djbundle.runtime.logs.lines import log
from djbundle.runtime.openssl import PrivateKey
from djbundle.runtime.tls.acme import AcmeError, Client, ExternalAccount, jittered
from djbundle.runtime.tls.authority import LOCAL_NAMES, issue_internal
from djbundle.runtime.tls.jose import decode_base64url
from djbundle.runtime.tls.options import TlsOptions
from djbundle.runtime.tls.store import Store, read_certificate
from djbundle.runtime.tls.x509 import Certificate

RENEW_AT = 2 / 3  # of its life
SPREAD = 0.05  # of its life, by which the renewals of sites differ
LONGEST_SLEEP = 3600.0  # seconds; clocks are set, machines sleep
UNAVAILABLE = (5.0, 600.0)  # seconds between attempts when the authority has troubles: the first, the longest
REFUSED = (60.0, 6 * 3600.0)  # and when it has said no, which authorities count


@dataclass(slots=True)
class Keeper:
    """Keeps the one certificate of a site."""

    site: str  # name and version, for the authority's log
    options: TlsOptions
    store: Store
    failures: int = field(default=0, init=False)

    def run(self) -> NoReturn:
        while True:
            time.sleep(self.keep())

    def keep(self) -> float:
        """Renew the certificate if it is time; seconds until the next look."""
        path = self.store.certificate_file(self.options)
        wait = seconds_left(read_certificate(path), self.names(), datetime.now(UTC))
        if wait > 0:
            return min(wait, LONGEST_SLEEP)
        try:
            chain = self.issue()
        except Exception as error:  # whatever an authority may say; without this process there is no next certificate
            return self.fail(error)
        self.failures = 0
        self.store.write(path, chain.encode("ascii"))
        ends = "" if (found := read_certificate(path)) is None else f"; valid until {found.ends:%Y-%m-%d %H:%M} UTC"
        log(f"new certificate for {', '.join(self.names())}{ends}", source="tls")
        return 1.0

    def names(self) -> tuple[str, ...]:
        domains = self.options.domains
        return domains if self.options.source == "acme" else tuple(dict.fromkeys((*domains, *LOCAL_NAMES)))

    def issue(self) -> str:
        """A new key and its chain, in PEM."""
        if self.options.source == "internal":
            return issue_internal(self.store, self.site.partition("/")[0], self.options.domains)
        client = Client(self.options.directory, self.store.account_key(self.options.directory), self.site)
        client.register(self.options.email, external_account(self.options))
        key = PrivateKey.generate()
        chain = client.issue(self.options.domains, key, self.store.publish)
        return key.to_pem().decode() + chain

    def fail(self, error: Exception) -> float:
        passing = isinstance(error, OSError) or (isinstance(error, AcmeError) and error.passing)
        first, longest = UNAVAILABLE if passing else REFUSED
        wait = jittered(min(first * 2 ** min(self.failures, 20), longest))
        said = f"{type(error).__name__}: {error}"
        if isinstance(error, AcmeError):
            wait, said = max(wait, error.retry_after), str(error)
        self.failures += 1
        message = f"no certificate for {', '.join(self.names())}: {said}; trying again in {in_words(wait)}"
        log(message, "warning", source="tls")
        return wait


def external_account(options: TlsOptions) -> ExternalAccount | None:
    if options.external_account is None:
        return None
    identifier, secret = options.external_account
    return ExternalAccount(identifier, decode_base64url(secret))


def seconds_left(certificate: Certificate | None, names: tuple[str, ...], now: datetime) -> float:
    """Until it should be renewed; 0 when there is none that does for `names`."""
    if certificate is None or not certificate.names >= set(names) or certificate.ends < now:
        return 0.0
    life = certificate.ends - certificate.begins
    own = random.Random(f"{certificate.begins} {names}").uniform(-SPREAD, SPREAD)  # noqa: S311 - no secret
    return max(0.0, (certificate.begins + life * (RENEW_AT + own) - now).total_seconds())


def in_words(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
