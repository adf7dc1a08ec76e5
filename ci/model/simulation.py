"""Simulates one part of a system: producers, a database, relays, a queue of the broker, and workers.

Tasks move in parcels, so that millions can be simulated. What calls a server waits for its answer, as the code does.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import simpy

from ci.model.costs import Cost, Costs
from ci.model.flow import Backlog, Parcel, Processor, Steps, count_of
from ci.model.journal import Journal
from ci.model.system import Mode, System
from ci.model.worker import Worker
from djbundle.tasks.engine.supply import FULL_INTERVAL, Supply, keys_in_message, window_for

BATCH = 500  # tasks that a relay marks in one transaction, as in engine/relay.py
GRAIN = 10  # tasks that are committed together; 1 at low rates
GRAIN_SECONDS = 0.001  # of arrivals that a parcel stands for, at most


@dataclass(frozen=True)
class Load:
    """The tasks that come: `backlog` of them at once, and `rate` tasks per second for so many `seconds`."""

    rate: float = 0.0
    backlog: int = 0
    seconds: float = float("inf")


class Simulation:
    """One database or one queue, with what belongs to it."""

    def __init__(self, costs: Costs, system: System, load: Load, seed: int = 1) -> None:
        self.env = simpy.Environment()
        self.random = random.Random(seed)
        self.costs, self.system, self.load = costs, system, load
        self.broker_costs = costs.brokers[system.broker]
        self.machine = Processor(self.env, system.shared_cores) if system.shared_cores else None
        self.database = self.machine or Processor(self.env, system.database_cores)
        self.broker = self.machine or Processor(self.env, system.broker_threads)
        self.journal = Journal()
        self.table = Backlog(self.env)
        self.queue = simpy.Store(self.env)  # messages: lists of parcels
        self.offered = 0  # tasks of the producers, committed or not
        self.in_broker = 0  # tasks that are sent and not claimed
        self.claimed = 0  # tasks
        self.in_flight = 0  # messages that are received and not deleted
        self.most_in_flight = 0
        self.requests = 0  # to the broker: each sends, receives or deletes a batch of messages
        self.workers = [Worker(self) for _ in range(system.workers)]
        self._start()

    def _start(self) -> None:
        if self.load.rate:
            self.env.process(self._produce())
        if self.load.backlog:
            parcel = Parcel(self.load.backlog, 0.0)
            self.offered += parcel.count
            self.journal.arrive(0.0, parcel.count)
            self.table.put(parcel) if self.system.mode is Mode.ROW else self._add_messages([parcel])
        for _ in range(self.system.relays if self.system.mode is Mode.ROW else 0):
            self.env.process(self._relay())

    def run(self, seconds: float, warm_up: float = 0.0) -> Journal:
        """Run for so long. Tasks of the first `warm_up` seconds count for no latency."""
        self.journal.counted_from = warm_up
        self.env.run(until=self.env.now + seconds)
        return self.journal

    def drain(self, limit: float) -> float:
        """Run until the backlog is done, at most `limit` seconds. Return tasks per second."""
        while self.journal.ended < self.load.backlog and self.env.now < limit and self.env.peek() < float("inf"):
            self.env.step()
        return self.journal.ended / self.journal.last_end if self.journal.ended else 0.0

    # --- what all parts use ---

    def own_processor(self) -> Processor:
        """Return the core of a new process."""
        return self.machine or Processor(self.env, 1)

    def call(self, cost: Cost, tasks: float, here: Processor, there: Processor, times: float = 1.0) -> Steps:
        """Call a server for so many tasks, and wait for the answer. Do it `times` times, one after the other."""
        yield from here.work(times * cost.client.of(tasks))
        yield from there.work(times * cost.server.of(tasks))
        if wait := times * cost.wait.of(tasks):
            yield self.env.timeout(wait)

    def count_in_flight(self, change: int) -> None:
        """Count messages that are received and not deleted."""
        self.in_flight += change
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    # --- producers ---

    def _produce(self) -> Steps:
        """Let tasks come at random moments, as many as the load says in the mean."""
        grain = max(1, min(GRAIN, int(self.load.rate * GRAIN_SECONDS)))
        if self.system.mode is Mode.DIRECT:
            grain = max(grain, self.system.batch)
        commit = self._commit_rows if self.system.mode is Mode.ROW else self._send_tasks
        while self.env.now < self.load.seconds:
            yield self.env.timeout(self.random.expovariate(self.load.rate / grain))
            self.offered += grain
            self.env.process(commit(grain))

    def _commit_rows(self, count: int) -> Steps:
        """Insert rows, each in its own transaction. The processes of the site have CPUs of their own."""
        cost = self.costs.enqueue
        yield from self.database.work(count * cost.server.of(1))
        yield self.env.timeout(cost.wait.of(1))
        self.journal.arrive(self.env.now, count)
        self.table.put(Parcel(count, self.env.now))

    def _send_tasks(self, count: int) -> Steps:
        """Commit, and then send messages that carry the tasks."""
        self.journal.arrive(self.env.now, count)
        parcel = Parcel(count, self.env.now)
        cost = self.broker_costs.send_task
        self.requests += max(1, count // self.system.batch)
        yield from self.broker.work(count / self.system.batch * cost.server.of(1))
        yield self.env.timeout(cost.client.of(1) + cost.wait.of(1))
        self._add_messages([parcel])

    def _add_messages(self, parcels: list[Parcel]) -> None:
        for parcel in parcels:
            for begin in range(0, parcel.count, self.system.batch):
                self.queue.put([Parcel(min(self.system.batch, parcel.count - begin), parcel.born)])

    # --- relays ---

    def _relay(self) -> Steps:
        """Send keys of rows, as engine/relay.py does."""
        own, supply = self.own_processor(), self._supply()
        ways = simpy.Resource(self.env, self.system.connections)
        while True:
            yield from self.call(self.costs.count_sent, self.in_broker, own, self.database)
            supply.measure(self.in_broker)
            room = supply.room
            if room <= 0:
                yield self.env.timeout(FULL_INTERVAL)
                continue
            if not self.table.size:
                yield self.table.changed()
                continue
            parcels = self.table.take(min(room, BATCH))
            count = count_of(parcels)
            yield from self.call(self.costs.mark_sent, count, own, self.database)
            self.in_broker += count
            supply.sent += count
            chunk = keys_in_message(supply.rate, count, is_slow=self.system.broker == "sqs")
            yield from self._send_keys(parcels, chunk, own, ways)

    def _supply(self) -> Supply:
        """Return the supply of a relay whose tasks workers have claimed for a while as they come."""
        rate = self.load.rate
        return Supply(lambda: float(self.env.now), rate, window_for(rate), relays=self.system.relays)

    def _send_keys(self, parcels: list[Parcel], chunk: int, own: Processor, ways: simpy.Resource) -> Steps:
        """Send messages with up to `chunk` keys, several in a request if the broker takes that."""
        waiting = Backlog(self.env)
        waiting.put(*parcels)
        while waiting.size:
            request = [waiting.take(chunk) for _ in range(self.system.batch) if waiting.size]
            way = ways.request()
            yield way
            keys = sum(map(count_of, request))
            yield from own.work(self.broker_costs.send_keys.client.of(keys))
            sent = self.env.process(self._deliver(request, keys, lambda way=way: ways.release(way)))  # type: ignore[misc]
            if self.system.connections == 1:
                yield sent

    def _deliver(self, request: list[list[Parcel]], keys: int, release: Callable[[], object]) -> Steps:
        cost = self.broker_costs.send_keys
        self.requests += 1
        yield from self.broker.work(cost.server.of(keys))
        yield self.env.timeout(cost.wait.of(keys))
        for message in request:
            self.queue.put(message)
        release()
