"""``./shop rollback``: the previous file serves again, with the data as they are, or as they were then."""

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path

from djbundle.errors import SchemaNewerError, UpgradeError
from djbundle.runtime.cli.change.put_back import databases_put_back
from djbundle.runtime.cli.reporting import Reporter, add_json
from djbundle.runtime.cli.upgrade import RunningVersion, count, drop_rights, replace_and_reload, report_unknown
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.database.schema_record import backups_before, read_steps
from djbundle.runtime.handover.migration_plan import MigrationPlan, ask_for_unknown
from djbundle.runtime.handover.new_version import NewVersion, copied_beside, open_new
from djbundle.runtime.options.parser import parse_options
from djbundle.runtime.process import privileges

Backups = Mapping[str, str]


def add_rollback_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--check",
        action="store_true",
        help="only say what would happen; exit code 74 if the previous version does not know all of the database",
    )
    parser.add_argument(
        "--to-backup",
        action="store_true",
        help="put the SQLite databases back to the backups from before the upgrade; the newer ones are kept",
    )
    add_json(parser)


def run_rollback(bundle: Bundle, arguments: list[str]) -> int:
    """Restore the file from before the last upgrade. Applied migrations stay applied, unless `--to-backup`."""
    options = parse_options(bundle.program, "rollback", arguments, add_rollback_options)
    privileges.check_path(bundle.data, privileges.owner_of(bundle.data))
    running = RunningVersion.of(bundle)
    drop_rights(bundle.data, running.program)
    if not running.previous.is_file():
        raise UpgradeError(f"there is no {running.previous}", "nothing was upgraded here; upgrade to the file you want")
    report = Reporter(as_json=options.json)
    with (
        open_new(running.previous) as file,
        copied_beside(running.program, file, running.previous, bundle.data) as new,
    ):
        version = new.check(running.version, None, may_be_older=True).version
        report("checked", f"back from {running.version.version} to {version}", version=version)
        unknown = ask_for_unknown(new.run_code, running.run_code(bundle.data))
        backups = find_backups(bundle.data, unknown)
        if options.check:
            return foretell(unknown, backups, report)
        if options.to_backup:
            roll_back_to(backups, unknown, running, new, report)
        else:
            report_unknown(unknown, report)
            report_way_out(unknown, backups, report)
            replace_and_reload(running, new, report)
    return 0


def find_backups(data: Path, unknown: MigrationPlan) -> Backups:
    """Return the backups of the databases from before the unknown migrations; none if they are not all there."""
    if not unknown.migrations:
        return {}
    with privileges.acting_as_owner(data):
        return backups_before(read_steps(data), unknown.migrations)


def foretell(unknown: MigrationPlan, backups: Backups, report: Reporter) -> int:
    """Report what a rollback would meet, and return the exit code."""
    if not unknown.migrations:
        report("plan", "it knows every migration of the database: nothing of the data would change", migrations=[])
        return 0
    report_unknown(unknown, report)
    report_way_out(unknown, backups, report)
    return SchemaNewerError.exit_code


def report_way_out(unknown: MigrationPlan, backups: Backups, report: Reporter) -> None:
    """Report how the database could get back to what the previous version knows."""
    if backups:
        names = ", ".join(backups.values())
        text = f"`rollback --to-backup` would put the database back, to {names}; what was written since is kept aside"
        report("backup", text, backups=[*backups.values()])
    elif unknown.migrations:
        report("backup", "there is no backup from before the upgrade to put back; see `backup --list`", backups=[])


def roll_back_to(
    backups: Backups, unknown: MigrationPlan, running: RunningVersion, new: NewVersion, report: Reporter
) -> None:
    """Go back to the previous version and its databases in one step. Raise SchemaNewerError without backups."""
    if not unknown.migrations:
        replace_and_reload(running, new, report)
        report("restored", "the previous version knows the database, which is as it was", kept=[])
        return
    if not backups:
        raise SchemaNewerError(
            f"there is no backup from before {count(unknown)} that the previous version does not know",
            "`backup --list` shows others for `restore`; or go back with the database as it is:  rollback",
        )
    with databases_put_back(new.data, backups, unknown.migrations) as kept:
        replace_and_reload(running, new, report)
        with privileges.acting_as_owner(new.data):
            is_done = all(each.exists() for each in kept)
    if not is_done:
        raise UpgradeError(
            "the previous version serves, but is too old to put the database back: it is as it was",
            "upgrade again, or stop the site and restore a backup",
        )
    text = f"the databases are those of before the upgrade; the newer ones are kept in {', '.join(map(str, kept))}"
    report("restored", text, kept=[*map(str, kept)])
