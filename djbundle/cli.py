"""The commands that a developer types. This file only parses and prints."""

import sys
from pathlib import Path

import click
from rich.console import Console as RichConsole
from rich.markup import escape

import djbundle
from djbundle.errors import DjbundleError

EPILOG = """
\b
Examples:
  djbundle build                        the project in this folder, to dist/NAME
  djbundle build shop -o /srv/shop      another folder, another file
  djbundle build --env STRIPE_KEY=none  a variable that the settings need to be imported

The value of --env is used while building only; it is not in the bundle.
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(djbundle.__version__, prog_name="djbundle")
def cli() -> None:
    """Build a Django project into one executable file."""


def _parse_variables(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise click.BadParameter(f'"{name}" is not of the form NAME=VALUE')
    return {name: value for name, _, value in pairs}


@cli.command(epilog=EPILOG)
@click.argument("project", default=".", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write.  [default: dist/NAME]")
@click.option("--settings", metavar="MODULE", help="The settings module, when manage.py does not name the right one.")
@click.option("--name", help="The name of the site: of the file, its data directory and its processes.")
@click.option(
    "--env",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_parse_variables,
    help="A variable for the build; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout instead of the progress.")
def build(
    project: Path,
    output: Path | None,
    settings: str | None,
    name: str | None,
    env: dict[str, str],
    *,
    as_json: bool,
) -> None:
    """Build PROJECT, the folder with manage.py, into one executable file."""
    from djbundle.builder import pipeline  # noqa: PLC0415 - --help need not load the builder
    from djbundle.builder.console import Console  # noqa: PLC0415
    from djbundle.builder.report import print_report  # noqa: PLC0415

    console = Console(quiet=as_json)
    options = pipeline.Options(project=project, output=output, settings=settings, name=name, environment=env)
    report = pipeline.build(options, console)
    if as_json:
        click.echo(report.to_json())
    else:
        print_report(report, console)


def main() -> None:
    """Run the command line; a mistake of the user's ends in two lines and the exit code of its class."""
    try:
        cli()
    except DjbundleError as error:
        print_error(error)
        sys.exit(error.exit_code)


def print_error(error: DjbundleError) -> None:
    console = RichConsole(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]error:[/] {escape(error.cause)}\n  [bold]fix:[/] {escape(error.fix)}")
