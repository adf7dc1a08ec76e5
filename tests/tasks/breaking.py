"""An app that makes the worker fail in each turn once it runs tasks, by a fault that no task has caused.

``TASKS_TEST_FAULT``: with "exit", the process would exit at once; with "write", it cannot write outcomes either.
"""

import os

from django.apps import AppConfig


class BreakingConfig(AppConfig):
    name = "tests.tasks.breaking"
    path = "/nonexistent"  # it has no files

    def ready(self) -> None:
        from djbundle.tasks.worker import database_backoff  # noqa: PLC0415 - apps are loaded later
        from djbundle.tasks.worker.pending_writes import PendingWrites  # noqa: PLC0415
        from djbundle.tasks.worker.process_pool import ProcessPool  # noqa: PLC0415

        fault = os.environ.get("TASKS_TEST_FAULT", "")

        def cancel(pool: ProcessPool, _pks: object) -> None:
            if any(child.assignments.running for child in pool.children):
                raise SystemExit(3) if fault else RuntimeError("a fault of the worker's")

        def write(self: PendingWrites) -> None:
            raise SystemExit(3)

        if fault == "write":
            PendingWrites.write = write  # type: ignore[method-assign]

        database_backoff.MAX_FAULTS = 3
        ProcessPool.cancel = cancel  # type: ignore[method-assign,assignment]
