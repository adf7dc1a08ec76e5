"""The tasks per second that one part carries, and the cost of a task, with batches as large as under load."""

from dataclasses import dataclass

from ci.model import quotas
from ci.model.costs import Cost, Costs
from ci.model.simulation import BATCH
from ci.model.system import Mode, System
from ci.model.worker import CLAIM_LIMIT
from djbundle.tasks.engine.supply import MAX_CHUNK

STATEMENT = MAX_CHUNK  # tasks in a claim, or in a write of outcomes: about one message
MICROSECONDS = 1e6


@dataclass(frozen=True)
class TaskCost:
    """The cost of one task: CPU seconds of each part, and bytes of the database's log."""

    site: float
    database: float
    relay: float
    broker: float  # of Redis or RabbitMQ; what SQS uses is paid by request
    worker: float
    written: float
    requests: float  # to the broker


def task_cost(costs: Costs, system: System) -> TaskCost:
    """Return what one task costs in this system, without what it does itself."""
    broker = costs.brokers[system.broker]
    own = costs.hand_out.client.each + costs.run.client.each
    if system.mode is Mode.DIRECT:
        send, receive, end = broker.send_task, broker.receive_task, broker.acknowledge_task
        served, called = send.server.call + receive.server.call + end.server.call, receive.client.call + end.client.call
        return TaskCost(
            site=send.client.call / system.batch,
            database=0.0,
            relay=0.0,
            broker=served / system.batch,
            worker=own + called / system.batch,
            written=0.0,
            requests=3 / system.batch,
        )
    keys = MAX_CHUNK * system.batch
    steps = [(costs.mark_sent, BATCH), (costs.claim, STATEMENT), (costs.finish, STATEMENT), (costs.count_sent, 0)]
    statements = sum(cost.server.of(count) / (count or BATCH) for cost, count in steps)
    relay = costs.mark_sent.client.of(BATCH) / BATCH + costs.count_sent.client.call / BATCH
    worker = costs.claim.client.of(STATEMENT) / STATEMENT + costs.finish.client.of(STATEMENT) / STATEMENT
    return TaskCost(
        site=costs.enqueue.client.of(1),
        database=costs.enqueue.server.of(1) + statements,
        relay=relay + broker.send_keys.client.of(keys) / keys,
        broker=(broker.send_keys.server.of(keys) + broker.receive_keys.server.of(keys)) / keys,
        worker=own + worker + broker.receive_keys.client.of(keys) / keys,
        written=sum(cost.written for cost in (costs.enqueue, costs.mark_sent, costs.claim, costs.finish)),
        requests=3 / keys,
    )


def capacities(costs: Costs, system: System) -> dict[str, float]:
    """Return how many tasks per second one database, queue, relay or worker carries when it does nothing else."""
    cost, broker = task_cost(costs, system), costs.brokers[system.broker]
    processes = system.processes / (costs.run.client.each + system.task_seconds)
    found = {"queue": 1 / cost.broker} if cost.broker else {}
    if system.mode is Mode.DIRECT:
        calls = (broker.receive_task, broker.acknowledge_task)
        return found | {"worker": min(processes, system.batch * _rate(calls, 1, system))}
    keys = MAX_CHUNK * system.batch
    loop = _seconds(costs.claim, CLAIM_LIMIT) + _seconds(costs.finish, CLAIM_LIMIT)
    loop = CLAIM_LIMIT / (loop + costs.hand_out.client.of(CLAIM_LIMIT))
    messages = BATCH / keys * _seconds(broker.send_keys, keys) / system.connections
    relay = BATCH / (_seconds(costs.count_sent, BATCH) + _seconds(costs.mark_sent, BATCH) + messages)
    return found | {
        "database": min(system.database_cores / cost.database, quotas.DISK_BYTES / cost.written),
        "relay": relay,
        "worker": min(processes, loop, keys * _rate((broker.receive_keys,), keys, system)),
    }


def _seconds(cost: Cost, count: float) -> float:
    """Return the seconds of a call, as its caller sees them."""
    return cost.client.of(count) + cost.server.of(count) + cost.wait.of(count)


def _rate(calls: tuple[Cost, ...], count: float, system: System) -> float:
    """Return how many requests per second a process makes. Several may be under way, but it has one core."""
    waited = sum(_seconds(cost, count) for cost in calls) / system.connections
    return 1 / max(waited, sum(cost.client.of(count) for cost in calls))
