"""What the settings overlay changed."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.views.debug import SafeExceptionReporterFilter

from djbundle.runtime import commands
from djbundle.runtime.settings import Change


class Command(BaseCommand):
    help = "Shows every setting that the bundle changed, and why. Secrets are masked."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *_args: Any, **options: Any) -> None:
        bundle, changes = commands.running.bundle, commands.running.changes
        if options["json"]:
            shown = {change.setting: {"value": mask(change), "reason": change.reason} for change in changes}
            facts = {"settings_module": bundle.manifest.settings_module, "data_directory": str(bundle.data)}
            self.stdout.write(json.dumps(facts | {"changes": shown}, indent=1, default=str))
            return
        self.stdout.write(f"settings module  {bundle.manifest.settings_module}\ndata directory   {bundle.data}\n")
        for change in changes:
            self.stdout.write(f"{change.setting}  # {change.reason}")
            self.stdout.write(f"    {mask(change)!r}\n")


def mask(change: Change) -> Any:
    """The value, with what looks like a password or key in it as asterisks; Django's own rules of what does."""
    return SafeExceptionReporterFilter().cleanse_setting(change.setting, change.value)
