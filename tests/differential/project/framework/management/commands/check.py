"""A command of the project that replaces one of Django's."""

from django.core.management.commands.check import Command as Original


class Command(Original):
    help = "Replaced."
