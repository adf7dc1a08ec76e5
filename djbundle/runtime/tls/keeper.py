"""The process that keeps a certificate: gets it, and renews it in time.

Web workers know nothing of authorities. They check the file (web_process.py), and load a new certificate. If this
process crashes, its supervisor starts it again.
"""

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn

from djbundle.runtime.logs.lines import log
from djbundle.runtime.options.tls import TlsOptions, decode_base64url
from djbundle.runtime.tls.acme import AcmeClient, ExternalAccount
from djbundle.runtime.tls.authority import LOCAL_NAMES, issue_internal
from djbundle.runtime.tls.chain import check_chain
from djbundle.runtime.tls.deadline import Alarm
from djbundle.runtime.tls.exchange import AcmeError
from djbundle.runtime.tls.keys import generate_key, key_to_pem, stored_key
from djbundle.runtime.tls.rate_limit import OrderRateLimit
from djbundle.runtime.tls.store import Store, short
from djbundle.runtime.tls.x509 import Certificate, find_certificate, find_pair

RENEW_AT = 2 / 3  # share of its lifetime
SPREAD = 0.05  # share of its lifetime by which the renewals of sites differ
MAX_SLEEP = 3600.0  # seconds; the clock may be set and the machine suspended meanwhile
UNAVAILABLE = (5.0, 600.0)  # seconds between attempts while the authority has troubles: the first, the longest
REFUSED = (60.0, 6 * 3600.0)  # the same after a refusal; authorities count refusals
DEADLINE = 900.0  # seconds for an order, whatever the authority does meanwhile


@dataclass(slots=True)
class Keeper:
    """Keeps the one certificate of a site."""

    site: str  # name and version, for the authority's log
    options: TlsOptions
    store: Store
    alarm: Alarm = field(default_factory=Alarm)
    failures: int = field(default=0, init=False)
    rate_limit: OrderRateLimit = field(init=False)

    def __post_init__(self) -> None:
        self.rate_limit = OrderRateLimit(self.store, self.options)

    def run(self) -> NoReturn:
        self.store.create()
        self.store.clean()
        with self.alarm:
            while True:
                time.sleep(self.keep())

    def keep(self) -> float:
        """Renew the certificate if it is time; return the seconds until the next check."""
        self.store.create()  # it may have been removed
        name = self.store.certificate_name(self.options)
        wait = seconds_left(find_pair(self.store.read(name)), self.names(), datetime.now(UTC))
        if wait > 0:
            return min(wait, MAX_SLEEP)
        if self.options.source == "acme" and (wait := self.rate_limit.wait()) > 0:
            log(f"no new certificate for {self.shown()} yet: {self.rate_limit_message(wait)}", source="tls")
            return min(wait, MAX_SLEEP)
        try:
            content = self.issue()
            self.store.write(name, content.encode("ascii"))
        except Exception as error:  # any response of an authority, or a full disk: the next attempt may succeed
            return self.fail(error)
        self.failures = 0
        ends = (
            ""
            if (certificate := find_certificate(content.encode())) is None
            else f"{certificate.ends:%Y-%m-%d %H:%M} UTC"
        )
        log(f"new certificate for {self.shown()}; valid until {ends}", source="tls")
        return 1.0

    def names(self) -> tuple[str, ...]:
        domains = self.options.domains
        return domains if self.options.source == "acme" else tuple(dict.fromkeys((*domains, *LOCAL_NAMES)))

    def shown(self) -> str:
        return ", ".join(self.names())

    def issue(self) -> str:
        """Return a new key and its checked chain, in PEM."""
        if self.options.source == "internal":
            return issue_internal(self.store, self.site.partition("/")[0], self.options.domains)
        account = stored_key(self.store, f"account-{short(self.options.directory)}.pem")
        key, names = generate_key(), self.options.domains
        client = AcmeClient(self.options.directory, account, self.site)
        with self.alarm.limit(DEADLINE):
            client.register(self.options.email, external_account(self.options))
            self.rate_limit.note()
            pem = client.issue(names, key, self.store.publish)
        return key_to_pem(key).decode() + check_chain(pem, key, names, datetime.now(UTC))

    def fail(self, error: Exception) -> float:
        is_temporary = isinstance(error, OSError) or (isinstance(error, AcmeError) and error.is_temporary)
        first, longest = UNAVAILABLE if is_temporary else REFUSED
        wait = jittered(min(first * 2 ** min(self.failures, 20), longest))
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, AcmeError):
            wait, reason = max(wait, error.retry_after), str(error)
        if self.options.source == "acme":
            wait = max(wait, self.rate_limit.wait())
        self.failures += 1
        message = f"no certificate for {self.shown()}: {reason}; trying again in {format_duration(wait)}"
        log(message, "warning", source="tls")
        return wait

    def rate_limit_message(self, wait: float) -> str:
        wait_text = format_duration(wait)
        return f"one was ordered less than an hour ago (tls/{self.rate_limit.name}); the next order in {wait_text}"


def external_account(options: TlsOptions) -> ExternalAccount | None:
    if options.external_account is None:
        return None
    identifier, secret = options.external_account
    return ExternalAccount(identifier, decode_base64url(secret))


def seconds_left(certificate: Certificate | None, names: tuple[str, ...], now: datetime) -> float:
    """Return the seconds until the renewal; 0 if there is no valid certificate for `names`."""
    if certificate is None or not certificate.names >= set(names) or certificate.ends < now:
        return 0.0
    life = certificate.ends - certificate.begins
    own = random.Random(f"{certificate.begins} {names}").uniform(-SPREAD, SPREAD)  # noqa: S311 - no secret
    return max(0.0, (certificate.begins + life * (RENEW_AT + own) - now).total_seconds())


def jittered(seconds: float) -> float:
    """Return up to a tenth more or less, so that sites started together do not try again together."""
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311 - no secret


def format_duration(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
