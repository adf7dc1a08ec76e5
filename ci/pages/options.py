"""The page of options: from the parsers of all commands."""

import importlib
import pkgutil
from argparse import SUPPRESS, Action, ArgumentParser, _ArgumentGroup, _SubParsersAction
from collections.abc import Iterator
from unittest import mock

import click
from django.core.management import BaseCommand

from ci.pages.markdown import code, prose, table
from djbundle.cli import cli
from djbundle.runtime.cli.command_help import OwnCommandHelp
from djbundle.runtime.cli.commands import OWN_COMMANDS
from djbundle.runtime.core import data_directory

UNNAMED = ("positional arguments", "options")  # the titles of argparse's own groups
PROJECT = "PROJECT"


def page() -> Iterator[str]:
    yield "# Options\n"
    yield "## The builder\n"
    yield from builder()
    yield "## A bundle\n"
    yield f"`{data_directory.OPTION} DIR` may stand anywhere in a command. It names the"
    yield "[data directory](../settings.md#data-directory).\n"
    yield "`--extract DIR` has to be the first argument. The bundle then runs from files in that folder:"
    yield "[one step down](../../ARCHITECTURE.md#one-step-down).\n"
    own = commands("djbundle.runtime.management.commands") | {name: OwnCommandHelp(name) for name in OWN_COMMANDS}
    for name in ("serve", *sorted(own.keys() - {"serve"})):
        yield from command(f"./shop {name}", own[name])
    yield "## Tasks\n"
    yield "These are management commands of `djbundle.tasks`, in a bundle and in every other project.\n"
    for name, each in sorted(commands("djbundle.tasks.management.commands").items(), reverse=True):
        yield from command(f"manage.py {name}", each)


# --- commands of Django ---


def commands(package: str) -> dict[str, BaseCommand]:
    """Return the commands of a package, without those whose options are Django's."""
    names = [each.name for each in pkgutil.iter_modules(importlib.import_module(package).__path__)]
    by_name = {name: importlib.import_module(f"{package}.{name}").Command() for name in names}
    return {name: each for name, each in by_name.items() if not defined_by_django(each)}


def defined_by_django(command: BaseCommand) -> bool:
    return type(command).add_arguments.__module__.startswith("django.core.management.commands")


def command(title: str, command: BaseCommand) -> Iterator[str]:
    parser = ArgumentParser(add_help=False)
    with mock.patch("djbundle.runtime.options.serve.count_workers", return_value=""):  # it depends on the machine
        command.add_arguments(parser)  # type: ignore[arg-type]
    yield f"### `{title}`\n"
    for text in filter(None, (command.help, parser.epilog)):
        yield f"{prose(text)}\n"
    unnamed = [group for group in parser._action_groups if group.title in UNNAMED]
    yield from arguments([action for group in unnamed for action in shown(group)])
    for group in parser._action_groups:
        if group not in unnamed and shown(group):
            title = f"{group.title}"
            yield f"**{title[0].upper()}{title[1:]}.** {prose(group.description or '')}".rstrip() + "\n"
            yield from arguments(shown(group))


def shown(group: _ArgumentGroup) -> list[Action]:
    return [each for each in group._group_actions if each.help != SUPPRESS]


def arguments(actions: list[Action]) -> Iterator[str]:
    if actions and isinstance(actions[0], _SubParsersAction):
        yield from subcommands(actions[0])
    elif actions:
        yield from table(["option", "meaning"], ([code(written(each)), meaning(each)] for each in actions))


def subcommands(action: "_SubParsersAction[ArgumentParser]") -> Iterator[str]:
    """Yield a table of the actions of a command, each with its own options."""
    helps = {each.dest: each.help or "" for each in action._choices_actions}
    rows = []
    for name, parser in action.choices.items():
        own = (each for each in parser._actions if each.dest != "help")
        lines = (f"{code(written(each))} {meaning(each)}".rstrip() for each in own)
        rows.append([code(name), prose(helps[name]), "<br>".join(lines)])
    yield from table(["action", "meaning", "its options"], rows)


def meaning(action: Action) -> str:
    return prose((action.help or "") % {"default": action.default}).rstrip(": ")


def written(action: Action) -> str:
    """Return an argument as it is typed."""
    value = str(action.metavar or action.dest.upper())
    if action.choices:
        value = f"{{{','.join(map(str, action.choices))}}}"
    if not action.option_strings:
        return f"[{value} ...]" if action.nargs == "*" else value
    if action.nargs == 0:
        value = ""
    elif action.nargs == "?":
        value = f"[{value}]"
    return f"{', '.join(action.option_strings)} {value}".rstrip()


# --- the builder ---


def builder() -> Iterator[str]:
    of_project: set[str | None] = {each.name for each in click_options(cli.commands["why"])}
    yield f"Every command that takes a {PROJECT} has these options:\n"
    yield from click_table(cli.commands["why"], set())
    for name, command in cli.commands.items():
        context = click.Context(command)
        names = [each.make_metavar(context) for each in command.params if isinstance(each, click.Argument)]
        yield f"### `djbundle {' '.join([name, *names])}`\n"
        yield f"{prose(command.help or '')}\n"
        yield from click_table(command, of_project if any(PROJECT in each for each in names) else set[str | None]())


def click_options(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


def click_table(command: click.Command, without: set[str | None]) -> Iterator[str]:
    context = click.Context(command)
    options = [each for each in click_options(command) if each.name not in without]
    if options:
        yield from table(
            ["option", "meaning"], ([click_written(each, context), prose(each.help or "")] for each in options)
        )


def click_written(option: click.Option, context: click.Context) -> str:
    value = "" if option.is_flag else option.make_metavar(context)
    return code(f"{', '.join([*option.opts, *option.secondary_opts])} {value}".rstrip())
