"""An app that kills its process once, between two steps of a task, as the environment says. For test_crashes.py.

A process that reaches the point creates a file, so the next one that reaches it goes on.
"""

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

from django.apps import AppConfig


class Step(NamedTuple):
    """A function that does a step, and whether its process dies before or after the call."""

    owner: Any
    name: str
    is_after: bool = False
    first: Callable[[], object] = lambda: None  # is done before the process dies
    tasks: Callable[[Any, Any], object] = lambda args, _result: args[-1]  # of the call: false if there are none


class CrashingConfig(AppConfig):
    name = "tests.tasks.crashing"
    path = "/nonexistent"  # it has no files

    def ready(self) -> None:
        import datetime  # noqa: PLC0415 - all of this only in processes that crash

        from djbundle.tasks.engine import sending  # noqa: PLC0415 - needs the models
        from djbundle.tasks.engine.sqs import client  # noqa: PLC0415 - as above

        sending.RESEND_AFTER = datetime.timedelta(seconds=2)  # so that no test waits for a minute
        client.WAIT_SECONDS = 1  # nor for a request of a process that is dead
        if "TASKS_TEST_CRASH" in os.environ:
            crash_at(steps()[os.environ["TASKS_TEST_CRASH"]], os.environ["TASKS_TEST_CRASHED"])


def steps() -> dict[str, Step]:
    """Return the points at which a process may die, in the order in which a task reaches them."""
    from djbundle.tasks.engine import broker, messages, receiver, sending  # noqa: PLC0415 - needs the models
    from djbundle.tasks.engine.direct_runs import DirectRuns  # noqa: PLC0415 - as above
    from djbundle.tasks.store import claim, transitions  # noqa: PLC0415 - as above
    from djbundle.tasks.worker.process.outbox import Outbox  # noqa: PLC0415 - as above

    return {
        "marked, not sent": Step(sending, "mark_sent", is_after=True, tasks=lambda _args, sent: sent.keys),
        "sent, not marked": Step(broker.Broker, "publish", is_after=True, first=lose_marks),
        "received, not acknowledged": Step(messages, "accept"),
        "acknowledged, not passed on": Step(receiver.Receiver, "pass_on"),
        "claimed, not run": Step(claim, "_claim_runs", is_after=True, tasks=lambda _args, runs: runs),
        "run, not reported": Step(Outbox, "add"),
        "reported, not recorded": Step(transitions, "finish"),
        "recorded, not known": Step(transitions, "finish", is_after=True),
        "run, not acknowledged": Step(DirectRuns, "acknowledge_written", tasks=lambda args, _result: args[0]._ended),
    }


def lose_marks() -> None:
    """Undo the marks of sent tasks, as a crash of the database does: their commit does not wait for the disk."""
    from djbundle.tasks.models import TaskRecord  # noqa: PLC0415 - as above

    TaskRecord.objects.update(sent_at=None)


def crash_at(step: Step, path: str) -> None:
    """Let the first process die that does this step with a task. Workers also ask for none, and write none."""
    call = getattr(step.owner, step.name)

    def crashing(*args: Any, **options: Any) -> Any:
        if not step.is_after and step.tasks(args, None):
            die_once(step, path)
        result = call(*args, **options)
        if step.is_after and step.tasks(args, result):
            die_once(step, path)
        return result

    setattr(step.owner, step.name, crashing)


def die_once(step: Step, path: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        step.first()
        os.kill(os.getpid(), signal.SIGKILL)
