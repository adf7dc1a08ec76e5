"""A simulated worker: its receiver, its loop, and its processes, each a process of the machine."""

from typing import TYPE_CHECKING

from ci.model.flow import Backlog, Parcel, Processor, Steps, count_of
from ci.model.system import Mode

if TYPE_CHECKING:
    from ci.model.simulation import Simulation

# As worker/claiming.py and worker/process_handle.py have them.
CLAIM_LIMIT = 800  # tasks in one claim
THREADS = 4  # of a process
PREFETCH_SECONDS = 0.02  # of work that wait in a process, for each thread
MAX_PREFETCH = 400  # tasks, for each thread
REFILL_SHARE = 0.5  # share of it that must be missing before more is claimed

REPORT_SECONDS = 0.005  # of work after which a process reports what has ended


class Worker:
    """One worker of the simulation."""

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        self.system, self.costs = simulation.system, simulation.costs
        env = simulation.env
        self.inbox, self.ready, self.outcomes = Backlog(env), Backlog(env), Backlog(env)
        self.credit = Backlog(env)  # only wakes the receiver
        self.granted = 0  # tasks that may still come
        self.assigned = 0  # tasks that the processes have
        self.task_seconds = self.costs.run.client.each + self.system.task_seconds
        prefetch = int(min(MAX_PREFETCH, PREFETCH_SECONDS / self.task_seconds)) * THREADS
        self.prefetch = prefetch * self.system.processes
        self.capacity = self.prefetch + THREADS * self.system.processes
        self.loop_core, self.receiver_core = simulation.own_processor(), simulation.own_processor()
        self.process_cores = [simulation.own_processor() for _ in range(self.system.processes)]
        for _ in range(self.system.connections):
            env.process(self._receive())
        env.process(self._loop() if self.system.mode is Mode.ROW else self._hand_out())
        for core in self.process_cores:
            env.process(self._process(core))
        if self.system.mode is Mode.DIRECT:
            for _ in range(self.system.connections):
                env.process(self._acknowledge())

    @property
    def room(self) -> int:
        """The number of tasks that it can claim now."""
        room = self.capacity - self.assigned
        return min(room, CLAIM_LIMIT) if room >= self.prefetch * REFILL_SHARE else 0

    def _grant(self) -> None:
        if (room := self.room - self.inbox.size) > self.granted:
            self.granted = room
            self.credit.wake()

    # --- the receiver ---

    def _receive(self) -> Steps:
        """Take messages as long as there is credit."""
        simulation, is_row = self.simulation, self.system.mode is Mode.ROW
        costs = simulation.broker_costs
        while True:
            while self.granted <= 0:
                yield self.credit.changed()
            messages = [(yield simulation.queue.get())]
            parcels = list(messages[0])
            while is_row and len(messages) < self.system.batch and simulation.queue.items:
                messages.append((yield simulation.queue.get()))
                parcels += messages[-1]
            count = count_of(parcels)
            self.granted -= count
            simulation.count_in_flight(len(messages) if is_row else count)
            simulation.requests += 2 if is_row else 1
            cost, keys = (costs.receive_keys, count) if is_row else (costs.receive_task, 1)
            yield from simulation.call(cost, keys, self.receiver_core, simulation.broker)
            if is_row:
                simulation.count_in_flight(-len(messages))
            self.inbox.put(*parcels)

    def _acknowledge(self) -> Steps:
        """Acknowledge messages whose tasks have ended."""
        simulation = self.simulation
        while True:
            if not (parcels := self.outcomes.take(self.system.batch)):
                yield self.outcomes.changed()
                continue
            cost = simulation.broker_costs.acknowledge_task
            simulation.requests += 1
            yield from simulation.call(cost, 1, self.receiver_core, simulation.broker)
            simulation.count_in_flight(-count_of(parcels))
            self._end(parcels)

    def _end(self, parcels: list[Parcel]) -> None:
        for parcel in parcels:
            self.simulation.journal.end(self.simulation.env.now, parcel.count, parcel.born)

    # --- the loop ---

    def _loop(self) -> Steps:
        """Record outcomes, claim rows, and give them to the processes."""
        simulation = self.simulation
        while True:
            ended = self.outcomes.take(self.outcomes.size)
            if ended:
                yield from simulation.call(self.costs.finish, count_of(ended), self.loop_core, simulation.database)
                self._end(ended)
            if self.inbox.size and (limit := self.room):
                yield from self._claim(self.inbox.take(limit))
            self._grant()
            if not self.outcomes.size and not (self.inbox.size and self.room):
                yield self.outcomes.changed() | self.inbox.changed()

    def _claim(self, keys: list[Parcel]) -> Steps:
        count = count_of(keys)
        yield from self.simulation.call(self.costs.claim, count, self.loop_core, self.simulation.database)
        self.simulation.claimed += count
        self.simulation.in_broker -= count
        yield from self._give(keys)

    def _hand_out(self) -> Steps:
        """Give tasks that messages carry to the processes: there is nothing to claim."""
        while True:
            self._grant()
            if not self.inbox.size:
                yield self.inbox.changed()
            yield from self._give(self.inbox.take(self.inbox.size))

    def _give(self, parcels: list[Parcel]) -> Steps:
        self.assigned += count_of(parcels)
        yield from self.loop_core.work(self.costs.hand_out.client.of(count_of(parcels)))
        self.ready.put(*parcels)

    # --- the processes ---

    def _process(self, core: Processor) -> Steps:
        """Run tasks one after the other, and report them after some milliseconds."""
        share = max(1, int(REPORT_SECONDS / self.task_seconds))
        env, journal = self.simulation.env, self.simulation.journal
        while True:
            if not (parcels := self.ready.take(share)):
                yield self.ready.changed()
                continue
            for parcel in parcels:
                middle = (parcel.count - 1) / 2 * self.task_seconds
                journal.start(env.now + middle, parcel.count, parcel.born)
                yield from core.work(parcel.count * self.task_seconds)
            self.assigned -= count_of(parcels)
            self.outcomes.put(*parcels)
            if self.system.mode is Mode.DIRECT:
                self._grant()
