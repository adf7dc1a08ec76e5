"""The entry of ``uninstall`` in ``help``."""

from djbundle.runtime.management.own_command import OwnCommand


class Command(OwnCommand):
    help = "Stops the systemd service that `install` has made, and removes it; the data stays."
