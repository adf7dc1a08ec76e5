"""Time commands side by side: the machine may be shared, so they take turns, and medians are compared."""

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Side:
    """A command to be timed."""

    name: str
    command: Sequence[str | Path]
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    seconds: list[float] = field(default_factory=list)

    def run(self) -> float:
        """Run the command once, and return its seconds. Raises CalledProcessError if it fails."""
        begin = time.perf_counter()
        subprocess.run(self.command, cwd=self.cwd, env=self.environment, check=True, capture_output=True)
        return time.perf_counter() - begin

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def take_turns(sides: Sequence[Side], rounds: int) -> None:
    """Run each side once to warm caches up, then `rounds` times in turn."""
    for side in sides:
        side.run()
    for number in range(rounds):
        for side in sides if number % 2 else reversed(sides):
            side.seconds.append(side.run())


def print_table(sides: Sequence[Side]) -> None:
    """Print medians and spreads, and the ratio of each median to that of the last side."""
    peer = sides[-1]
    print(f"{'':24}{'median':>10}{'fastest':>10}{'slowest':>10}{'ratio':>8}")
    for side in sides:
        numbers = "".join(f"{1000 * value:>7.0f} ms" for value in (side.median, min(side.seconds), max(side.seconds)))
        print(f"{side.name:24}{numbers}{side.median / peer.median:>8.2f}")
