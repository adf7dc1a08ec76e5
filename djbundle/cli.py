"""The developer's command line. This file only parses arguments and prints results."""

import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console as RichConsole
from rich.markup import escape

import djbundle
from djbundle import cli_bundles
from djbundle.builder.deployment import Kind, Site, deployment_files, scaled_object
from djbundle.builder.host import check_host, container_commands
from djbundle.builder.machines import MACHINES, SYSTEM
from djbundle.cli_options import project_options
from djbundle.errors import PROBLEMS_FOUND, DjbundleError, OptionError

BUILDER = "builder"  # of init --for: the only kind that no machine serves with
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
    warnings.simplefilter("ignore", SyntaxWarning)  # third-party sources are parsed, and may raise it


for command in cli_bundles.COMMANDS:
    cli.add_command(command)


def _enter_environment(project: Path, python: Path | None) -> str:
    """Continue in the project's environment, and return its description. Refuse what cannot build."""
    from djbundle.builder.project.python_version import check_python  # noqa: PLC0415 - as below

    check_host()
    check_python()
    from djbundle.builder.project.environment import enter_environment  # noqa: PLC0415 - --help need not load the builder

    return enter_environment(project, python)


@cli.command(epilog=EPILOG)
@project_options
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write.  [default: dist/NAME]")
@click.option(
    "--verify/--no-verify",
    default=True,
    help="Start the bundle, and crawl it, before it is put in place.  [default: --verify]",
)
@click.option(
    "--target",
    type=click.Choice([f"{SYSTEM}{name}" for name in sorted(MACHINES)]),
    help="The machine that the bundle is for.  [default: this one]",
)
@click.option(
    "--target-python",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="The folder into which a Python for --target was unpacked, with its libraries.  [default: uv installs one]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout instead of the progress.")
def build(project: Path, python: Path | None, output: Path | None, *, as_json: bool, **options: Any) -> None:
    """Build PROJECT, the folder with manage.py, into one executable file."""
    packages = _enter_environment(project, python)
    from djbundle.builder import pipeline  # noqa: PLC0415 - as above
    from djbundle.builder.core.console import Console  # noqa: PLC0415
    from djbundle.builder.options import BuildOptions  # noqa: PLC0415
    from djbundle.builder.report import print_report  # noqa: PLC0415

    console = Console(quiet=as_json)
    build_options = BuildOptions(project=project, output=output, packages=packages, **options)
    report = pipeline.build(build_options, console)
    if as_json:
        click.echo(report.to_json())
    else:
        print_report(report, console)


@cli.command()
@project_options
@click.option("--files", is_flag=True, help="List each file of the project on stdout: in or out, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.pass_context
def check(
    context: click.Context, /, project: Path, python: Path | None, *, files: bool, as_json: bool, **options: Any
) -> None:
    """Tell in seconds what a build of PROJECT would take, and what would fail in a bundle: then the exit code is 26."""
    packages = _enter_environment(project, python)
    from djbundle.builder.check import check_project  # noqa: PLC0415 - as above
    from djbundle.builder.check_report import lines_of_files, print_check  # noqa: PLC0415
    from djbundle.builder.core.console import Console  # noqa: PLC0415
    from djbundle.builder.options import BuildOptions  # noqa: PLC0415

    result = check_project(BuildOptions(project=project, packages=packages, **options))
    if as_json:
        click.echo(result.to_json())
    elif files:
        click.echo("\n".join(lines_of_files(result)))
    else:
        print_check(result, Console())
    context.exit(PROBLEMS_FOUND if result.problems else 0)


@cli.command()
@click.argument("distribution")
@project_options
def why(distribution: str, project: Path, python: Path | None, **options: Any) -> None:
    """Explain why DISTRIBUTION would be in the bundle of PROJECT."""
    packages = _enter_environment(project, python)
    from djbundle.builder.options import BuildOptions  # noqa: PLC0415 - as above
    from djbundle.builder.why import explain  # noqa: PLC0415

    click.echo("\n  ".join(explain(BuildOptions(project=project, packages=packages, **options), distribution)))


@cli.command()
@project_options
@click.option("--force", is_flag=True, help="Write over files that are there.")
@click.option(
    "--for",
    "kinds",
    type=click.Choice([*(kind.value for kind in Kind), BUILDER]),
    multiple=True,
    help="Write what deploys the site there too, into deploy/; repeatable. A Containerfile that exists then stays. "
    f"{BUILDER}: the recipe of an image that builds on a machine where djbundle cannot, such as a Mac.",
)
@click.option("--keda", is_flag=True, help="Write a ScaledObject too, by which KEDA starts and stops workers.")
def init(
    project: Path, python: Path | None, *, force: bool, kinds: tuple[str, ...], keda: bool, **options: Any
) -> None:
    """Write the [tool.djbundle] table, a Containerfile and a workflow for GitHub Actions for PROJECT."""
    if BUILDER in kinds:
        _write_builder(project, options, force=force)
        kinds = tuple(kind for kind in kinds if kind != BUILDER)
        if not kinds:
            return
    packages = _enter_environment(project, python)
    from djbundle.builder import init as init_files  # noqa: PLC0415 - as above
    from djbundle.builder.options import BuildOptions  # noqa: PLC0415
    from djbundle.builder.versions import check_versions  # noqa: PLC0415

    check_versions()
    discovered, inspection = BuildOptions(project=project, packages=packages, **options).inspect()
    needed = [each.name for each in inspection.variables if each.needed]
    site = Site(discovered.name, "djbundle.tasks" in inspection.apps, tuple(needed))
    files = list(init_files.build_files(discovered, needed, python_version(), is_for_machines=bool(kinds)))
    if kinds or keda:  # then an earlier init may have written those
        files = init_files.missing_files(discovered, files)
    files += deployment_files(site, map(Kind, kinds))
    files += [scaled_object(site)] if keda else []
    for path in init_files.write_files(discovered, files, force=force):
        click.echo(f"wrote {path}")
    for line in init_files.missing_parts(has_tasks=site.has_tasks) if kinds else ():
        click.echo(f"note: {line}")
    click.echo("\nNext:  djbundle build")


def _write_builder(project: Path, options: dict[str, Any], *, force: bool) -> None:
    """Write the recipe of the image that builds, on any machine: the project is not imported."""
    from djbundle.builder import init as init_files  # noqa: PLC0415 - as above
    from djbundle.builder.options import BuildOptions  # noqa: PLC0415

    discovered = BuildOptions(project=project, **options).find_project()
    file = init_files.builder_file(discovered, python_version())
    for path in init_files.write_files(discovered, [file], force=force):
        click.echo(f"wrote {path}")
    click.echo("\nNext:  " + "\n       ".join(container_commands(f"{discovered.name}-builder")))


def python_version() -> str:
    """Return the version of this Python, such as "3.13"."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def main() -> None:
    """Run the command line. An error prints two lines, its cause and its fix, and exits with the code of its class."""
    try:
        sys.exit(cli(prog_name="djbundle", standalone_mode=False))
    except DjbundleError as error:
        fail(error)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.UsageError as error:
        fail(usage_error(error))
    except click.Abort:
        sys.exit(1)


def usage_error(error: click.UsageError) -> OptionError:
    """Return the error for what click cannot parse, or what a command refuses."""
    message = error.format_message().strip().removesuffix(".")
    named = next((each for each in sys.argv[1:2] if each in cli.commands), "")
    command = error.ctx.command_path if error.ctx else f"djbundle {named}".strip()
    return OptionError(message[:1].lower() + message[1:], f"see  {command} --help")


def fail(error: DjbundleError) -> NoReturn:
    print_error(error)
    sys.exit(error.exit_code)


def print_error(error: DjbundleError) -> None:
    console = RichConsole(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]error:[/] {escape(error.cause)}\n  [bold]fix:[/] {escape(error.fix)}")
