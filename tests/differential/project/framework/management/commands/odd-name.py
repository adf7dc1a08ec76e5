"""A command whose module has a dash in its name."""

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "An odd command."

    def add_arguments(self, parser):
        parser.add_argument("--times", type=int, default=1)
        parser.add_argument("words", nargs="*")

    def handle(self, *args, times, words, **options):
        self.stdout.write(self.style.SUCCESS(" ".join(words * times)))
        self.stderr.write("an error line")
        return "returned text"
