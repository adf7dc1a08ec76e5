"""Print the result of ``djbundle inspect``."""

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from djbundle.builder.core.console import plain_table
from djbundle.builder.reports.sizes import Inspection, Size
from djbundle.builder.reports.treemap import megabytes

SHOWN = 25  # groups


def print_inspection(inspection: Inspection) -> None:
    """Print the facts of a bundle and its largest parts."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{escape(inspection.name)} {escape(inspection.version)}[/]  {escape(inspection.path)}\n")
    facts = plain_table()
    for name, value in _facts(inspection):
        facts.add_row(f"  {name}", escape(value))
    console.print(facts)
    shown, rest = inspection.groups[:SHOWN], inspection.groups[SHOWN:]
    _print_sizes("by package", shown, inspection.size, console)
    if rest:
        stored = megabytes(sum(each.stored for each in rest))
        console.print(f"  and {len(rest)} smaller ones, {stored}; --json has them all")
    _print_sizes("by compression", inspection.coding, inspection.size, console)


def _facts(inspection: Inspection) -> Iterator[tuple[str, str]]:
    build = inspection.build
    yield "size", f"{inspection.size:,} bytes"
    yield "for", inspection.machine
    yield "built", f"{build['date']} by djbundle {build['djbundle']}, commit {build['git_commit'] or '-'}"
    yield "has", f"Python {build['python']}, Django {build['django']}, SQLite {build['sqlite']}"
    yield "packages", f"{len(inspection.packages)}"
    yield "machine code", f"{len(inspection.machine_code)} files"


def _print_sizes(title: str, sizes: list[Size], whole: int, console: Console) -> None:
    table = plain_table()
    table.add_column()
    for _ in range(4):
        table.add_column(justify="right")
    table.add_row(f"\n[bold]{title}[/]", "\nin the file", "", "\nunpacked", "\nfiles")
    for each in sizes:
        share = f"{each.stored / whole:.1%}"
        files = f"{each.files:,}" if each.files else ""
        table.add_row(f"  {escape(each.name)}", megabytes(each.stored), share, megabytes(each.raw), files)
    console.print(table)
