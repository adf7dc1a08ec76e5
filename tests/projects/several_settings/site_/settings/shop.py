from site_.settings.base import *  # noqa: F403
