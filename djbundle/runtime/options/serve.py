"""The options of ``serve``, named as in Granian."""

import os
import re
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import dataclass

from djbundle.contract import variables
from djbundle.runtime.backup.policy import BackupPolicy, Frequency, Retention
from djbundle.runtime.logs.lines import add_log_options
from djbundle.runtime.net.addresses import Address, Tcp, parse_address, parse_tcp
from djbundle.runtime.options.backups import add_backup_options
from djbundle.runtime.options.http import HttpOptions, add_http_options
from djbundle.runtime.options.parser import CommandParser
from djbundle.runtime.options.preload import Preload, add_preload_option
from djbundle.runtime.options.roles import ALL_ROLES, NAMES, Role, parse_roles
from djbundle.runtime.options.tls import TlsOptions, add_tls_options, take_tls_options
from djbundle.runtime.process.cgroup import ControlGroup

PERMISSIONS = re.compile("0?[0-7]{3}")
WORKER_NICENESS = 5  # of the task worker, so that pages take precedence
OVERHEAD = 96 << 20  # bytes of a small site's processes, without its web processes
WEB_PROCESS = 64 << 20  # bytes of each web process


@dataclass(frozen=True, slots=True)
class ServeOptions:
    binds: tuple[Address, ...]  # empty: those that systemd has opened, or the default
    uds_permissions: int
    user: str | None
    metrics_bind: Tcp | None
    workers: int
    blocking_threads: int  # of each worker; for WSGI
    preload: Preload
    migrate: bool
    allow_breaking_migrations: bool
    roles: frozenset[Role]
    media: bool  # uploads are served
    grace: int  # seconds
    shutdown_delay: int  # seconds
    worker_timeout: int  # seconds; 0: never kill
    access_log: bool
    log_format: str | None
    log_level: str | None
    backups: Frequency
    keep_backups: Retention
    copy_backups_to: str | None  # the URL of a store
    backup_recipients: tuple[str, ...]  # public keys
    backup_proof: bool
    http: HttpOptions
    tls: TlsOptions | None

    @property
    def backup_policy(self) -> BackupPolicy:
        return BackupPolicy(
            self.backups, self.keep_backups, self.copy_backups_to, self.backup_recipients, self.backup_proof
        )


def add_serve_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--bind",
        action="append",
        type=parse_address,
        metavar="ADDRESS",
        help="HOST:PORT, [IPv6]:PORT, :PORT for every address, or unix:/PATH; may be given again; default: what "
        "systemd has opened, port 443 with TLS, $PORT, port 80 as the first process of a container, or 127.0.0.1:8000",
    )
    add(
        "--uds-permissions",
        type=parse_permissions,
        default="660",
        metavar="MODE",
        help="of the file of a Unix socket, in octal digits; default: %(default)s",
    )
    add("--user", metavar="NAME", help="the user to become, when root has opened the sockets")
    add("--metrics-bind", type=parse_tcp, metavar="HOST:PORT", help="tell Prometheus there, at /metrics")
    add(
        "--workers",
        type=parse_count,
        default=count_workers(),
        help="web processes; default: one for each CPU, as far as there is memory: %(default)s",
    )
    add("--blocking-threads", type=parse_count, default=4, help="threads of each web process; default: %(default)s")
    add_preload_option(parser)
    add("--no-migrate", dest="migrate", action="store_false", help="leave the databases as they are")
    add(
        "--allow-breaking-migrations",
        action="store_true",
        help="also apply migrations of a database server with which an older version, if it still runs elsewhere,"
        " cannot work",
    )
    add("--no-media", dest="media", action="store_false", help="serve no uploads; the project or a proxy does")
    roles = parser.add_mutually_exclusive_group().add_argument
    roles(
        "--roles",
        type=parse_roles,
        default=ALL_ROLES,
        metavar="ROLE,...",
        help=f"roles of this machine: some of {NAMES}; default: all",
    )
    roles(
        "--no-worker",
        dest="roles",
        action="store_const",
        const=frozenset((Role.WEB,)),
        help="run no background tasks and no schedules: --roles web",
    )
    add(
        "--grace",
        type=parse_count,
        default=30,
        metavar="SECONDS",
        help="to finish work when stopped; default: %(default)s",
    )
    add(
        "--shutdown-delay",
        type=parse_seconds,
        default=0,
        metavar="SECONDS",
        help="when stopped, answer requests for so long while /up already fails, so that a load balancer sends no more;"
        " default: %(default)s",
    )
    add(
        "--worker-timeout",
        type=parse_seconds,
        default=30,
        metavar="SECONDS",
        help="a web process without a heartbeat for so long is killed and started again, the task worker after five"
        " times as long; default: %(default)s, 0: never",
    )
    add_backup_options(parser)
    add_http_options(parser)
    add_log_options(parser)
    add_tls_options(parser)


def parse_serve_options(program: str, arguments: list[str]) -> ServeOptions:
    parser = CommandParser(program, "serve")
    add_serve_options(parser)
    options = vars(parser.parse_args(arguments))
    tls = take_tls_options(parser, options)
    if options["preload"] not in {*Preload}:  # of the variable: argparse checks only what is typed
        parser.error(f'{variables.PRELOAD} is "{options["preload"]}", and not one of {", ".join(Preload)}')
    options["preload"] = Preload(options["preload"])
    options["backups"] = Frequency(options["backups"])
    options["backup_recipients"] = tuple(options["backup_recipients"])
    binds = tuple(dict.fromkeys(options.pop("bind") or ()))
    if Role.WEB not in options["roles"] and (binds or tls):
        parser.error("--bind and the TLS options need the role web")
    return ServeOptions(binds=binds, tls=tls, http=HttpOptions.take_from(options), **options)


def parse_permissions(text: str) -> int:
    if not PERMISSIONS.fullmatch(text):
        raise ArgumentTypeError(f'"{text}" is no mode of a file; write it as in 660')
    return int(text, 8)


def parse_count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f'"{text}" is not a number above 0')
    return int(text)


def parse_seconds(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f'"{text}" is not a number of seconds')
    return int(text)


def count_workers(group: ControlGroup | None = None) -> int:
    """Return how many web processes to run: one for each CPU that this process may use, as far as there is memory."""
    group = group or ControlGroup()
    allowed = len(os.sched_getaffinity(0))
    cpus = min(allowed, round(group.cpus() or allowed))
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    memory = min(machine, group.memory() or machine)
    return max(1, min(cpus, (memory - OVERHEAD) // WEB_PROCESS))
