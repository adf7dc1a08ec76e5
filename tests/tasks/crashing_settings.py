"""Settings with an app that kills its process, see crashing.py."""

from tests.tasks.settings import *  # noqa: F403
from tests.tasks.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.tasks.crashing.CrashingConfig"]
