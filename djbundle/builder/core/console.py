"""Show the progress of a build: each step with its share done, its time and one note. Errors are printed elsewhere."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console as RichConsole
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

MEGABYTE = 1_000_000


def plain_table() -> Table:
    """Return a table without lines or titles."""
    return Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))


@dataclass(frozen=True, slots=True)
class StepTime:
    """A finished step and its time."""

    name: str
    seconds: float
    cached: bool


class Step:
    """A running step, for reporting its note and progress."""

    def __init__(self, name: str, console: "Console") -> None:
        self.name = name
        self.text = ""
        self.cached = False
        self._console = console

    def note(self, text: str, *, cached: bool = False) -> None:
        self.text, self.cached = text, cached

    def progress(self, share: float) -> None:
        """Report that `share` of the step is done, 0 to 1."""
        self._console.update(self.name, share)


class Console:
    """The terminal on stderr, so that stdout stays free for ``--json``; silent when `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.steps: list[StepTime] = []
        self._rich = RichConsole(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._status = self._rich.status("")

    def print(self, what: RenderableType) -> None:
        self._rich.print(what)

    def update(self, name: str, share: float) -> None:
        self._status.update(f"{name}  {share:.0%}")

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time a step and print its line when it is done; print nothing for a step that raises."""
        step, start = Step(name, self), time.monotonic()
        self._status.update(name)
        with self._status:
            yield step
        seconds = time.monotonic() - start
        self.steps.append(StepTime(name, round(seconds, 2), step.cached))
        cached = ", unchanged" if step.cached else ""
        self._rich.print(f"{seconds:6.1f} s  {name}  [dim]{escape(step.text)}{cached}[/]")
