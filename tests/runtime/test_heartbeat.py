"""Hung processes: a parent kills hung children, and children report hung parents."""

import subprocess
import sys
import time

from djbundle.runtime.process.heartbeat import MAX_MISSED_BEATS, AncestorMonitor, Heartbeat

# One child waits for a lock that it holds itself, another computes for ever, a third one beats and is left alone.
STUCK = """
import os, threading, time
from djbundle.runtime.process.child import Child
from djbundle.runtime.process.heartbeat import Heartbeat
from djbundle.runtime.process import forking
from djbundle.runtime.process.supervisor import Supervisor

def waits():
    heartbeats["waits"].beat()
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

def computes():
    heartbeats["computes"].beat()
    while True:
        pass

def beats():
    while True:
        heartbeats["beats"].beat()
        time.sleep(0.1)

heartbeats = {name: Heartbeat(1) for name in ("waits", "computes", "beats")}
forking.reset_signals_in_children()
children = [Child(name, name, globals()[name], heartbeat=heartbeat) for name, heartbeat in heartbeats.items()]
with Supervisor(children, grace=1, is_proven=True) as supervisor:
    def look():
        done = all(child.quick_exits for child in children if child.name != "beats")
        supervisor.stop(0) if done else supervisor.call_at(time.monotonic() + 0.1, look)
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
    heartbeat = Heartbeat.of_app(0.000001)
    assert not heartbeat.is_stale(since=0)
    heartbeat.beat()
    assert heartbeat.is_stale(since=0)
    heartbeat.reset()
    assert not heartbeat.is_stale(since=0), "another process is loading it"


def test_late_heartbeat_is_reported_once() -> None:
    heartbeat = Heartbeat(1000, report_after=0.01)
    heartbeat.beat()
    assert not heartbeat.becomes_late(since=time.monotonic())
    time.sleep(0.02)
    assert heartbeat.becomes_late(since=0)
    assert not heartbeat.becomes_late(since=0)
    assert not heartbeat.is_stale(since=0)


def test_heartbeat_goes_through_an_exec() -> None:
    """This is needed since the candidate of a takeover is another program."""
    heartbeat = Heartbeat.of_app(30)
    code = f"from djbundle.runtime.process.heartbeat import Heartbeat; Heartbeat.of_app(30, {heartbeat.file}).beat()"
    assert heartbeat.file
    subprocess.run([sys.executable, "-c", code], check=True, pass_fds=[heartbeat.file])
    assert heartbeat.times()[0] > 0


def test_processes_above_are_monitored() -> None:
    app = Heartbeat.of_app(30)
    monitor = AncestorMonitor(app)

    def live(beats: int, *, app_beats: bool = True, supervisor_answers: bool = True) -> list[str]:
        for _ in range(beats):
            if app_beats:
                app.beat()
            if supervisor_answers:
                app.beat_as_parent()
            monitor.check()
        return monitor.problems()

    assert live(2 * MAX_MISSED_BEATS, supervisor_answers=False) == [], (
        "one that has never answered is of an older version"
    )
    assert live(2) == []
    assert live(MAX_MISSED_BEATS, supervisor_answers=False) == []
    assert live(1, supervisor_answers=False) == ["the supervisor does not answer"]
    assert live(1) == []
    assert live(MAX_MISSED_BEATS + 1, app_beats=False) == ["the process that restarts the others does not answer"]
    assert live(1) == []


def test_each_beat_checks_the_processes_above() -> None:
    app, web = Heartbeat.of_app(30), Heartbeat(30)
    app.beat()
    web.monitor = AncestorMonitor(app)
    for _ in range(MAX_MISSED_BEATS + 2):
        web.beat()
    assert web.monitor.problems()
