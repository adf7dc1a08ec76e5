"""Kills and restarts processes and servers. Each function has a name that the report shows."""

import contextlib
import random
import time
from collections.abc import Callable, Collection

import psutil

from ci.bench.engine_kills.engines import LEASE, Engine
from ci.bench.engine_kills.scene import Scene

Harm = Callable[[Scene], object]


def kill_web(scene: Scene) -> None:
    scene.running["web"].kill()


def kill_worker(scene: Scene) -> None:
    scene.main("worker").kill()


def kill_elsewhere(scene: Scene) -> None:
    """Kill the other machine, with all that runs on it."""
    scene.main("elsewhere").kill()


def kill_relay(scene: Scene) -> None:
    """Kill the relay of the web machine, with the process that sends, perhaps between send and mark."""
    for each in [scene.main("relay"), *scene.main("relay").children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def kill_helper(scene: Scene) -> None:
    """Kill the relay or the receiver of a worker."""
    _kill_one(scene, "worker")


def kill_task_process(scene: Scene) -> None:
    _kill_one(scene, "task")


def kill_celery_process(scene: Scene) -> None:
    if children := scene.main(random.choice(["worker", "elsewhere"])).children():
        random.choice(children).kill()


def _kill_one(scene: Scene, kind: str) -> None:
    if found := scene.children(random.choice(["worker", "elsewhere"]), kind):
        random.choice(found).kill()


def stop_worker(scene: Scene) -> None:
    """Stop a worker for longer than its lease and the visibility of messages."""
    name = random.choice(["worker", "elsewhere"])
    scene.stop(name)
    time.sleep(2 * LEASE)
    scene.go_on(name)


def kill_other(scene: Scene) -> None:
    """Kill a worker of the other backend. What it has started goes on."""
    scene.main("other").kill()


def kill_other_elsewhere(scene: Scene) -> None:
    """Kill the machine of such a worker, with the tasks that run there."""
    scene.main("other elsewhere").kill()


def kill_other_process(scene: Scene) -> None:
    """Kill a process that runs a task for such a worker, if one does at this moment."""
    if running := scene.main("other").children():
        random.choice(running).kill()


def stop_other(scene: Scene) -> None:
    """Stop the machine of such a worker for longer than the lease of a task that runs there."""
    scene.stop("other elsewhere")
    time.sleep(2 * LEASE)
    scene.go_on("other elsewhere")


def restart_database(scene: Scene) -> None:
    assert scene.engine.database
    scene.engine.database.restart()


def restart_broker(scene: Scene) -> None:
    scene.engine.restart_broker()


def empty_broker(scene: Scene) -> None:
    scene.engine.empty_broker()


def freeze_broker(scene: Scene) -> None:
    scene.engine.freeze_broker(LEASE)


def harms(engine: Engine) -> dict[str, Harm]:
    """Return everything that is done to this engine, by its name in the report."""
    found: dict[str, Harm] = {"web": kill_web, "worker": kill_worker, "machine": kill_elsewhere}
    if engine.name == "celery":
        found |= {"task process": kill_celery_process}
    else:
        found |= {"task process": kill_task_process, "worker stopped": stop_worker}
    if engine.has_other_workers:
        del found["task process"]  # ours run no task
        found |= {"other worker": kill_other, "other process": kill_other_process}
        found |= {"other machine": kill_other_elsewhere, "other stopped": stop_other}
    if engine.database:
        found["database"] = restart_database
    if engine.broker:
        found |= {"broker": restart_broker, "broker emptied": empty_broker, "broker stopped": freeze_broker}
        if engine.name != "celery":
            found |= {"relay": kill_relay, "relay or receiver": kill_helper}
    return found


def plan(engine: Engine, kills: int, seed: int, spared: Collection[str] = ()) -> list[str]:
    """Return the names of the actions in random order, each equally often."""
    names = [name for name in harms(engine) if name not in spared]
    todo = [names[number % len(names)] for number in range(kills)]
    random.Random(seed).shuffle(todo)
    return todo
