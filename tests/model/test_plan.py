"""A plan carries its rate, is not larger than it must be, and names the first wall."""

from dataclasses import replace

import pytest

from ci.model import quotas
from ci.model.capacity import capacities
from ci.model.costs import Share
from ci.model.plan import make_plan, simulate
from ci.model.system import Mode, System
from tests.model.costs import COSTS, with_task


def test_overload_is_seen() -> None:
    system = System(Mode.ROW, "redis", workers=1)
    limit = capacities(COSTS, system)["worker"]
    assert simulate(COSTS, system, 0.7 * limit).is_bounded
    overloaded = simulate(COSTS, system, 1.5 * limit)
    assert not overloaded.is_bounded
    assert overloaded.waits_for == "worker"


def test_relay_that_is_short_is_named() -> None:
    costs = replace(COSTS, mark_sent=replace(COSTS.mark_sent, client=Share(0.0, 1e-3)))
    assert simulate(costs, System(Mode.ROW, "redis", workers=8), 2_000).waits_for == "relay"


def test_plan_of_four_times_the_rate_has_about_four_times_the_workers() -> None:
    small, large = (make_plan(COSTS, rate, Mode.ROW, "redis") for rate in (60_000, 240_000))
    assert large.workers == pytest.approx(4 * small.workers, rel=0.25)
    assert large.databases > small.databases


@pytest.mark.parametrize(
    ("mode", "rate", "wall"),
    [
        (Mode.ROW, 1_000, ""),
        (Mode.ROW, 250_000, "database"),
        (Mode.DIRECT, 1_000, ""),
        (Mode.DIRECT, 25_000, "queue"),
    ],
)
def test_wall_is_the_first_part_of_which_one_is_not_enough(mode: Mode, rate: float, wall: str) -> None:
    assert make_plan(COSTS, rate, mode, "redis").wall == wall


def test_longer_tasks_need_more_queues_of_sqs() -> None:
    short, long = (make_plan(costs, 1_000_000, Mode.DIRECT, "sqs") for costs in (COSTS, with_task(0.03)))
    assert long.queues > short.queues
    assert long.wall == "in flight"


def test_requests_are_paid_for_in_steps() -> None:
    plan = make_plan(COSTS, 1_000, Mode.DIRECT, "sqs")
    first = replace(plan, trial=replace(plan.trial, requests=1_000), parts=1)
    assert first.dollars == pytest.approx(1_000 * 86_400 * 0.40e-6)
    many = replace(plan, trial=replace(plan.trial, requests=1_000_000), parts=1)
    assert 1_000_000 * 86_400 * 0.24e-6 < many.dollars < 1_000_000 * 86_400 * 0.40e-6
    assert make_plan(COSTS, 1_000, Mode.DIRECT, "redis").dollars == 0


def test_database_is_also_limited_by_its_disk() -> None:
    loud = replace(COSTS, enqueue=replace(COSTS.enqueue, written=1e6))
    system = System(Mode.ROW, "redis")
    assert capacities(loud, system)["database"] < quotas.DISK_BYTES / 1e6
