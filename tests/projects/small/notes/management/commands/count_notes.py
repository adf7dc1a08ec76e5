from typing import Any

from django.core.management.base import BaseCommand

from notes.models import Note


class Command(BaseCommand):
    help = "Prints the number of notes."

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write(str(Note.objects.count()))
