"""The site that serves with this data directory: its version, its user, its certificate. Needs no Django."""

import time
from collections.abc import Iterator
from pathlib import Path

from djbundle.errors import NotServingError
from djbundle.runtime.cli.doctor.findings import Finding
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.maintenance import Maintenance
from djbundle.runtime.handover.control_socket import request_status
from djbundle.runtime.handover.messages import SiteStatus

DAY = 86400
LOW_DAYS = 14  # of a certificate; it is renewed when 30 are left


def check_service(bundle: Bundle) -> Iterator[Finding]:
    """Yield what there is to say of the site that serves."""
    try:
        site = request_status(bundle.data)
    except NotServingError:
        yield Finding.warning("service", f"no site serves with {bundle.data}", f"{bundle.program} serve")
        return
    yield check_version(bundle, site)
    if maintenance := Maintenance.read(bundle.data):
        yield Finding.warning("maintenance", f"the site is {maintenance.describe()}", "maintenance off")
    yield check_user(site)
    if site.certificate_ends:
        yield check_certificate((site.certificate_ends - time.time()) / DAY)


def check_version(bundle: Bundle, site: SiteStatus) -> Finding:
    if site.version != bundle.manifest.version:
        text = f"version {site.version} serves, and this file has {bundle.manifest.version}"
        return Finding.warning("service", text, f"{bundle.program} upgrade {bundle.program}")
    return Finding.ok("service", f"{site.name} {site.version} serves {', '.join(site.urls)}".rstrip())


def check_user(site: SiteStatus) -> Finding:
    if user_of(site.supervisor) == 0:
        return Finding.warning("user", "the site runs as root", "serve --user NAME, or  install, which makes a user")
    return Finding.ok("user", "the site does not run as root")


def user_of(pid: int) -> int | None:
    """Return the user of a process; None if it has ended."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None


def check_certificate(days: float) -> Finding:
    text = f"is valid for {days:.0f} days"
    if days < 0:
        return Finding.error(
            "certificate", f"has ended {-days:.0f} days ago", "look for its reason in the log of serve"
        )
    if days < LOW_DAYS:
        return Finding.warning("certificate", text, "look in the log of serve why it was not renewed")
    return Finding.ok("certificate", text)
