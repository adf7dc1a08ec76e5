"""Migrations of a database server, which several hosts share: one of them applies them, while the others wait.

Other hosts may still run the previous version. So nothing is applied with which that version could not work, unless the
administrator says that no such host is left.
"""

from collections.abc import Sequence

from django.apps import apps
from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import DEFAULT_DB_ALIAS
from django.utils import timezone

from djbundle.errors import PendingMigrationsError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.database.compatibility import Hazard
from djbundle.runtime.database.migration_lock import migration_lock
from djbundle.runtime.database.migrations import (
    PendingMigrations,
    count,
    find_hazards_of,
    find_pending,
    is_sqlite,
    migrate,
    open_connections,
    used_databases,
)
from djbundle.runtime.logs.lines import log

KEPT = "each migration before it stays applied"


def migrate_servers(bundle: Bundle, *, allow_breaking: bool) -> None:
    """Apply the missing migrations of each database server. Leaves no connection open.

    Raises PendingMigrationsError for those that the previous version could not work with, unless `allow_breaking`.
    """
    with open_connections() as connection_of:
        for alias in used_databases():
            connection = connection_of(alias)
            if not is_sqlite(connection) and find_pending(connection):
                with migration_lock(connection):
                    _apply(bundle, connection, allow_breaking=allow_breaking)


def _apply(bundle: Bundle, connection: BaseDatabaseWrapper, *, allow_breaking: bool) -> None:
    """Look again under the lock: another host may have applied all, or have been in the middle of it."""
    alias, pending = connection.alias, find_pending(connection)
    if not pending:
        log(f'another host has migrated the database "{alias}"')
        return
    hazards = find_hazards_of(connection)
    breaking = [hazard for hazard in hazards if hazard.is_certain]
    if breaking and not allow_breaking:
        raise refusal(bundle, alias, breaking)
    log_hazards(hazards)
    log(f'applying {count(pending)} to the database "{alias}"')
    migrate(connection, PendingMigrations(alias, pending, had_content=True), KEPT)


def log_hazards(hazards: Sequence[Hazard]) -> None:
    for hazard in hazards:
        log(hazard.warning, "warning")


def refusal(bundle: Bundle, alias: str, breaking: Sequence[Hazard]) -> PendingMigrationsError:
    option = "" if alias == DEFAULT_DB_ALIAS else f" --database {alias}"
    names = "; ".join(map(str, breaking))
    return PendingMigrationsError(
        f'the previous version could not work with the database "{alias}" after {names}{_others_seen()}',
        f"stop each host that runs it, then:  {bundle.program} migrate{option}  or  serve --allow-breaking-migrations",
    )


def _others_seen() -> str:
    """Return a text that names the hosts on which workers of another version live; empty if none is known."""
    if not apps.is_installed("djbundle.tasks"):
        return ""
    from djbundle.tasks import options  # noqa: PLC0415 - where the project has tasks
    from djbundle.tasks.store import releases, worker_registry  # noqa: PLC0415

    recent = worker_registry.workers().filter(seen_at__gt=timezone.now() - options.lease())
    try:
        others = sorted({*recent.exclude(release=releases.name()).values_list("host", "release")})
    except Error:  # the table is older than this code
        return ""
    seen = ", ".join(f"{release or 'unknown'} on {host}" for host, release in others)
    return f" (workers of another version run: {seen})" if seen else ""
