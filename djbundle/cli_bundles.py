"""The developer's commands for a bundle that is there: they start it, or read it."""

from pathlib import Path

import click

from djbundle.builder.host import check_host
from djbundle.cli_options import parse_variables
from djbundle.errors import VULNERABILITIES_FOUND, OutputError


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--env",
    "environment",
    metavar="NAME=VALUE",
    multiple=True,
    callback=parse_variables,
    help="A variable that the site needs to start; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def verify(bundle: Path, environment: dict[str, str], *, as_json: bool) -> None:
    """Start BUNDLE where nothing else is, on a new database, and crawl it: request every page that needs no argument.

    Each page is requested without a login and as a superuser, and each static file that a page names. A page that fails
    ends this with exit code 29, its traceback and what is likely missing.
    """
    check_host()
    from djbundle.builder.verify import verification  # noqa: PLC0415 - --help need not load the builder

    record = verification.verify(bundle, environment)
    click.echo(verification.to_json(record) if as_json else "\n".join(verification.report_lines(record)))
    verification.raise_for_problems(record)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write.  [default: BUNDLE.tar]")
@click.option("--tag", metavar="NAME:VERSION", help="The name of the image.  [default: those of the bundle]")
def image(bundle: Path, output: Path | None, tag: str | None) -> None:
    """Write BUNDLE as a container image, which docker, podman and others load. No engine is needed."""
    from djbundle.builder.image import write_image  # noqa: PLC0415 - as above

    output = output or bundle.with_name(f"{bundle.name}.tar")
    name = write_image(bundle, output, tag)
    click.echo(f"wrote {name} to {output}\n\nNext:  docker load -i {output}")
    click.echo(f"       docker run -p 8000:80 -v {bundle.name}-data:/storage {name}")


@click.command("inspect")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Also draw the sizes, as a treemap.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def inspect_bundle(bundle: Path, svg: Path | None, *, as_json: bool) -> None:
    """Show what takes the room in BUNDLE, by package. It is read, and not run, so it may be for another machine."""
    from djbundle.builder.archive.read import BundleFile  # noqa: PLC0415 - as above
    from djbundle.builder.reports.print_sizes import print_inspection  # noqa: PLC0415
    from djbundle.builder.reports.sizes import inspect  # noqa: PLC0415

    inspection = inspect(BundleFile.open(bundle))
    if svg:
        from djbundle.builder.reports.treemap import draw  # noqa: PLC0415

        write_text(svg, draw(inspection))
    if as_json:
        click.echo(inspection.to_json())
    else:
        print_inspection(inspection)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--osv",
    type=click.Path(path_type=Path),
    metavar="DIR|ZIP",
    required=True,
    help="An export of OSV for PyPI: its ZIP file, or a folder with its JSON files.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.pass_context
def audit(context: click.Context, bundle: Path, osv: Path, *, as_json: bool) -> None:
    """Look the Python packages in BUNDLE up in a list of known vulnerabilities, offline.

    The exit code is 39 if one is known. osv.dev has the list: osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip
    """
    from djbundle.builder.reports.audit import audit as audit_bundle  # noqa: PLC0415 - as above

    result = audit_bundle(bundle, osv)
    click.echo(result.to_json() if as_json else "\n".join(result.lines()))
    context.exit(VULNERABILITIES_FOUND if result.vulnerabilities else 0)


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def diff(old: Path, new: Path, *, as_json: bool) -> None:
    """Show what the bundle NEW changes: versions, packages, settings, variables, migrations and sizes."""
    from djbundle.builder.reports.differences import Differences  # noqa: PLC0415 - as above

    differences = Differences.of(old, new)
    click.echo(differences.to_json() if as_json else "\n".join(differences.lines()))


def write_text(path: Path, text: str) -> None:
    """Write a file that the user has named. Raises OutputError."""
    try:
        path.write_text(text)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}", "name another file") from error


COMMANDS = (verify, image, inspect_bundle, audit, diff)
