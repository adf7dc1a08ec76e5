"""The bundle's own commands, which run without Django. ``./shop COMMAND`` and ``./shop help`` read this list."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple


class OwnCommand(NamedTuple):
    """One command. A function is named as ``module:function``, below djbundle.runtime, and loaded when it is used."""

    help: str
    function: str  # is called with the bundle and the arguments, and returns the exit code
    options: str = ""  # adds the options to a parser
    reads_variables: bool = False  # with its own rights, it still needs the site's variables
    has_own_rights: bool = True  # it touches no data, or becomes the data's owner only after what needs other rights


OWN_COMMANDS = {
    "serve": OwnCommand(
        "Migrates the SQLite database (after a backup), then serves the site and runs its background worker.",
        "serve.supervisor_process:serve",
        "options.serve:add_serve_options",
        reads_variables=True,
    ),
    "upgrade": OwnCommand(
        "Upgrades the running site to a new version, without a failed request.",
        "cli.upgrade:run_upgrade",
        "cli.upgrade:add_upgrade_options",
    ),
    "rollback": OwnCommand(
        "Goes back to the version from before the last upgrade.",
        "cli.change.rollback:run_rollback",
        "cli.change.rollback:add_rollback_options",
    ),
    "restart": OwnCommand(
        "Starts the processes of the running site anew, with its variables as they are now; no request fails.",
        "cli.change.restart:run_restart",
        "cli.change.restart:add_restart_options",
        has_own_rights=False,
    ),
    "env": OwnCommand(
        "Stores environment variables of the site in its data directory: `env set NAME`, `env list`, `env unset NAME`.",
        "cli.change.env:run_env",
        "cli.change.env:add_env_options",
        has_own_rights=False,
    ),
    "move": OwnCommand(
        "Moves the site from its SQLite to PostgreSQL while it serves, and back.",
        "cli.move.command:run_move",
        "cli.move.command:add_move_options",
        has_own_rights=False,
    ),
    "backup": OwnCommand(
        "Writes the databases and uploads to one file, while the site serves.",
        "cli.backup.backup:run_backup",
        "cli.backup.backup:add_backup_options",
        has_own_rights=False,
    ),
    "restore": OwnCommand(
        "Replaces the data by a backup, also while the site serves; the old data is kept.",
        "cli.backup.restore:run_restore",
        "cli.backup.restore:add_restore_options",
        has_own_rights=False,
    ),
    "at": OwnCommand(
        "Runs a command with the data of a backup: `at yesterday serve --bind :8001` shows the site as of then.",
        "cli.backup.at:run_at",
        "cli.backup.at:add_at_options",
        has_own_rights=False,
    ),
    "resume": OwnCommand(
        "Makes a restored copy the live site: it sends mail and runs tasks again.",
        "cli.backup.resume:run_resume",
        "cli.reporting:add_json",
        has_own_rights=False,
    ),
    "status": OwnCommand(
        "Shows the processes of the site that runs with this data directory.",
        "cli.status:run_status",
        "cli.status:add_status_options",
        has_own_rights=False,
    ),
    "healthcheck": OwnCommand(
        "Asks the running site whether it is up; for container health checks.",
        "cli.healthcheck:run_healthcheck",
        has_own_rights=False,
    ),
    "doctor": OwnCommand(
        "Looks at machine, data, service, settings and databases for what is wrong, and says how to mend it.",
        "cli.doctor.command:run_doctor",
        "cli.doctor.command:add_doctor_options",
        has_own_rights=False,
    ),
    "errors": OwnCommand(
        "Shows the last errors of the site, in groups; `errors ID` shows one with its traceback.",
        "cli.errors:run_errors",
        "cli.errors:add_errors_options",
        has_own_rights=False,
    ),
    "maintenance": OwnCommand(
        "Answers every page with 503 and the project's 503.html, until `maintenance off`.",
        "cli.maintenance:run_maintenance",
        "cli.maintenance:add_maintenance_options",
        has_own_rights=False,
    ),
    "basic-auth": OwnCommand(
        "Prints a line for the file of `serve --basic-auth`, with the hash of a password.",
        "cli.basic_auth:run_basic_auth",
        "cli.basic_auth:add_basic_auth_options",
    ),
    "install": OwnCommand(
        "Writes a systemd service for `serve` with the options that follow, enables and starts it.",
        "cli.install:run_install",
        "cli.install:add_install_options",
    ),
    "uninstall": OwnCommand(
        "Stops the systemd service that `install` has made, and removes it; the data stays.",
        "cli.install:run_uninstall",
    ),
    "version": OwnCommand(
        "Shows the versions of the project, djbundle, Python, Django and SQLite, and what it was built from.",
        "cli.version:run_version",
        "cli.version:add_version_options",
    ),
    "verify": OwnCommand(
        "Compares every byte of the bundle with the SHA-256 that it carries.",
        "cli.verify:run_verify",
        "cli.verify:add_verify_options",
    ),
    "sbom": OwnCommand(
        "Prints what is in the bundle, as an SBOM in CycloneDX's format.",
        "cli.inventory.sbom:run_sbom",
        "cli.inventory.sbom:add_sbom_options",
    ),
    "licenses": OwnCommand(
        "Lists the licences of what is in the bundle, and prints their texts.",
        "cli.inventory.licenses:run_licenses",
        "cli.inventory.licenses:add_licenses_options",
    ),
    "extract": OwnCommand(
        "Writes the files in the bundle to a folder, to look at. The bundle itself needs none of them.",
        "cli.extract:run_extract",
        "cli.extract:add_extract_options",
    ),
}
ALIASES = {"--version": "version"}


def find_own_command(name: str) -> OwnCommand | None:
    """Return the command of this name, or None if it is a management command."""
    return OWN_COMMANDS.get(ALIASES.get(name, name))


def load_function(path: str) -> Callable[..., Any]:
    """Return a function that is named as in `OwnCommand`."""
    module, function = path.split(":")
    return getattr(importlib.import_module(f"djbundle.runtime.{module}"), function)  # type: ignore[no-any-return]
