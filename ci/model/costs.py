"""The measured costs of each step of a task: what `python -m ci.model.measure` writes, and the simulation reads.

All times are seconds. A step is a call for a batch of tasks: it has a cost for the call, and one for each task in it.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

RECORDED = Path(__file__).with_name("measured.json")


@dataclass(frozen=True)
class Share:
    """A part of a cost: `call` seconds for each call, and `each` seconds for each task in it."""

    call: float = 0.0
    each: float = 0.0

    def of(self, tasks: float) -> float:
        """Return the seconds of one call for so many tasks."""
        return self.call + self.each * tasks

    @classmethod
    def between(cls, small: tuple[int, float], large: tuple[int, float]) -> Self:
        """Return the line through two measurements, each a number of tasks and the seconds of a call."""
        (few, short), (many, long) = small, large
        each = max(0.0, (long - short) / (many - few))
        return cls(max(0.0, short - each * few), each)


@dataclass(frozen=True)
class Cost:
    """The cost of a step, by who bears it."""

    client: Share = field(default_factory=Share)  # CPU of the process that calls
    server: Share = field(default_factory=Share)  # CPU of the database or of the broker
    wait: Share = field(default_factory=Share)  # neither: the disk, and the way there and back
    written: float = 0.0  # bytes of the write-ahead log for each task

    @classmethod
    def of(cls, parts: dict[str, Any]) -> Self:
        """Return a cost from its JSON."""
        shares = {name: Share(**parts[name]) for name in ("client", "server", "wait")}
        return cls(**shares, written=parts["written"])


@dataclass(frozen=True)
class BrokerCosts:
    """The costs of one broker. A call is a message; for SQS, it is a request with a batch of messages."""

    send_keys: Cost  # row mode: `each` is for a key
    receive_keys: Cost  # with its acknowledgement on arrival
    send_task: Cost  # direct mode: the message carries the task
    receive_task: Cost
    acknowledge_task: Cost  # after the run

    @classmethod
    def of(cls, parts: dict[str, Any]) -> Self:
        """Return the costs from their JSON."""
        return cls(**{name: Cost.of(cost) for name, cost in parts.items()})


@dataclass(frozen=True)
class Costs:
    """All measured costs."""

    enqueue: Cost  # a row in a transaction of its own
    count_sent: Cost  # by the relay: `each` is for a task that the broker has
    mark_sent: Cost
    claim: Cost
    finish: Cost  # record outcomes
    hand_out: Cost  # what the worker itself does for a task beside its statements
    run: Cost  # what a process of the worker does for an empty task
    brokers: dict[str, BrokerCosts]

    @classmethod
    def of(cls, parts: dict[str, Any]) -> Self:
        """Return the costs from their JSON."""
        brokers = {name: BrokerCosts.of(costs) for name, costs in parts["brokers"].items()}
        steps = {name: Cost.of(cost) for name, cost in parts.items() if name != "brokers"}
        return cls(**steps, brokers=brokers)


@dataclass(frozen=True)
class Measured:
    """One run of the measuring program."""

    facts: dict[str, str]  # date, versions, CPUs
    costs: Costs
    drains: dict[str, float]  # tasks per second that one worker drained, by its broker; "none" is without one

    @classmethod
    def load(cls, path: Path = RECORDED) -> Self:
        """Return what is recorded."""
        parts = json.loads(path.read_text())
        return cls(parts["facts"], Costs.of(parts["costs"]), parts["drains"])

    def save(self, path: Path = RECORDED) -> None:
        """Write it as JSON. Times are seconds."""
        path.write_text(json.dumps(_rounded(asdict(self)), indent=1) + "\n")


def _rounded(value: Any) -> Any:
    """Return it with three digits of each number, since a measurement has no more."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return float(f"{value:.3g}") if isinstance(value, float) else value
