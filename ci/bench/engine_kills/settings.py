"""The project whose processes are killed: djbundle's tasks in the database that the environment names."""

import os

from tests.tasks.settings import *  # noqa: F403
from tests.tasks.settings import INSTALLED_APPS, TASKS

INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "tests.tasks"]
TASKS["default"]["QUEUES"] = ["default"]
ATOMIC_REQUESTS = False
if "KILLS_NATS" in os.environ:
    INSTALLED_APPS += ["tests.support.nats_tasks"]
    url = {"OPTIONS": {"URL": os.environ["KILLS_NATS"]}}
    TASKS["engine"] = {"BACKEND": "tests.support.nats_tasks.backend.NatsBackend", **url}
