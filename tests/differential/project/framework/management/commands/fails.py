from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    def handle(self, **options):
        raise CommandError("refused on purpose", returncode=7)
