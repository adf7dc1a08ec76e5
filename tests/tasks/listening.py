"""An app that loads the hostile followers in the worker; variables make it listen to signals, or impatient."""

import importlib
import os
import sys
from typing import Any

from django.apps import AppConfig


class ListeningConfig(AppConfig):
    name = "tests.tasks.listening"
    path = "/nonexistent"  # it has no files

    def ready(self) -> None:
        from django.db.models.signals import post_save, pre_save  # noqa: PLC0415 - as they are needed
        from django.tasks.signals import task_enqueued  # noqa: PLC0415

        importlib.import_module("tests.tasks.hostile_followers")
        if "TASKS_TEST_LISTEN" in os.environ:
            for signal in (task_enqueued, pre_save, post_save):
                signal.connect(leave, weak=False)
        if "TASKS_TEST_IMPATIENT" in os.environ:
            from djbundle.tasks.worker import process_handle  # noqa: PLC0415 - needs the models

            process_handle.START_TIMEOUT, process_handle.RECALL_TIMEOUT = 0.5, 2.0


def leave(sender: Any, **_: Any) -> None:
    if getattr(sender, "__name__", "") in ("DatabaseBackend", "TaskRecord", "TaskGroup"):
        sys.exit(3)
