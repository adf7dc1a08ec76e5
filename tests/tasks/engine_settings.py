"""Settings with another backend as the engine.

It is one of Django's that runs a task at once, RQ if a Redis is named, or the example on NATS if that is named.
"""

import os

from tests.tasks.settings import *  # noqa: F403
from tests.tasks.settings import INSTALLED_APPS, TASKS

QUEUES = ["default", "mails"]
TASKS = {
    "default": TASKS["default"] | {"OPTIONS": {"ENGINE": "engine", "RATE_LIMITS": {"mails": "100/s"}}},
    "engine": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend", "QUEUES": QUEUES},
}
if "TASKS_TEST_RQ" in os.environ:
    INSTALLED_APPS = [*INSTALLED_APPS, "django_rq"]
    RQ_QUEUES = {name: {"URL": os.environ["TASKS_TEST_RQ"]} for name in QUEUES}
    TASKS["engine"] = {"BACKEND": "django_tasks_rq.RQBackend", "QUEUES": QUEUES}
if "TASKS_TEST_NATS" in os.environ:
    INSTALLED_APPS = [*INSTALLED_APPS, "tests.support.nats_tasks"]
    NATS_OPTIONS = {"URL": os.environ["TASKS_TEST_NATS"]}
    TASKS["engine"] = {
        "BACKEND": "tests.support.nats_tasks.backend.NatsBackend",
        "QUEUES": QUEUES,
        "OPTIONS": NATS_OPTIONS,
    }
