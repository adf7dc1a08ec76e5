"""The command ``./shop move``: its options, and the state of the move."""

import sys
from argparse import ArgumentParser, Namespace

from djbundle.common import service_variables
from djbundle.errors import MoveError, OptionError
from djbundle.runtime.cli.move.back import forget, go_back
from djbundle.runtime.cli.move.forward import EXAMPLE, move
from djbundle.runtime.cli.move.interrupted import abort, was_interrupted
from djbundle.runtime.cli.reporting import Reporter, add_json
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.logs import masking
from djbundle.runtime.move import folder, url_file
from djbundle.runtime.options.parser import parse_options

SCHEMES = ("postgres://", "postgresql://", "pgsql://")


def add_move_options(parser: ArgumentParser) -> None:
    parser.add_argument("url", nargs="?", metavar="URL", help="of the new database; - reads it from standard input")
    parser.add_argument("--check", action="store_true", help="only rehearse: the site is not touched")
    parser.add_argument(
        "--leave", action="append", default=[], metavar="TABLE", help="leave this table behind; may be repeated"
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--back", action="store_true", help="go back to SQLite, with all that was written since")
    ways.add_argument("--abort", action="store_true", help="clean up after a move that was killed")
    ways.add_argument("--forget", action="store_true", help="give up the way back; the SQLite file goes to the backups")
    add_json(parser)


def run_move(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "move", arguments, add_move_options)
    report = Reporter(as_json=options.json)
    check_combination(options)
    ways = {"back": go_back, "abort": abort, "forget": forget}
    if way := next((way for name, way in ways.items() if getattr(options, name)), None):
        with folder.locked(bundle.data):
            way(bundle, report)
    elif options.url:
        url = read_url(options.url)
        with folder.locked(bundle.data):
            move(bundle, url, options, report)
    else:
        report_state(bundle, report)
    return 0


def check_combination(options: Namespace) -> None:
    """Raise OptionError for options that do not belong together: ``--back --check`` would really go back."""
    way = next((name for name in ("back", "abort", "forget") if getattr(options, name)), None)
    of_a_move = [name for name in ("url", "check", "leave") if getattr(options, name)]
    if way and of_a_move:
        name = "URL" if of_a_move[0] == "url" else f"--{of_a_move[0]}"
        raise OptionError(f"--{way} and {name} exclude each other", f"move --{way}  has no other option but --json")
    if of_a_move and not options.url:
        raise OptionError(f"--{of_a_move[0]} needs the URL of the new database", EXAMPLE)


def read_url(text: str) -> str:
    """Return the URL. Raise MoveError for one of another kind of database."""
    url = sys.stdin.readline().strip() if text == "-" else text
    masking.learn({service_variables.DATABASE: url})
    if not url.startswith(SCHEMES):
        raise MoveError("this is not a PostgreSQL URL", EXAMPLE)
    return url


def report_state(bundle: Bundle, report: Reporter) -> None:
    state = folder.read_state(bundle.data)
    if folder.is_moving(bundle.data):
        report("moving", "another command is moving the site")
    elif url_file.read(bundle.data):
        way = f"move --back  returns to {state.file}" if state else "the way back was given up"
        report("moved", f"the site uses PostgreSQL; {way}", file=state.file if state else "")
    elif was_interrupted(state):
        report("interrupted", "a move was interrupted;  move URL  begins it again,  move --abort  cleans up")
    else:
        report("here", "the site uses the database of its settings;  move URL  moves it to PostgreSQL")
