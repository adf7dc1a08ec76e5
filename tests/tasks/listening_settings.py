"""Settings with an app that listens, see listening.py."""

from tests.tasks.settings import *  # noqa: F403
from tests.tasks.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.tasks.listening.ListeningConfig"]
