import contextlib

from django.apps import AppConfig


class NotesConfig(AppConfig):
    name = "notebook.notes"

    def ready(self):
        with contextlib.suppress(ImportError):
            import notebook.notes.signals  # noqa: F401
