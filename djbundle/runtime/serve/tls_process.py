"""TLS in the process tree: the checks before anything starts, and the child processes that TLS needs.

Only the child that keeps certificates loads cryptography and its dependencies.
"""

import os
import socket
from pathlib import Path

from djbundle.contract import variables
from djbundle.errors import CertificateError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.net.sockets import Listeners, address_of
from djbundle.runtime.options.http import HttpOptions
from djbundle.runtime.options.tls import TlsOptions, decode_base64url
from djbundle.runtime.process import forking
from djbundle.runtime.process.child import Child
from djbundle.runtime.process.heartbeat import Heartbeat
from djbundle.runtime.tls.last_pair import LastPair
from djbundle.runtime.tls.pair import CertificatePair
from djbundle.runtime.tls.redirect import Redirect
from djbundle.runtime.tls.store import Store

MANAGER_TIMEOUT_FACTOR = 2  # times the heartbeat limit of a web worker: the process waits for name servers


def prepare_tls(data: Path, options: TlsOptions | None) -> CertificatePair | None:
    """Return where the certificate is or will be. Raise CertificateError for unusable files."""
    if options is None:
        return None
    hosts = [*filter(None, os.environ.get(variables.ALLOWED_HOSTS, "").split(",")), *options.domains]
    # Without duplicates: a new version inherits this environment, and runs this code again.
    os.environ[variables.ALLOWED_HOSTS] = ",".join(dict.fromkeys(hosts))
    if options.files:
        certificate, key = (file.absolute() for file in options.files)
        pair = CertificatePair(certificate, key, LastPair())
        pair.check()
        return pair
    check_external_account(options)
    store = Store(data)
    store.create()
    file = store.folder / store.certificate_name(options)
    return CertificatePair(file, file, LastPair())


def check_external_account(options: TlsOptions) -> None:
    try:
        decode_base64url(options.external_account[1] if options.external_account else "")
    except ValueError as error:
        raise CertificateError(
            "--acme-eab-hmac-key is not base64url", "give it as the authority shows it, or ask for a new one"
        ) from error


def tls_children(bundle: Bundle, options: TlsOptions | None, listeners: Listeners, timeout: float) -> list[Child]:
    """Return the child that keeps our own certificate, and the one that answers plain HTTP, where they are needed.

    A child without a heartbeat for `timeout` seconds is killed and started again.
    """
    children = []
    if options and not options.files:
        children.append(certificate_child(bundle, options, timeout))
    if options and (listener := listeners.redirect):
        redirect = Redirect(Store(bundle.data), options.domains, address_of(listeners.main)[1])
        heartbeat = Heartbeat(timeout)

        def run() -> int:
            return serve_redirect(redirect, listener, heartbeat)

        children.append(Child("redirect", forking.title(bundle.manifest.name, "redirect"), run, heartbeat=heartbeat))
    return children


def certificate_child(bundle: Bundle, options: TlsOptions, timeout: float) -> Child:
    heartbeat = Heartbeat(MANAGER_TIMEOUT_FACTOR * timeout)

    def run() -> int:
        from djbundle.runtime.tls.certificate_manager import CertificateManager  # noqa: PLC0415
        from djbundle.runtime.tls.deadline import Alarm  # noqa: PLC0415 - in this child only

        CertificateManager(user_agent(bundle), options, Store(bundle.data), Alarm(heartbeat)).run()

    return Child("tls", forking.title(bundle.manifest.name, "tls"), run, heartbeat=heartbeat)


def serve_redirect(application: Redirect, listener: socket.socket, heartbeat: Heartbeat) -> int:
    from djbundle.runtime.http.server import Server, WebOptions  # noqa: PLC0415 - Granian, in this child only
    from djbundle.runtime.serve.web_process import Endpoint, serve_web  # noqa: PLC0415

    options = WebOptions(interface="asgi", blocking_threads=1, http=HttpOptions())
    return serve_web(Server(application, options), [Endpoint(listener)], heartbeat)


def user_agent(bundle: Bundle) -> str:
    """Return the User-Agent, which ACME clients must send (RFC 8555, 6.1)."""
    manifest = bundle.manifest
    return f"{manifest.name}/{manifest.version} djbundle/{manifest.build.djbundle}"
