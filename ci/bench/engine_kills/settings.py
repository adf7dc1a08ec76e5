"""The project whose processes are killed: djbundle's tasks in the database that the environment names."""

from tests.tasks.settings import *  # noqa: F403
from tests.tasks.settings import INSTALLED_APPS, TASKS

INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "tests.tasks"]
TASKS["default"]["QUEUES"] = ["default"]
ATOMIC_REQUESTS = False
