"""The entry of ``healthcheck`` in ``help``."""

from djbundle.runtime.management.own_command import OwnCommand


class Command(OwnCommand):
    help = "Asks the running site whether it is up; for container health checks."
