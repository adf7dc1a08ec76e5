"""The name and the addresses of a site: for the log, systemd, ``status`` and ``healthcheck``."""

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from djbundle.contract.variables import BROKER_URL
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.net.sockets import Listeners, url_of
from djbundle.runtime.options.roles import Role, names_of
from djbundle.runtime.options.serve import ServeOptions
from djbundle.runtime.tls.pair import CertificatePair


@dataclass(frozen=True, slots=True)
class SiteInfo:
    name: str
    version: str
    data: Path
    roles: frozenset[Role]
    urls: list[str]  # for clients
    local_url: str  # for this machine, whatever the name of the certificate; "" without the role web
    health_path: str
    pair: CertificatePair | None  # its TLS certificate
    broker: str  # TASKS_URL without its password
    backup_recipients: tuple[str, ...]
    since: float = field(default_factory=time.time)  # seconds since 1970

    @classmethod
    def of(cls, bundle: Bundle, options: ServeOptions, listeners: Listeners, pair: CertificatePair | None) -> Self:
        scheme = "https" if options.tls else "http"
        name = options.tls.domains[0] if options.tls and options.tls.domains else None
        return cls(
            name=bundle.manifest.name,
            version=bundle.manifest.version,
            data=bundle.data,
            roles=options.roles,
            urls=[url_of(sockets[0], scheme, name) for sockets in listeners.site],
            local_url=url_of(listeners.main, scheme) if listeners.site else "",
            health_path=options.http.health_path,
            pair=pair,
            broker=masked_broker(os.environ.get(BROKER_URL, "")),
            backup_recipients=options.backup_recipients,
        )

    def __str__(self) -> str:
        return f"{self.name} {self.version} {self.occupation} with data in {self.data}"

    @property
    def occupation(self) -> str:
        """The work of the site, such as "serves http://127.0.0.1:8000/" or "runs as worker, scheduler"."""
        return f"serves {', '.join(self.urls)}" if self.urls else f"runs as {names_of(self.roles)}"

    def status_fields(self) -> dict[str, Any]:
        """Return these facts for ``status``, which prints JSON."""
        ends = self.pair.ends() if self.pair else None
        return {
            "name": self.name,
            "version": self.version,
            "url": self.urls[0] if self.urls else "",
            "urls": self.urls,
            "local_url": self.local_url,
            "health_path": self.health_path,
            "certificate_ends": ends.timestamp() if ends else None,
            "data": str(self.data),
            "program": sys.executable,
            "since": self.since,
            "broker": self.broker,
            "backup_recipients": list(self.backup_recipients),
        }


def masked_broker(url: str) -> str:
    """Return the broker's URL without its password; "" for none, and for a wrong one, which the site refuses."""
    if not url:
        return ""
    from djbundle.common.broker_url import BrokerUrl, BrokerUrlError  # noqa: PLC0415 - few sites have a broker

    try:
        return BrokerUrl.parse(url).masked
    except BrokerUrlError:
        return ""
