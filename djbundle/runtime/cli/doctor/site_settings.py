"""The settings: what is fine on a developer's machine and wrong on a server. Django is set up."""

import socket
from collections.abc import Iterator

from django.conf import settings
from django.utils.module_loading import import_string

from djbundle.common.backends import LOCAL_CACHE, SMTP, is_kind_of
from djbundle.runtime.cli.doctor.findings import Finding

DUMMY_CACHE = "django.core.cache.backends.dummy.DummyCache"
CONNECT_TIMEOUT = 5.0  # seconds
MAIL_TO_NOWHERE = frozenset(  # modules of Django's backends that send nothing
    f"django.core.mail.backends.{name}" for name in ("console", "dummy", "locmem", "filebased")
)


def check_settings() -> Iterator[Finding]:
    yield check_debug()
    yield check_hosts()
    yield from check_mail()
    yield check_admins()
    yield from check_caches()


def check_debug() -> Finding:
    if settings.DEBUG:
        text = "DEBUG is on: error pages show settings and code to everybody"
        return Finding.error("debug", text, "DEBUG = False, or unset the variable that turns it on")
    return Finding.ok("debug", "DEBUG is off")


def check_hosts() -> Finding:
    if "*" in settings.ALLOWED_HOSTS:
        text = "ALLOWED_HOSTS has *: links in mails may name a stranger's host"
        return Finding.warning("hosts", text, "name the hosts of the site")
    return Finding.ok("hosts", f"ALLOWED_HOSTS is {', '.join(settings.ALLOWED_HOSTS) or 'empty'}")


def check_mail() -> Iterator[Finding]:
    for path, host, port in mailers():
        if sends_nothing(path):
            fix = "configure a mail server (EMAIL_HOST, or MAILERS)"
            yield Finding.warning("mail", f"nothing is sent, by {path}", fix)
        elif not is_kind_of(path, SMTP):
            yield Finding.ok("mail", f"is sent by {path}")
        elif reason := unreachable(host, port):
            fix = "EMAIL_HOST and EMAIL_PORT, or MAILERS, name the mail server"
            yield Finding.warning("mail", f"the mail server {host}:{port} does not answer: {reason}", fix)
        else:
            yield Finding.ok("mail", f"the mail server {host}:{port} answers")


def mailers() -> Iterator[tuple[str, str, int]]:
    """Yield backend, host and port of MAILERS, or of EMAIL_BACKEND, which they replace in Django 6.1."""
    configured = getattr(settings, "MAILERS", None)
    if configured is None:
        yield settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT
    for mailer in (configured or {}).values():
        options = mailer.get("OPTIONS", {})
        yield mailer.get("BACKEND", SMTP), options.get("host", "localhost"), options.get("port", 25)


def modules_of(path: str) -> set[str]:
    """Return the modules of a class and of those that it inherits from."""
    return {base.__module__ for base in import_string(path).__mro__}


def sends_nothing(path: str) -> bool:
    return not modules_of(path).isdisjoint(MAIL_TO_NOWHERE)


def unreachable(host: str, port: int) -> str:
    """Return why the server does not answer; "" if it does."""
    try:
        socket.create_connection((host, port), CONNECT_TIMEOUT).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def check_admins() -> Finding:
    if not settings.ADMINS:
        text = "ADMINS is empty: nobody gets a mail when a page fails"
        return Finding.warning("admins", text, 'ADMINS = ["you@example.com"]')
    return Finding.ok("admins", f"{len(settings.ADMINS)} get mails when a page fails")


def check_caches() -> Iterator[Finding]:
    for alias in settings.CACHES:
        if kind := unshared_kind(settings.CACHES[alias]["BACKEND"]):
            text = f'the cache "{alias}" is {kind}'
            yield Finding.warning(
                "cache", text, "a cache in the database, in files or in Redis is shared by all processes"
            )


def unshared_kind(backend: str) -> str:
    """Return why processes do not share a cache, or "" if they do. `backend` is the path of its class."""
    if is_kind_of(backend, LOCAL_CACHE):
        return "in the memory of each process: what one deletes, others still have"
    return "a dummy: it keeps nothing" if is_kind_of(backend, DUMMY_CACHE) else ""
