"""The tables of docs/capacity.md, from the recorded costs."""

from collections.abc import Iterable, Iterator, Sequence

from ci.model.capacity import MICROSECONDS, capacities, task_cost
from ci.model.costs import Costs, Measured
from ci.model.plan import Plan, make_plan
from ci.model.simulation import Load, Simulation
from ci.model.system import Mode, System

RATES = (1_000, 100_000, 3_000_000)  # tasks per second
BROKERS = {"redis": "Redis", "rabbitmq": "RabbitMQ", "sqs": "SQS"}
WALLS = {"": "none", "database": "the database", "queue": "the broker", "in flight": "messages in flight"}
PARTS = ("database", "queue", "relay", "worker")
LIMIT = 120.0  # simulated seconds that it may take


def make_plans(costs: Costs, task_seconds: float = 0.0, rates: Iterable[float] = RATES) -> Iterator[Plan]:
    """Yield the plan for each rate, mode and broker."""
    for rate in rates:
        for mode in Mode:
            for broker in BROKERS:
                yield make_plan(costs, rate, mode, broker, task_seconds)


def plans(found: Iterable[Plan]) -> str:
    """Return the table of the plans."""
    head = (
        "tasks/s",
        "mode",
        "broker",
        "databases",
        "queues",
        "relays",
        "workers",
        "start p50, p99",
        "first wall",
        "SQS a day",
    )
    return table(head, [_row(plan) for plan in found])


def _row(plan: Plan) -> Sequence[str]:
    counts = (plan.databases, plan.queues, plan.relays, plan.workers)
    return (
        f"{plan.rate:,.0f}",
        plan.system.mode,
        BROKERS[plan.system.broker],
        *(f"{count:,}" if count else "-" for count in counts),
        f"{1000 * plan.trial.p50:.0f}, {1000 * plan.trial.p99:.0f} ms",
        WALLS[plan.wall],
        f"${plan.dollars:,.0f}" if plan.dollars else "-",
    )


def parts(costs: Costs) -> str:
    """Return how many tasks per second one part carries."""
    rows = []
    for mode, broker in _systems():
        limits = capacities(costs, System(mode, broker))
        rows.append((mode, BROKERS[broker], *(f"{_short(limits[part])}" if part in limits else "-" for part in PARTS)))
    return table(("mode", "broker", *(f"one {part}" for part in PARTS)), rows)


def prices(costs: Costs) -> str:
    """Return what one task costs each part, in microseconds of CPU."""
    rows = []
    for mode, broker in _systems():
        cost = task_cost(costs, System(mode, broker))
        shares = (cost.site, cost.database, cost.relay, cost.broker, cost.worker)
        numbers = [
            f"{MICROSECONDS * share:,.0f}" if share * MICROSECONDS >= 1 else ("<1" if share else "-")
            for share in shares
        ]
        rows.append(
            (mode, BROKERS[broker], *numbers, f"{cost.written:,.0f}" if cost.written else "-", f"{cost.requests:.3g}")
        )
    head = (
        "mode",
        "broker",
        "site",
        "database",
        "relay",
        "broker's CPU",
        "worker",
        "log bytes",
        "requests to the broker",
    )
    return table(head, rows)


def check(measured: Measured) -> str:
    """Return the predicted and the measured drains of one worker, on one machine that all parts share."""
    cores = int(measured.facts["CPUs"])
    rows = []
    for broker in ("redis", "rabbitmq"):
        system = System(Mode.ROW, broker, processes=1, shared_cores=cores)
        rate = Simulation(measured.costs, system, Load(backlog=int(measured.facts["drained"]))).drain(LIMIT)
        seen = measured.drains[broker]
        rows.append((BROKERS[broker], f"{rate:,.0f}", f"{seen:,.0f}", f"{rate / seen:.2f}"))
    return table(("broker", "predicted tasks/s", "measured tasks/s", "ratio"), rows)


def _systems() -> Iterator[tuple[Mode, str]]:
    return ((mode, broker) for mode in Mode for broker in BROKERS)


def _short(number: float) -> str:
    """Return a number with two digits that say something."""
    digits = len(str(int(number))) - 2
    return f"{round(number, -digits):,.0f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
