"""Finds the smallest system that carries a rate, and what stands in its way first."""

from dataclasses import dataclass, replace
from math import ceil

from ci.model import quotas
from ci.model.capacity import capacities
from ci.model.costs import Costs
from ci.model.simulation import Load, Simulation
from ci.model.system import Mode, System

WARM_UP, SPAN = 0.5, 0.7  # simulated seconds: until relays know the rate of their workers, and after that
SLOW_WARM_UP = 2.0  # where a message takes long
MAX_P99 = 0.5  # seconds from commit to start
MAX_GROWTH = 0.02  # of the tasks in the system, as a share of those that come
GROWTH = 1.6  # factor for the parts that were too few
TRIES = 12
DAY, MONTH = 86_400.0, 30 * 86_400.0  # seconds


@dataclass(frozen=True)
class Trial:
    """The result of simulating one part of a plan."""

    p50: float  # seconds from commit to start
    p99: float
    is_bounded: bool  # the backlog does not grow
    waits_for: str  # where most tasks wait: "relay" or "worker"
    database_busy: float  # share of its cores
    in_flight: int  # the most messages at a time that were received and not deleted
    requests: float  # to the broker, per second


@dataclass(frozen=True)
class Plan:
    """The number of each part that together carry `rate` tasks per second."""

    rate: float
    system: System  # one part of it
    parts: int  # that share nothing
    databases: int
    queues: int
    relays: int
    workers: int
    trial: Trial
    wall: str  # the first part of which one is not enough, though a project has one of it; "" if one is enough

    @property
    def dollars(self) -> float:
        """The price of the requests to SQS for a day, in dollars; 0 for other brokers."""
        if self.system.broker != "sqs":
            return 0.0
        left, total = self.trial.requests * self.parts * MONTH, 0.0
        for count, price in quotas.SQS_PRICES:
            total += min(left, count) * price
            left -= min(left, count)
        return total * DAY / MONTH


def make_plan(costs: Costs, rate: float, mode: Mode, broker: str, task_seconds: float = 0.0) -> Plan:
    """Return the smallest system that carries `rate` tasks per second. Raise RuntimeError if none is found."""
    system = System(mode, broker, task_seconds=task_seconds)
    limits = capacities(costs, system)

    def needed(part: str, tasks: float) -> int:
        return max(1, ceil(tasks / (limits[part] * quotas.MAX_BUSY))) if part in limits else 1

    shared = "database" if mode is Mode.ROW else ("queue" if "queue" in limits else "worker")
    parts = needed(shared, rate)
    tasks = rate / parts
    system = replace(
        system, queues=needed("queue", tasks), relays=needed("relay", tasks), workers=needed("worker", tasks)
    )
    for _ in range(TRIES):
        trial = simulate(costs, system, tasks)
        if trial.is_bounded and trial.p99 <= MAX_P99:
            return _plan(rate, system, parts, trial, limits)
        system = _grown(system, trial.waits_for)
    raise RuntimeError(f"no system was found that carries {rate:,.0f} tasks per second: {system}")


def simulate(costs: Costs, system: System, rate: float, seed: int = 1) -> Trial:
    """Simulate one part, to which `rate` tasks per second come."""
    simulation = Simulation(costs, system, Load(rate), seed)
    warm_up = SLOW_WARM_UP if system.broker == "sqs" and system.mode is Mode.ROW else WARM_UP
    before = simulation.run(warm_up, warm_up)
    waited, offered = simulation.offered - before.ended, simulation.offered
    journal = simulation.run(SPAN, warm_up)
    growth = simulation.offered - journal.ended - waited
    grown = growth / max(1, simulation.offered - offered)
    return Trial(
        p50=journal.percentile(0.5),
        p99=journal.percentile(0.99),
        is_bounded=grown <= MAX_GROWTH + 3 / max(1, simulation.offered - offered) ** 0.5,  # and some chance
        waits_for="relay" if simulation.table.size > simulation.in_broker else "worker",
        database_busy=simulation.database.busy_share(warm_up + SPAN) if system.mode is Mode.ROW else 0.0,
        in_flight=simulation.most_in_flight,
        requests=simulation.requests / (warm_up + SPAN),
    )


def _grown(system: System, part: str) -> System:
    if part == "relay":
        return replace(system, relays=ceil(system.relays * GROWTH))
    return replace(system, workers=ceil(system.workers * GROWTH))


def _plan(rate: float, system: System, parts: int, trial: Trial, limits: dict[str, float]) -> Plan:
    """Return the plan of so many equal parts."""
    is_row = system.mode is Mode.ROW
    queues = system.queues * parts
    if system.broker == "sqs":  # one queue serves all parts, as long as few messages are in flight
        queues = ceil(trial.in_flight * parts / quotas.SQS_IN_FLIGHT)
    alone = {"database": limits["database"]} if is_row else {}
    alone |= {"queue": limits["queue"]} if "queue" in limits else {}
    walls = [(limit, part) for part, limit in alone.items() if rate > limit * quotas.MAX_BUSY]
    return Plan(
        rate=rate,
        system=system,
        parts=parts,
        databases=parts if is_row else 0,
        queues=queues,
        relays=system.relays * parts if is_row else 0,
        workers=system.workers * parts,
        trial=trial,
        wall=min(walls)[1] if walls else "in flight" if system.broker == "sqs" and queues > 1 else "",
    )
