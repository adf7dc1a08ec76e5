"""The simulation loses nothing, is the same each time, and knows which part is short."""

from dataclasses import replace

import pytest

from ci.model.capacity import capacities
from ci.model.costs import Cost, Share
from ci.model.simulation import Load, Simulation
from ci.model.system import Mode, System
from tests.model.costs import COSTS, with_task

SYSTEMS = [System(mode, broker, workers=2) for mode in Mode for broker in ("redis", "sqs")]
LATER = 30.0  # simulated seconds, when all must have ended


def drained(system: System, backlog: int = 5_000, **costs: Cost) -> float:
    """Return the tasks per second of a drain."""
    return Simulation(replace(COSTS, **costs), system, Load(backlog=backlog)).drain(LATER)  # type: ignore[arg-type]


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: f"{system.mode}-{system.broker}")
def test_each_task_that_comes_starts_once_and_ends_once(system: System) -> None:
    simulation = Simulation(COSTS, system, Load(rate=2_000, backlog=777, seconds=1.0))
    during = simulation.run(0.5)
    assert 777 < during.arrived < simulation.offered + 1
    assert during.arrived >= during.started >= during.ended > 0
    after = simulation.run(LATER)
    assert simulation.offered == after.arrived == after.started == after.ended == pytest.approx(2_777, rel=0.1)
    assert (simulation.table.size, simulation.in_broker, simulation.in_flight, len(simulation.queue.items)) == (0,) * 4


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: f"{system.mode}-{system.broker}")
def test_littles_law_holds(system: System) -> None:
    """The mean of the tasks in the system is their rate times their mean time there."""
    simulation = Simulation(COSTS, system, Load(rate=2_000, seconds=1.0))
    journal = simulation.run(LATER)
    tasks, rate = journal.task_seconds / journal.last_end, journal.ended / journal.last_end
    assert tasks == pytest.approx(rate * journal.sojourn_seconds / journal.ended, rel=1e-6)
    assert journal.sojourn_seconds > 0


def test_same_seed_gives_the_same_and_another_one_does_not() -> None:
    def latencies(seed: int) -> dict[float, int]:
        return Simulation(COSTS, SYSTEMS[0], Load(2_000), seed).run(0.5).latencies

    assert latencies(1) == latencies(1)
    assert latencies(1) != latencies(2)


def test_twice_the_workers_halve_a_drain_that_waits_for_workers() -> None:
    slow = Cost(Share(0.0, 0.001))
    one, two, four = (drained(System(Mode.ROW, "redis", workers=count), run=slow) for count in (1, 2, 4))
    assert two == pytest.approx(2 * one, rel=0.1)
    assert four == pytest.approx(2 * two, rel=0.1)


def test_more_workers_do_not_help_where_the_relay_is_short() -> None:
    slow = Cost(Share(0.0, 200e-6), Share(), Share())
    few, many = (drained(System(Mode.ROW, "redis", workers=count), mark_sent=slow) for count in (4, 8))
    relays = drained(System(Mode.ROW, "redis", workers=8, relays=2), mark_sent=slow)
    assert many == pytest.approx(few, rel=0.05)
    assert relays > 1.5 * many


def test_drain_reaches_what_the_short_part_can_carry_and_no_more() -> None:
    system = System(Mode.ROW, "redis", workers=8)
    costs = replace(COSTS, mark_sent=Cost(Share(0.0, 200e-6)))
    limit = capacities(costs, system)["relay"]
    assert 0.85 * limit < drained(system, mark_sent=costs.mark_sent) <= limit


def test_parts_on_one_machine_share_its_cores() -> None:
    system = System(Mode.ROW, "redis", processes=1)
    alone, shared, single = (drained(replace(system, shared_cores=cores)) for cores in (0, 2, 1))
    assert alone > shared > single


def test_message_in_flight_is_one_whose_task_has_not_ended() -> None:
    short, long = (
        Simulation(with_task(seconds), System(Mode.DIRECT, "sqs", workers=8), Load(500)) for seconds in (1e-4, 0.02)
    )
    for simulation in (short, long):
        simulation.run(2.0)
    assert long.most_in_flight > 1.3 * short.most_in_flight
