"""``DATABASE_URL`` names the server of a database, as ``postgres://user:password@host:5432/name``.

dj-database-url reads it, so that it means what it means in other projects. The builder adds that package together with
a driver: a bundle without one needs neither.
"""

import importlib
from importlib.util import find_spec
from typing import Any, NamedTuple

from djbundle.common import service_variables
from djbundle.errors import SettingsError
from djbundle.runtime.settings import services
from djbundle.runtime.settings.overlay import Overlay
from djbundle.runtime.settings.services import ServiceVariable

EXAMPLE = "write it as in postgres://user:password@host:5432/name; %-encode what is special in the password"
NO_DATABASE = ("", "django.db.backends.dummy")
SERVERS = ("serve", "worker")  # commands that use several connections for long
# Connections of each process, which are opened when they are needed. ?pool=50 allows more, ?pool=0 has no pool.
# A request waits 10 seconds for one, and then fails: the server is down, or not large enough.
POOL: dict[str, Any] = {"min_size": 0, "max_size": 20, "timeout": 10}
# Options of libpq for connections that the network has dropped, or whose server has vanished without a message. By
# default, a process notices that after a quarter of an hour, or after two hours if it only listens.
DEAD_PEER_OPTIONS: dict[str, Any] = {
    "connect_timeout": 10,  # seconds
    "tcp_user_timeout": 30_000,  # milliseconds for the server to acknowledge what was sent
    "keepalives_idle": 20,  # seconds without a byte, after which the server is asked whether it is there
    "keepalives_interval": 5,  # seconds
    "keepalives_count": 3,
}
CONNECTION_AGE = 60  # seconds that a connection without a pool is kept for the next request
OF_THE_OLD_SERVER = frozenset({"ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS"})


class DatabaseKind(NamedTuple):
    """A kind of database server. The names of its engines hold `mark` or `spatial`."""

    mark: str
    spatial: str
    drivers: tuple[str, ...]  # modules, the preferred one first
    extra: str  # of djbundle, which installs the first driver


POSTGRESQL = DatabaseKind("postgresql", "postgis", ("psycopg", "psycopg2"), "postgres")
MYSQL = DatabaseKind("mysql", "mysql", ("MySQLdb",), "mysql")
KINDS = {
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    "pgsql": POSTGRESQL,
    "postgis": POSTGRESQL,
    "mysql": MYSQL,
    "mariadb": MYSQL,
}


def use_databases(overlay: Overlay) -> None:
    """Move each database whose variable is set. A site without a database gets none."""
    databases: dict[str, dict[str, Any]] = overlay.get("DATABASES") or {}
    aliases = [alias for alias, entry in databases.items() if entry.get("ENGINE", "") not in NO_DATABASE]
    if variables := services.find(overlay.bundle, service_variables.DATABASE, aliases):
        moved = {each.alias: _moved(databases[each.alias], each, overlay) for each in variables}
        overlay.set("DATABASES", databases | moved, services.names(variables))


def _moved(entry: dict[str, Any], variable: ServiceVariable, overlay: Overlay) -> dict[str, Any]:
    """Return the entry of DATABASES with the server of the URL."""
    kind = _kind_of(variable)
    driver = _load_driver(kind, variable.name)
    old_engine = entry["ENGINE"]
    is_same_kind = kind.mark in old_engine or kind.spatial in old_engine
    server = _parse(variable)
    options: dict[str, Any] = DEAD_PEER_OPTIONS if kind is POSTGRESQL else {}
    options = options | (entry.get("OPTIONS", {}) if is_same_kind else {}) | server.get("OPTIONS", {})
    kept = {name: value for name, value in entry.items() if name not in OF_THE_OLD_SERVER}
    moved = {"CONN_HEALTH_CHECKS": True} | kept | server
    moved["ENGINE"] = old_engine if is_same_kind else _engine(kind, is_spatial=".gis." in old_engine)
    if pool := _pool(options, driver, variable.name):
        moved.pop("CONN_MAX_AGE", None)  # Django allows one or the other
        if overlay.command in SERVERS:
            options["pool"] = pool
    elif overlay.bundle.manifest.interface == "wsgi":  # with ASGI, a request has a thread that ends with it
        moved.setdefault("CONN_MAX_AGE", CONNECTION_AGE)
    return moved | {"OPTIONS": options}


def _kind_of(variable: ServiceVariable) -> DatabaseKind:
    scheme = variable.url.partition("://")[0]
    if scheme == variable.url:
        raise SettingsError(f"{variable.name} is not a URL", EXAMPLE)
    if scheme == "sqlite":
        raise SettingsError(
            f"{variable.name} names SQLite, which the bundle keeps in its data directory", f"unset {variable.name}"
        )
    if scheme not in KINDS:
        raise SettingsError(
            f'{variable.name} has the unknown scheme "{scheme}"', f"these are known: {', '.join(KINDS)}"
        )
    return KINDS[scheme]


def _parse(variable: ServiceVariable) -> dict[str, Any]:
    """Return what the URL says, by the names of DATABASES. The scheme "mariadb" is ours."""
    try:
        import dj_database_url  # noqa: PLC0415 - only where it is needed
    except ImportError:  # the driver was not found by the builder as one
        raise SettingsError(
            f"{variable.name} needs the package dj-database-url, which is not in this bundle",
            "build again with  --include dj-database-url",
        ) from None
    try:
        server: dict[str, Any] = {**dj_database_url.parse(variable.url.replace("mariadb://", "mysql://", 1))}
    except ValueError:  # its message has the URL's parts
        raise SettingsError(f"{variable.name} is not a valid URL", EXAMPLE) from None
    if not server["NAME"] and "service" not in server.get("OPTIONS", {}):
        raise SettingsError(f"{variable.name} names no database", EXAMPLE)
    return {name: value for name, value in server.items() if name in OF_THE_OLD_SERVER}


def _load_driver(kind: DatabaseKind, variable: str) -> str:
    """Return the first driver that loads. Raise SettingsError with the reason if there is none."""
    reasons = []
    for driver in kind.drivers:
        try:
            importlib.import_module(driver)
        except ModuleNotFoundError:
            continue
        except ImportError as error:  # a library that it needs is missing
            reasons.append(" ".join(f"{driver}: {error}".split()))
        else:
            return driver
    reason = "; ".join(reasons) or f"{kind.drivers[0]} is not in this bundle"
    raise SettingsError(
        f"{variable} needs a driver: {reason}", f'pip install "djbundle[{kind.extra}]" in the project, and build again'
    )


def _engine(kind: DatabaseKind, *, is_spatial: bool) -> str:
    """Return Django's engine; GeoDjango's where the project has used one of those."""
    return f"django.contrib.gis.db.backends.{kind.spatial}" if is_spatial else f"django.db.backends.{kind.mark}"


def _pool(options: dict[str, Any], driver: str, variable: str) -> dict[str, Any] | None:
    """Take the pool out of the options, and return the pool to use; None for no pool.

    ``?pool=50`` in the URL is its largest size. Without it there is a pool if the package for it is there.
    """
    size = options.pop("pool", True)
    if not isinstance(size, int | dict):
        raise SettingsError(f'"pool" in {variable} is not a number: "{size}"', "give the most connections of a process")
    if not size or driver != "psycopg" or find_spec("psycopg_pool") is None:
        return None
    if isinstance(size, dict):  # the project's own
        return size
    return POOL if size is True else POOL | {"max_size": size}
