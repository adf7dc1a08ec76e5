"""Hung processes: a parent kills hung children, and children report hung parents."""

import subprocess
import sys

from djbundle.runtime.process.heartbeat import PATIENCE, Heart, Watch

# One child waits for a lock that it holds itself, another computes for ever, a third one beats and is left alone.
STUCK = """
import os, threading, time
from djbundle.runtime.process.child import Child
from djbundle.runtime.process.heartbeat import Heart
from djbundle.runtime.process import forking
from djbundle.runtime.process.supervisor import Supervisor

def waits():
    hearts["waits"].beat()
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

def computes():
    hearts["computes"].beat()
    while True:
        pass

def beats():
    while True:
        hearts["beats"].beat()
        time.sleep(0.1)

hearts = {name: Heart(1) for name in ("waits", "computes", "beats")}
forking.guard_forks()
children = [Child(name, name, globals()[name], heart=heart) for name, heart in hearts.items()]
with Supervisor(children, grace=1, proven=True) as supervisor:
    def look():
        done = all(child.quick_deaths for child in children if child.name != "beats")
        supervisor.stop(0) if done else supervisor.at(time.monotonic() + 0.1, look)
    look()
    supervisor.run()
"""


def test_child_that_is_stuck_is_started_again() -> None:
    result = subprocess.run([sys.executable, "-c", STUCK], stderr=subprocess.PIPE, text=True, timeout=60, check=True)
    for name in ("waits", "computes"):
        assert f"{name} (process " in result.stderr
        assert f"{name} was killed by SIGKILL; it is started again" in result.stderr
    assert "beats" not in result.stderr


def test_process_that_loads_the_site_may_take_its_time() -> None:
    heart = Heart.of_app(0.000001)
    assert not heart.is_silent(since=0)
    heart.beat()
    assert heart.is_silent(since=0)
    heart.begin()
    assert not heart.is_silent(since=0), "another process is loading it"


def test_heart_goes_through_an_exec() -> None:
    """This is needed since the candidate of a takeover is another program."""
    heart = Heart.of_app(30)
    code = f"from djbundle.runtime.process.heartbeat import Heart; Heart.of_app(30, {heart.file}).beat()"
    assert heart.file
    subprocess.run([sys.executable, "-c", code], check=True, pass_fds=[heart.file])
    assert heart.times()[0] > 0


def test_those_above_are_watched() -> None:
    app = Heart.of_app(30)
    watch = Watch(app)

    def live(beats: int, *, app_beats: bool = True, supervisor_answers: bool = True) -> list[str]:
        for _ in range(beats):
            if app_beats:
                app.beat()
            if supervisor_answers:
                app.answer()
            watch.look()
        return watch.problems()

    assert live(2 * PATIENCE, supervisor_answers=False) == [], "one that has never answered is of an older version"
    assert live(2) == []
    assert live(PATIENCE, supervisor_answers=False) == []
    assert live(1, supervisor_answers=False) == ["the supervisor does not answer"]
    assert live(1) == []
    assert live(PATIENCE + 1, app_beats=False) == ["the process that starts the others again does not answer"]
    assert live(1) == []


def test_beats_look_at_those_above() -> None:
    app, web = Heart.of_app(30), Heart(30)
    app.beat()
    web.watch = Watch(app)
    for _ in range(PATIENCE + 2):
        web.beat()
    assert web.watch.problems()
