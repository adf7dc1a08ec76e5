"""Opens the sockets on which a site listens."""

from djbundle.runtime.net.addresses import default_address
from djbundle.runtime.net.sockets import Listeners, listen, listen_tcp, systemd_sockets
from djbundle.runtime.options.roles import Role
from djbundle.runtime.options.serve import ServeOptions


def open_listeners(options: ServeOptions) -> Listeners:
    """Open all sockets that a `serve` with these options needs. Raise AddressError on failure."""
    metrics = listen_tcp(options.metrics_bind, 1, "--metrics-bind") if options.metrics_bind else []
    if Role.WEB not in options.roles:
        return Listeners([], None, metrics[0] if metrics else None)
    site, redirect = systemd_sockets() if not options.binds else ([], [])
    binds = options.binds or ((default_address(tls=options.tls is not None),) if not site else ())
    groups = [[listener] for listener in site]
    groups += [listen(address, options.workers, options.uds_permissions) for address in binds]
    http = options.tls.http_bind if options.tls else None
    if http and not redirect:
        redirect = listen_tcp(http, 1, "--http-bind")
    return Listeners(groups, redirect[0] if redirect else None, metrics[0] if metrics else None)
