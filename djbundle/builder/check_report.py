"""Print the result of ``djbundle check``."""

from collections.abc import Iterable

from rich.markup import escape

from djbundle.builder.check import Check
from djbundle.builder.contents.left_out import printable
from djbundle.builder.core.console import MEGABYTE, Console, plain_table
from djbundle.builder.scan import Finding

WIDEST = 60  # characters; the path column is at most this wide


def print_check(check: Check, console: Console) -> None:
    console.print(f"[bold]{escape(check.name)} {escape(check.version)}[/]  {escape(check.root)}\n")
    table = plain_table()
    table.add_column(no_wrap=True)
    table.add_column()
    for title, text in _rows(check):
        table.add_row(f"  {title}", escape(text))
    console.print(table)
    _print_bytecode(check, console)
    _print_findings("would fail in a bundle", "red", check.problems, console)
    _print_findings("advice", "yellow", check.advice, console)
    _print_findings("is under GPL or AGPL", "cyan", check.copyleft, console, "means")
    _print_findings("ties it to one machine", "cyan", check.machine_ties, console)
    console.print("\nNext:  [bold]djbundle build[/]" if not check.problems else "")


def lines_of_files(check: Check) -> Iterable[str]:
    """Yield a line for each file of the project: whether it goes in, and why."""
    width = min(WIDEST, max((len(each.path) for each in check.files), default=0))
    for each in check.files:
        yield f"{'in ' if each.taken else 'out'}  {printable(each.path):{width}}  {each.reason}"


def _rows(check: Check) -> Iterable[tuple[str, str]]:
    yield "settings", f"{check.settings} ({check.settings_reason})"
    yield "environment", f"{check.environment}, Django {check.django}"
    yield "served as", check.interface
    yield "applications", f"{len(check.apps)}"
    if check.public_uploads:
        yield (
            "uploads",
            f"public, at {check.public_uploads}; a route of the project takes precedence, or serve --no-media",
        )
    kept = len({finding.place.partition(":")[0] for finding in check.bytecode})
    yield "compiled to C", f"{check.compiled} modules{f'; {kept} stay bytecode' if kept else ''}"
    size = sum(package.size for package in check.packages) / MEGABYTE
    yield "packages", f"{len(check.packages)}, {size:.0f} MB before compression"
    for package in sorted(check.packages, key=lambda each: -each.size)[:5]:
        yield "", f"{package.size / MEGABYTE:5.1f} MB  {package.name} {package.version}  {package.reason}"
    left_out = sum(not each.taken for each in check.files)
    yield "files", f"{len(check.files) - left_out} go in, {left_out} are left out; each with its reason: --files"
    yield "variables", "none" if not check.variables else f"{len(check.variables)} of the environment are read"
    for variable in check.variables:
        need = "needed" if variable.needed else "optional"
        yield (
            "",
            f"{variable.name}  {need}, {variable.place}{f', here from {variable.origin}' if variable.origin else ''}",
        )


def _print_bytecode(check: Check, console: Console) -> None:
    """Print why modules stay bytecode, one line for each."""
    if check.bytecode:
        console.print("\n[bold]stays bytecode, and works as in Python[/]")
    for finding in check.bytecode:
        console.print(f"  {escape(finding.place)}  {escape(finding.cause)}")


def _print_findings(title: str, colour: str, findings: Iterable[Finding], console: Console, label: str = "fix") -> None:
    for number, finding in enumerate(findings):
        if not number:
            console.print(f"\n[bold {colour}]{title}[/]")
        console.print(f"  {escape(finding.place)}  {escape(finding.cause)}\n    {label}: {escape(finding.fix)}")
