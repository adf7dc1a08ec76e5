"""The picture of a terminal in the README: docs/terminal.svg, drawn from a run that docs/terminal.json keeps.

    python -m ci.terminal              draws the picture
    python -m ci.terminal --record     runs the commands first, and keeps what they print

The run builds sample_shop, which takes a minute or two. It has a /var/lib of its own (unshare(1)), so it changes
nothing on this machine except dist/shop. The picture leaves out the middle of long outputs, and says how many lines.
"""

import argparse
import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
RECORDING = REPOSITORY / "docs" / "terminal.json"
PICTURE = REPOSITORY / "docs" / "terminal.svg"

SERVE = "./shop serve &"
READY = " serves http"
COMMANDS = {  # by folder: each command, and the lines of its output that the picture has at most
    ".": {"djbundle build sample_shop": 20},
    "dist": {"./shop migrate": 6, SERVE: 1, "curl --silent http://127.0.0.1:8000/ | grep title": 3},
}
COLOUR = re.compile(r"\x1b\[[\d;]*m")

COLUMNS, WIDTH, HEIGHT, MARGIN, BAR = 104, 8.4, 20, 18, 36  # of letters, in pixels but for the first
STYLE = """\
text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d6deeb; white-space: pre }
.command { fill: #ffffff; font-weight: bold }
.prompt { fill: #7fdbca }
.left-out { fill: #8796a8; font-style: italic }"""

Run = list[dict[str, str]]  # "command" and "output" of each


def main() -> int:
    parser = argparse.ArgumentParser(prog="ci/terminal.py", description="Draw docs/terminal.svg.")
    parser.add_argument("--record", action="store_true", help="run the commands, and keep what they print")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # /var/lib is the run's own
    options = parser.parse_args()
    if options.inside:
        RECORDING.write_text(json.dumps(list(record()), indent=1) + "\n")
        return 0
    if options.record:
        unshare = ("unshare", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
        subprocess.run([*unshare, sys.executable, "-m", "ci.terminal", "--inside"], cwd=REPOSITORY, check=True)
    PICTURE.write_text(draw(json.loads(RECORDING.read_text())))
    return 0


# --- the run ---


def record() -> Iterator[dict[str, str]]:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/var/lib"], check=True)
    for folder, commands in COMMANDS.items():
        if folder != ".":
            yield {"command": f"cd {folder}", "output": ""}
        for command in commands:
            yield {"command": command, "output": run(command, REPOSITORY / folder)}


def run(command: str, folder: Path) -> str:
    """Run the command in a terminal, and return what it prints: to its end, or until the site serves."""
    programs = f"{Path(sys.executable).parent}:{os.defpath}"
    environment = {"PATH": programs, "HOME": os.environ["HOME"], "TERM": "dumb", "NO_COLOR": "1"}
    environment["COLUMNS"] = str(COLUMNS)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["sh", "-c", command.removesuffix("&")], cwd=folder, env=environment, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    printed = b""
    with contextlib.suppress(OSError):  # the terminal is closed when the command has ended
        while part := os.read(ours, 65536):
            printed += part
            if command == SERVE and READY.encode() in printed and printed.endswith(b"\n"):
                return lines_of(printed)  # it serves until its namespace ends
    if process.wait() or command == SERVE:
        raise SystemExit(f"{command} failed:\n{printed.decode()}")
    return lines_of(printed)


def lines_of(printed: bytes) -> str:
    plain = COLOUR.sub("", printed.decode().replace("\r", ""))
    return "\n".join(line.rstrip() for line in plain.splitlines()).strip("\n")


# --- the picture ---


def draw(run: Run) -> str:
    most = {command: lines for commands in COMMANDS.values() for command, lines in commands.items()}
    rows: list[tuple[str, str]] = []  # class and text
    for each in run:
        rows.append(("command", each["command"]))
        rows += shortened(each["output"].splitlines(), most.get(each["command"], 0))
    texts = "\n".join(row(kind, text, BAR + MARGIN + HEIGHT * number) for number, (kind, text) in enumerate(rows))
    width, height = round(2 * MARGIN + COLUMNS * WIDTH), BAR + 2 * MARGIN + HEIGHT * (len(rows) - 1)
    dots = "".join(f'<circle cx="{MARGIN + 18 * at + 4}" cy="18" r="6" fill="#3a4a5e"/>' for at in range(3))
    name = "A terminal: djbundle builds the sample shop into one file, which then migrates its database and serves."
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>{name}</title>
<style>
{STYLE}
</style>
<rect width="{width}" height="{height}" rx="8" fill="#0f1c2b"/>
{dots}
{texts}
</svg>
"""


def shortened(lines: list[str], most: int) -> list[tuple[str, str]]:
    """Return the lines, without the middle where there are more than `most`."""
    if len(lines) <= most:
        return [("", line) for line in lines]
    left_out = len(lines) - most + 1
    head = [("", line) for line in lines[: most - 2]]
    return [*head, ("left-out", f"  ({left_out} lines left out)"), ("", lines[-1])]


def row(kind: str, text: str, y: int) -> str:
    """Return a line. Its length is fixed, since the letters of each machine are of another width."""
    if not text:
        return ""
    prompt = '<tspan class="prompt">$ </tspan>' if kind == "command" else ""
    text = text if len(text) <= COLUMNS - 2 else f"{text[: COLUMNS - 3]}…"
    length = round((len(text) + (2 if prompt else 0)) * WIDTH, 1)
    inside = f'{prompt}<tspan class="{kind}">{escape(text)}</tspan>' if kind else escape(text)
    return f'<text x="{MARGIN}" y="{y}" textLength="{length}" lengthAdjust="spacingAndGlyphs">{inside}</text>'


if __name__ == "__main__":
    sys.exit(main())
