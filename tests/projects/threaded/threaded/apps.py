import os

from django.apps import AppConfig


class ThreadedConfig(AppConfig):
    name = "threaded"

    def ready(self):
        if kind := os.environ.get("THREADS"):
            from threaded import background  # noqa: PLC0415 - only with threads

            background.STARTS[kind]()
