"""``./shop errors``: the last errors of the site, in groups."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict

from djbundle.errors import OptionError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.logs.formats import printable
from djbundle.runtime.logs.kept_errors import ErrorGroup, KeptErrors
from djbundle.runtime.options.parser import parse_options

CLEAR = "clear"


def add_errors_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "which", nargs="?", metavar="ID|clear", help="show one with its traceback, or forget all  [default: list them]"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with the tracebacks")


def run_errors(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "errors", arguments, add_errors_options)
    kept = KeptErrors(bundle.data)
    if options.which == CLEAR:
        kept.clear()
        return 0
    groups = kept.groups()
    if options.which is not None:
        groups = [each for each in groups if str(each.id) == options.which]
        if not groups:
            raise OptionError(f'there is no error "{printable(options.which)}"', f"list them:  {bundle.program} errors")
    if options.json:
        print(json.dumps([asdict(each) for each in groups]))
    elif options.which is not None:
        print(describe(groups[0]))
    else:
        print(table(groups))
    return 0


def table(groups: Sequence[ErrorGroup]) -> str:
    """Return a line for each group."""
    lines = [f"{'id':>4}  {'count':>6}  {'last (UTC)':19}  error"]
    for each in groups:
        what = printable(f"{each.kind}: {each.message}"[:80])
        lines.append(f"{each.id:>4}  {each.count:>6}  {utc(each.last)}  {what}  ({printable(each.place)})")
    return "\n".join(lines) if groups else "no errors are kept"


def describe(group: ErrorGroup) -> str:
    """Return all that is known of a group."""
    facts = {
        "error": f"{group.kind}: {group.message}",
        "at": group.place,
        "count": str(group.count),
        "first": f"{utc(group.first)} UTC",
        "last": f"{utc(group.last)} UTC",
        "request": f"{group.method} {group.path}".strip(),
        "request id": group.request,
        "browser": group.agent,
        "version": group.version,
    }
    lines = [f"{name:>10}  {printable(text)}" for name, text in facts.items() if text]
    return "\n".join([*lines, "", *(printable(line) for line in group.traceback.splitlines())])


def utc(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))
