"""Measures everything, once Django and the servers are set up."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from platform import python_version
from typing import Any

import psutil
from django.db import connection

from ci.model.costs import BrokerCosts, Cost, Costs, Measured, Share
from ci.model.measuring import sqs
from ci.model.measuring.brokers import measure_broker
from ci.model.measuring.database import measure_database
from ci.model.measuring.drain import Drain, measure_drain

ROUNDS = 10  # drains, of which the fastest counts
LARGE = 400  # tasks in a statement of a busy worker

Pids = Callable[[], Iterable[int]]


@dataclass(frozen=True)
class Server:
    """A broker: its URL, and its processes."""

    url: str
    pids: Pids


def measure(database: Pids, servers: dict[str, Server], tasks: int) -> Measured:
    """Return all costs. `database` returns the processes of PostgreSQL; each drain has so many tasks."""
    facts = _facts() | {"drained": str(tasks)}
    steps = measure_database(database)
    brokers = {name: measure_broker(server.url, server.pids) for name, server in servers.items()} | {"sqs": _sqs()}
    urls = {"none": "", **{name: f"{server.url}?prefix=model" for name, server in servers.items()}}
    drains = {name: _fastest(url, tasks) for name, url in urls.items()}
    statements = (steps["claim"].client.of(LARGE) + steps["finish"].client.of(LARGE)) / LARGE
    own = Cost(Share(0.0, max(0.0, drains["none"].loop - statements)))
    run = Cost(Share(0.0, drains["none"].processes))
    costs = Costs(**steps, hand_out=own, run=run, brokers=brokers)
    return Measured(facts, costs, {name: drain.rate for name, drain in drains.items()})


def _fastest(url: str, tasks: int) -> Drain:
    return max((measure_drain(tasks, url) for _ in range(ROUNDS)), key=lambda drain: drain.rate)


def _sqs() -> BrokerCosts:
    if sqs.can_measure():
        return sqs.measure_sqs()
    print("not measured: SQS; its recorded costs are kept. To measure it:  pip install boto3 'moto[server,sqs]'")
    return Measured.load().costs.brokers["sqs"]


def _facts() -> dict[str, str]:
    """Return when and with what was measured. It names no machine."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (postgres,) = cursor.fetchone()
    facts: dict[str, Any] = {
        "load before": f"{os.getloadavg()[0]:.1f}",
        "date": datetime.now(UTC).date(),
        "CPUs": psutil.cpu_count(),
        "Python": python_version(),
        "PostgreSQL": str(postgres).split(" ", maxsplit=1)[0],
        "unit": "seconds",
    }
    return {name: str(value) for name, value in facts.items()}
