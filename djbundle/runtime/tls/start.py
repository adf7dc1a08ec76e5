"""Where TLS meets the process tree: what is checked before anything starts, and the child that keeps a certificate."""

import os
import socket
import threading
from pathlib import Path

from djbundle.errors import CertificateError
from djbundle.runtime import openssl, process
from djbundle.runtime.bundle import Bundle
from djbundle.runtime.child import Child
from djbundle.runtime.http.options import HttpOptions
from djbundle.runtime.listener import Listeners, address_of
from djbundle.runtime.settings import HOSTS_VARIABLE
from djbundle.runtime.tls import jose
from djbundle.runtime.tls.keeper import Keeper
from djbundle.runtime.tls.options import TlsOptions
from djbundle.runtime.tls.pair import Pair
from djbundle.runtime.tls.redirect import Redirect
from djbundle.runtime.tls.store import Store


def prepare_tls(data: Path, options: TlsOptions | None) -> Pair | None:
    """Where the certificate lies, or will lie; raises CertificateError for files that do not do."""
    if options is None:
        return None
    hosts = [*filter(None, os.environ.get(HOSTS_VARIABLE, "").split(",")), *options.domains]
    # Each once: a new version gets this environment, and comes here too.
    os.environ[HOSTS_VARIABLE] = ",".join(dict.fromkeys(hosts))
    if options.files:
        pair = Pair(*(file.absolute() for file in options.files))
        pair.check()
        return pair
    openssl.library()
    check_external_account(options)
    store = Store(data)
    store.create()
    file = store.certificate_file(options)
    return Pair(file, file)


def check_external_account(options: TlsOptions) -> None:
    try:
        jose.decode_base64url(options.external_account[1] if options.external_account else "")
    except ValueError as error:
        raise CertificateError(
            "--acme-eab-hmac-key is not base64url", "give it as the authority shows it, or ask for a new one"
        ) from error


def tls_child(bundle: Bundle, options: TlsOptions, listeners: Listeners) -> Child | None:
    """Keeps a certificate of our own, and answers HTTP; None where there is nothing to do."""
    store, redirect = Store(bundle.data), listeners.redirect
    keeper = None if options.files else Keeper(user_agent(bundle), options, store)
    if keeper is None and redirect is None:
        return None
    application = Redirect(store, options.domains, address_of(listeners.main)[1])

    def run() -> int:
        if redirect is None:
            return keeper.run() if keeper else 0
        if keeper:
            threading.Thread(target=keeper.run, daemon=True).start()  # it may be stopped between any two writes
        return answer_http(application, redirect)

    return Child("tls", process.title(bundle.manifest.name, "tls"), run)


def answer_http(application: Redirect, listener: socket.socket) -> int:
    from djbundle.runtime.http.server import Server, WebOptions  # noqa: PLC0415 - Granian, in this child only
    from djbundle.runtime.web import Endpoint, serve_web  # noqa: PLC0415

    options = WebOptions(interface="asgi", blocking_threads=1, http=HttpOptions())
    return serve_web(Server(application, options), [Endpoint(listener)])


def user_agent(bundle: Bundle) -> str:
    """Authorities ask for one (RFC 8555, 6.1)."""
    manifest = bundle.manifest
    return f"{manifest.name}/{manifest.version} djbundle/{manifest.build.djbundle}"
