"""The model of ci/model has the limits of the relay and of the worker. It uses the relay's own rules for the supply."""

import pytest

from ci.model import simulation, worker
from ci.model.system import Mode, System
from djbundle.tasks.engine import relay, supply
from djbundle.tasks.worker import claiming, process_handle
from tests.model.costs import COSTS


@pytest.mark.parametrize(
    ("model", "code", "names"),
    [
        (simulation, relay, ["BATCH"]),
        (worker, claiming, ["CLAIM_LIMIT"]),
        (worker, process_handle, ["PREFETCH_SECONDS", "MAX_PREFETCH", "REFILL_SHARE"]),
    ],
)
def test_limits_are_the_same(model: object, code: object, names: list[str]) -> None:
    assert {name: getattr(model, name) for name in names} == {name: getattr(code, name) for name in names}


@pytest.mark.parametrize("relays", [1, 2, 4])
def test_each_simulated_relay_learns_the_rate_of_all_workers(monkeypatch: pytest.MonkeyPatch, relays: int) -> None:
    """The supply of each has the clock of the simulation, and counts what the others send."""
    made: list[supply.Supply] = []
    make = simulation.Simulation._supply

    def unsettled(self: simulation.Simulation) -> supply.Supply:
        made.append(make(self))
        made[-1].rate, made[-1].window = 0.0, supply.MIN_WINDOW
        return made[-1]

    monkeypatch.setattr(simulation.Simulation, "_supply", unsettled)
    rate = 4000.0
    simulated = simulation.Simulation(
        COSTS, System(Mode.ROW, "redis", workers=4, relays=relays), simulation.Load(rate=rate)
    )
    simulated.run(3.0)
    assert len(made) == relays
    assert sum(each.rate for each in made) / relays == pytest.approx(rate, rel=0.25)
