"""The start of a bundle: from the command line to the code that runs the command.

bootstrap.py calls `main` as soon as modules can be imported. ``serve``, ``upgrade``, ``version`` and a few more run
without loading Django. Every other command is a management command and works as with ``manage.py``.
"""

import importlib
import os
import sys
from pathlib import Path

from djbundle.errors import DjbundleError
from djbundle.manifest import Manifest
from djbundle.runtime.core import data_directory
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.environment import prepare_environment
from djbundle.runtime.process import privileges

OWN_COMMANDS = {  # each command imports only what it needs
    "serve": "serve.supervisor_process:serve",
    "upgrade": "cli.upgrade:run_upgrade",
    "rollback": "cli.upgrade:run_rollback",
    "status": "cli.status:run_status",
    "healthcheck": "cli.healthcheck:run_healthcheck",
    "install": "cli.install:run_install",
    "uninstall": "cli.install:run_uninstall",
    "version": "cli.version:run_version",
    "--version": "cli.version:run_version",
    "verify": "cli.verify:run_verify",
    "extract": "cli.extract:run_extract",
}
# They touch no data, or become the owner of the data directory only after the steps that need other rights.
WITH_OWN_RIGHTS = {"serve", "upgrade", "rollback", "install", "uninstall", "version", "--version", "verify", "extract"}


def main(root: Path, argv: list[str]) -> int:
    """Run one command and return the exit code. `root` is the tree, `argv` is like sys.argv."""
    try:
        return run(root, argv)
    except DjbundleError as error:
        print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # ./shop help | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def run(root: Path, argv: list[str]) -> int:
    arguments, chosen = data_directory.take_option(argv[1:])
    manifest = Manifest.read(root)
    data = data_directory.find_data_directory(manifest.name, chosen, os.environ)
    data_directory.pass_to_children(manifest.name, data)
    bundle = Bundle(root, manifest, argv[0], data)
    prepare_environment(bundle)
    if not arguments:
        from djbundle.runtime.cli.usage import usage_text  # noqa: PLC0415 - each command loads what it needs

        print(usage_text(bundle))
        return 0
    if is_help_requested(arguments) or arguments[0] not in WITH_OWN_RIGHTS:
        privileges.enter(data)
    if not is_help_requested(arguments):
        exit_code = run_own_command(bundle, arguments)
        if exit_code is not None:
            return exit_code
    from djbundle.runtime.cli.management_commands import run_command  # noqa: PLC0415

    run_command(bundle, arguments)
    return 0


def is_help_requested(arguments: list[str]) -> bool:
    """Return whether help is requested. Django prints the help of every command, also of djbundle's own."""
    return "--help" in arguments or "-h" in arguments


def run_own_command(bundle: Bundle, arguments: list[str]) -> int | None:
    """Run a command that needs no Django and return the exit code; return None for a management command."""
    command, *rest = arguments
    if command not in OWN_COMMANDS:
        return None
    module, function = OWN_COMMANDS[command].split(":")
    exit_code: int = getattr(importlib.import_module(f"djbundle.runtime.{module}"), function)(bundle, rest)
    return exit_code


def print_error(error: DjbundleError) -> None:
    """Print the two lines of an error, with a red label on a terminal unless NO_COLOR is set."""
    from djbundle.runtime.logs import masking  # noqa: PLC0415 - an error is rare
    from djbundle.runtime.logs.formats import printable  # noqa: PLC0415

    masking.learn_environment()
    cause, fix = (printable(masking.mask(text)) for text in (error.cause, error.fix))
    text = f"error: {cause}\n  fix: {fix}"
    if sys.stderr.isatty() and "NO_COLOR" not in os.environ:
        text = text.replace("error:", "\033[1;31merror:\033[0m", 1)
    print(text, file=sys.stderr)
