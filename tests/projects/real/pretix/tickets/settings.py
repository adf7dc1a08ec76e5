from pretix.settings import *  # noqa: F403 - a settings module of its own is all that is added
