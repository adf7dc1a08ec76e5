"""The start of a bundle: from the command line to the code that runs the command.

bootstrap.py calls `main` as soon as modules can be imported. ``serve``, ``upgrade``, ``version`` and a few more run
without loading Django. Every other command is a management command and works as with ``manage.py``.
"""

import os
import sys
from pathlib import Path

from djbundle.errors import DjbundleError
from djbundle.manifest import Manifest
from djbundle.runtime.cli.commands import find_own_command, load_function
from djbundle.runtime.core import data_directory
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.environment import prepare_environment
from djbundle.runtime.process import privileges
from djbundle.runtime.process.site_variables import load_variables


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
    sys.argv[1:] = arguments  # settings look whether sys.argv[1] is "migrate"
    manifest = Manifest.read(root)
    data = data_directory.find_data_directory(manifest.name, chosen, os.environ)
    data_directory.pass_to_children(manifest.name, data)
    bundle = Bundle(root, manifest, argv[0], data)
    prepare_environment(bundle)
    if not arguments:
        from djbundle.runtime.cli.usage import usage_text  # noqa: PLC0415 - each command loads what it needs

        print(usage_text(bundle))
        return 0
    command = None if is_help_requested(arguments) else find_own_command(arguments[0])
    if command is None or not command.has_own_rights:
        privileges.enter(data)
        load_variables(data)
    elif command.reads_variables:
        with privileges.acting_as_owner(data):
            load_variables(data)
    if command:
        exit_code: int = load_function(command.function)(bundle, arguments[1:])
        return exit_code
    from djbundle.runtime.cli.management_commands import run_command  # noqa: PLC0415

    run_command(bundle, arguments)
    return 0


def is_help_requested(arguments: list[str]) -> bool:
    """Return whether help is requested. Django prints the help of every command, also of djbundle's own."""
    return "--help" in arguments or "-h" in arguments


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
