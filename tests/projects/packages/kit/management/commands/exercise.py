import json
import traceback
from typing import Any

from django.core.management.base import BaseCommand

from kit import exercises


class Command(BaseCommand):
    help = "Uses every package, and prints what each gave or the traceback."

    def handle(self, *_args: Any, **_options: Any) -> None:
        told = {}
        for exercise in exercises.ALL:
            try:
                told[exercise.__name__] = str(exercise())
            except Exception:
                told[exercise.__name__] = traceback.format_exc()
        self.stdout.write(json.dumps(told))
