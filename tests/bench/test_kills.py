"""Every engine keeps its promises while web processes, workers, relays, databases and brokers are killed."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ci.bench.engine_kills.engines import ENGINES, Engine
from ci.bench.engine_kills.ledger import Fate
from ci.bench.engine_kills.trace import Kill, causes, note, runs
from ci.bench.engine_kills.victims import harms, plan
from tests.conftest import REPOSITORY

OURS = [name for name in ENGINES if name not in {"direct", "celery"}]  # those with a row for each task


def run_kills(engine: str, tasks: int, kills: int) -> None:
    command = [sys.executable, "-m", "ci.bench.kills", engine, "--json"]
    sizes = ["--tasks", str(tasks), "--kills", str(kills)]
    result = subprocess.run(
        [*command, *sizes], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=900
    )
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert (report["promised"], report["kills"]) == (tasks, kills)
    assert (report["lost"], report["unrecorded"], report["recorded twice"], report["uncommitted"]) == (0, 0, 0, 0)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mariadb"])
def test_nothing_is_lost_or_recorded_twice(engine: str) -> None:
    run_kills(engine, 300, 6)


@pytest.mark.slow  # what a broker has lost is sent again after a minute
@pytest.mark.parametrize("engine", OURS)
def test_nothing_is_lost_or_recorded_twice_in_a_longer_run(engine: str) -> None:
    run_kills(engine, 3000, 22)


def test_each_harm_is_done_equally_often() -> None:
    engine = Engine("sqlite", {})
    planned = plan(engine, 3 * len(harms(engine)), 1)
    assert {planned.count(name) for name in harms(engine)} == {3}
    assert planned == plan(engine, len(planned), 1)
    assert set(plan(engine, 20, 1, ["web"])) == {*harms(engine)} - {"web"}


@pytest.mark.parametrize("broken", ["lost", "unrecorded", "recorded_twice", "uncommitted"])
def test_a_broken_promise_is_no_sound_fate(broken: str) -> None:
    sound = Fate(promised=1, lost=0, unrecorded=0, recorded_twice=0, given_up=0, uncommitted=0, run_again=1)
    assert sound.is_sound
    changed: dict[str, Any] = {broken: 1}
    assert not dataclasses.replace(sound, **changed).is_sound


def test_runs_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    assert not runs(path)
    for number in (1, 2, 1, -3):
        note(str(path), number)
    assert runs(path) == {1: 2, 2: 1, -3: 1}


def test_each_second_run_has_the_kill_before_it_as_its_cause(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    assert not causes(path, [Kill("web", 0, 0)])
    for number in (1, 2, 3, 2, 1, 5, 1, 4, 4):
        note(str(path), number)
    kills = [Kill("web", 0, 0), Kill("worker", 4, 4), Kill("broker", 10, 12)]
    assert causes(path, kills) == {"worker": 2, "broker": 1, "no kill": 1}
