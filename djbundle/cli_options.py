"""The options that several commands of the developer's command line share."""

from collections.abc import Callable
from pathlib import Path

import click


def parse_variables(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise click.BadParameter(f'"{name}" is not of the form NAME=VALUE')
    return {name: value for name, _, value in pairs}


def project_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the argument PROJECT and the options for what djbundle cannot find out about a project."""
    options = (
        click.argument("project", default=".", type=click.Path(path_type=Path)),
        click.option("--settings", metavar="MODULE", help="The settings module, when the wrong one is found."),
        click.option(
            "--python",
            type=click.Path(path_type=Path),
            help="The project's environment: its folder, or its python.  [default: the one beside the project]",
        ),
        click.option("--name", help="The name of the site: of the file, its data directory and its processes."),
        click.option(
            "--include",
            multiple=True,
            metavar="NAME",
            help="A distribution that nothing imports by name, or a file of the project; repeatable, as `include`.",
        ),
        click.option(
            "--exclude",
            multiple=True,
            metavar="PATTERN",
            help="Files or folders, of the project or of a package, to leave out; repeatable, as `exclude`.",
        ),
        click.option(
            "--compile",
            multiple=True,
            metavar="NAME",
            help="A package to compile to C like the project itself, or a module of the project to compile although a "
            "rule keeps it bytecode; repeatable, as `compile`.",
        ),
        click.option(
            "--bytecode",
            multiple=True,
            metavar="NAME",
            help="A module or package of the project not to compile to C; repeatable, as `bytecode`.",
        ),
        click.option(
            "--env",
            "environment",
            metavar="NAME=VALUE",
            multiple=True,
            callback=parse_variables,
            help="A variable that the settings need to be imported; repeatable. It never gets into the bundle.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
