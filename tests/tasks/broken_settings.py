"""Settings with which the worker fails, see breaking.py."""

from tests.tasks.settings import *  # noqa: F403
from tests.tasks.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.tasks.breaking.BreakingConfig"]
