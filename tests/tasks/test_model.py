"""The model of ci/model has the limits and the rules of the relay and of the worker."""

import random
import time

import pytest

from ci.model import supply, worker
from djbundle.tasks.engine import relay
from djbundle.tasks.worker import claiming, process_handle


@pytest.mark.parametrize(
    ("model", "code", "names"),
    [
        (supply, relay, ["BATCH", "FULL_INTERVAL", "MIN_WINDOW", "MAX_WINDOW", "SUPPLY_SECONDS", "CHUNK_SECONDS"]),
        (supply, relay, ["MAX_CHUNK", "SMOOTHING"]),
        (worker, claiming, ["CLAIM_LIMIT"]),
        (worker, process_handle, ["PREFETCH_SECONDS", "MAX_PREFETCH", "REFILL_SHARE"]),
    ],
)
def test_limits_are_the_same(model: object, code: object, names: list[str]) -> None:
    assert {name: getattr(model, name) for name in names} == {name: getattr(code, name) for name in names}


def test_supply_of_the_model_decides_as_the_relay_does(monkeypatch: pytest.MonkeyPatch) -> None:
    now, numbers = 100.0, random.Random(1)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    simulated, real = supply.Supply(measured_at=now), relay.Supply(measured_at=now)
    for _ in range(500):
        now += numbers.choice((0.001, 0.02, 0.5))
        left = numbers.randrange(0, simulated.window)
        simulated.measure(left, now)
        real.measure(left)
        assert simulated.room == real.room
        sent = numbers.randrange(0, 500)
        simulated.sent += sent
        real.sent += sent
    assert simulated.rate == real.rate > 0
