"""Management commands in a bundle: apply the settings overlay, then do what ``manage.py`` does."""

import difflib
import os
from dataclasses import dataclass
from typing import NoReturn

from django.core.management import BaseCommand, ManagementUtility, get_commands, load_command_class
from django.core.management.base import CommandError, CommandParser

from djbundle.errors import BelongsToTheProjectError, UnknownCommandError
from djbundle.runtime.cli.command_help import OwnCommandHelp
from djbundle.runtime.cli.command_list import command_list
from djbundle.runtime.cli.commands import OWN_COMMANDS
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.hold import Hold
from djbundle.runtime.database.connecting import refused_connections_explained
from djbundle.runtime.options.parser import option_error
from djbundle.runtime.process import memory
from djbundle.runtime.settings.machine_ties import report_in_checks
from djbundle.runtime.settings.overlay import Change
from djbundle.runtime.settings.rules import apply_overlay

PROJECT_COMMANDS = {
    "makemigrations": "writes migrations, and a bundle is read-only",
    "squashmigrations": "writes migrations, and a bundle is read-only",
    "optimizemigration": "writes migrations, and a bundle is read-only",
    "makemessages": "reads sources and writes translations, and a bundle has neither",
    "compilemessages": "writes translations, and a bundle is read-only",
    "startapp": "writes sources, and a bundle is read-only",
    "startproject": "writes sources, and belongs elsewhere",
    "test": "runs tests, and those are not in a bundle",
}
# Commands that run tasks or enqueue them: djbundle's, and those of other packages.
TASK_COMMANDS = frozenset(
    ("worker", "scheduler", "relay", "db_worker", "rqworker", "rqscheduler", "qcluster", "run_huey", "procrastinate")
)
HARMLESS = {"--help", "-h", "--check", "--dry-run"}


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The facts that djbundle's own management commands need of the bundle that they run in."""

    bundle: Bundle
    changes: list[Change]


context: CommandContext  # set by run_command


def refuse_options(parser: CommandParser, message: str) -> NoReturn:
    """Raise OptionError for a wrong option, as the bundle's own commands do. Replaces Django's method `error`.

    Code that calls a command by ``call_command`` gets Django's CommandError.
    """
    if parser.called_from_command_line:
        raise option_error(parser, message)
    raise CommandError(f"Error: {message}")


class BundleUtility(ManagementUtility):
    """Django's dispatcher, which raises djbundle's own error for an unknown command, with the closest known one."""

    @property
    def is_help_requested(self) -> bool:
        return not {"--help", "-h"}.isdisjoint(self.argv)

    def main_help_text(self, commands_only: bool = False) -> str:
        """Return the list of commands: with the bundle's own, and without those that it refuses."""
        commands = {name: app for name, app in get_commands().items() if name not in PROJECT_COMMANDS}
        if commands_only:
            return "\n".join(sorted({*commands, *OWN_COMMANDS}))
        return command_list(self.prog_name, commands)

    def fetch_command(self, subcommand: str) -> BaseCommand:
        if subcommand in OWN_COMMANDS:
            return OwnCommandHelp(subcommand)
        if subcommand == "worker":  # it forks the processes that run tasks
            if not self.is_help_requested:
                ask_services()
            memory.configure_malloc()
            memory.share_loaded_objects()
        memory.start_garbage_collection()  # Django is set up by now
        commands = get_commands()
        app = commands.get(subcommand)
        if app is None:
            raise unknown_command(subcommand, sorted({*commands, *OWN_COMMANDS}), self.prog_name)
        return app if isinstance(app, BaseCommand) else load_command_class(app, subcommand)


def ask_services() -> None:
    """Raise an error if a service that a variable names does not answer. The settings are set up by now."""
    from djbundle.runtime.settings.shared_services import ask_shared_services  # noqa: PLC0415 - few commands need it

    ask_shared_services(context.bundle)


def refuse_project_command(arguments: list[str]) -> None:
    """Raise BelongsToTheProjectError for a command that cannot work in a bundle: it is read-only and has no tests."""
    name, *rest = arguments
    if name in PROJECT_COMMANDS and not HARMLESS & {*rest}:
        raise BelongsToTheProjectError(
            f'"{name}" {PROJECT_COMMANDS[name]}', f"run  manage.py {name}  in the project, and build again"
        )


def refuse_tasks_of_held_copy(bundle: Bundle, name: str) -> None:
    """Raise HeldError for a command that would run the tasks of a copy, while the live site runs them, too."""
    if name in TASK_COMMANDS and (hold := Hold.read(bundle.data)):
        raise hold.refusal(bundle.data)


def unknown_command(name: str, known: list[str], program: str) -> UnknownCommandError:
    matches = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean  {program} {matches[0]}  ?  " if matches else ""
    return UnknownCommandError(f'unknown command "{name}"', f"{hint}{program} help  lists all commands")


def run_command(bundle: Bundle, arguments: list[str]) -> None:
    """Run one management command. `arguments` are those typed after the name of the program."""
    refuse_project_command(arguments)
    refuse_tasks_of_held_copy(bundle, arguments[0])
    global context  # noqa: PLW0603 - a management command is made by Django and takes no argument of ours
    context = CommandContext(bundle, apply_overlay(bundle, arguments[0]))
    program = os.path.basename(bundle.program)  # noqa: PTH119 - a name, not a path
    if arguments[0] in OWN_COMMANDS:  # with --help; Django has a meaning of its own for "version"
        OwnCommandHelp(arguments[0]).print_help(program, arguments[0])
        return
    if arguments[0] == "check":
        report_in_checks(bundle)
    CommandParser.error = refuse_options  # type: ignore[method-assign,assignment]  # subparsers have the same class
    utility = BundleUtility([bundle.program, *arguments])
    utility.prog_name = program
    with refused_connections_explained():
        utility.execute()
