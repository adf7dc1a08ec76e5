"""A module of tasks that ends the process that imports it."""

import os
import sys

from django.tasks import task

if os.environ.get("TASKS_TEST_KEYS") != "mended":
    sys.exit(3)


@task
def follow(value: str) -> str:
    return value
