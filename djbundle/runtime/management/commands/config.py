"""The ``config`` command: the changes of the settings overlay, and the environment variables."""

import json
import os
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.views.debug import SafeExceptionReporterFilter

from djbundle.manifest import Variable
from djbundle.runtime.cli import management_commands
from djbundle.runtime.cli.change.env import describe, source_of
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.logs import masking


class Command(BaseCommand):
    help = "Shows each setting that the bundle changed, and each environment variable that the settings read."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *_args: Any, **options: Any) -> None:
        bundle, changes = management_commands.context.bundle, management_commands.context.changes
        variables = [describe_variable(variable) for variable in bundle.manifest.variables]
        if options["json"]:
            shown = {
                change.setting: {"value": mask(change.setting, change.value), "reason": change.reason}
                for change in changes
            }
            output = {"settings_module": bundle.manifest.settings_module, "data_directory": str(bundle.data)}
            output |= {"uploads": describe_uploads(bundle)}
            self.stdout.write(json.dumps(output | {"changes": shown, "variables": variables}, indent=1, default=str))
            return
        self.stdout.write(f"settings module  {bundle.manifest.settings_module}\ndata directory   {bundle.data}\n")
        self.stdout.write(f"uploads          {describe_uploads(bundle)}\n")
        for change in changes:
            self.stdout.write(f"{change.setting}  # {change.reason}")
            value = mask(change.setting, change.value)
            self.stdout.write(f"    {str(value) if isinstance(value, Path) else value!r}\n")
        if variables:
            self.stdout.write("environment variables that the settings read")
        for each in variables:
            value = "not set" if each["value"] is None else repr(each["value"])
            self.stdout.write(f"    {each['name']}  {value}  # {describe(each)}")


def describe_uploads(bundle: Bundle) -> str:
    """Describe who may read the uploads."""
    from django.conf import settings  # noqa: PLC0415 - the overlay has changed them by now

    from djbundle.runtime.files.static_files import local_path  # noqa: PLC0415 - likewise
    from djbundle.runtime.files.uploads import reason_not_to_serve  # noqa: PLC0415

    prefix = local_path(settings.MEDIA_URL)
    if reason := reason_not_to_serve(bundle, prefix):
        return f"not served: {reason}"
    return f"public: {settings.MEDIA_ROOT} is served at {prefix}, less what a route of the project's has; --no-media"


def describe_variable(variable: Variable) -> dict[str, Any]:
    """Describe a variable with its current value, masked where its name is that of a secret."""
    value = os.environ.get(variable.name)
    shown = {"value": None if value is None else mask(variable.name, value)}
    return asdict(variable) | shown | {"source": source_of(management_commands.context.bundle, variable.name)}


def mask(name: str, value: Any) -> Any:
    """Replace passwords and keys in the value by asterisks, following Django's rules and those of the log."""
    return masking.hide(name, SafeExceptionReporterFilter().cleanse_setting(name, value))
