"""The text of systemd's units for a site, as locked up as one can be."""

from argparse import ArgumentParser

from djbundle.runtime.addresses import Address, Unix, default_address
from djbundle.runtime.options import ServeOptions

MARGIN = 15  # seconds behind the grace, before systemd kills
SERVICE = """\
# Written by `{name} install`. Own settings go into:  systemctl edit {name}
[Unit]
Description={name}, a Django site
After=network-online.target
Wants=network-online.target
{requires}
[Service]
Type=notify
ExecStart={command}
ExecReload=kill -HUP $MAINPID
EnvironmentFile=-/etc/{name}.env
StateDirectory={name}
StateDirectoryMode=0700
DynamicUser=yes
Restart=on-failure
RestartSec=1
TimeoutStopSec={stop}
WatchdogSec=30
KillMode=mixed
OOMPolicy=continue
LimitNOFILE=65536
UMask=0077

# It may bind ports below 1024, and has no other right.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""
SOCKET = """\
# Written by `{name} install --socket`: systemd opens the sockets, where connections wait while {name} is restarted.
[Unit]
Description=Sockets of {name}

[Socket]
{listen}
FileDescriptorName={label}
Service={name}.service
Backlog=4096
NoDelay=true
SocketMode={mode:04o}

[Install]
WantedBy=sockets.target
"""


def service_unit(name: str, program: str, options: ServeOptions, words: list[str], *, sockets: list[str]) -> str:
    """`words` are those of ``serve`` on its command line, of which `options` were made."""
    command = " ".join(quoted(word) for word in (program, "serve", *words))
    requires = f"Requires={' '.join(sockets)}\n" if sockets else ""
    return SERVICE.format(name=name, command=command, stop=options.grace + MARGIN, requires=requires)


def socket_units(name: str, options: ServeOptions) -> dict[str, str]:
    """The texts by the names of their files."""
    tls = options.tls
    binds: tuple[Address, ...] = options.binds or (default_address(tls=tls is not None, environment={}),)
    found = {f"{name}.socket": socket_unit(name, "site", binds, options.uds_permissions)}
    if tls and tls.http_bind:
        found[f"{name}-http.socket"] = socket_unit(name, "http", (tls.http_bind,), options.uds_permissions)
    return found


def socket_unit(name: str, label: str, binds: tuple[Address, ...], mode: int) -> str:
    """`label` is by which ``serve`` tells what a socket is for."""
    listen = "\n".join(f"ListenStream={bind.path if isinstance(bind, Unix) else bind}" for bind in binds)
    return SOCKET.format(name=name, label=label, listen=listen, mode=mode)


def without_binds(words: list[str]) -> list[str]:
    """Words of ``serve`` without ``--bind`` and ``--http-bind``, which are the socket units' affair."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--bind", action="append")
    parser.add_argument("--http-bind")
    _, others = parser.parse_known_args(words)
    return list(others)


def quoted(word: str) -> str:
    """As systemd.service(5) wants it."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{word}"' if not word or set(word) & set(" \t'\";") else word
